"""An account at moto's server, which is another implementation of S3, with and without its check of signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp.catalog import open_integration
from tests.actions.conftest import Bench
from tests.support.servers.s3 import KEYS, Storage, emptied, serving

CONFIG = {"region": "eu-west-3", "default_bucket": "backups"}


def account(endpoint: str, keys: dict[str, str] = KEYS, **config: Any) -> Any:
    config = {**CONFIG, "endpoint": endpoint, **config}
    return open_integration("aws_s3", id="1", name="Our bucket", config=config, credentials=keys)


def bench(endpoint: str, keys: dict[str, str] = KEYS, **config: Any) -> Bench:
    return Bench(integrations={"aws_s3": account(endpoint, keys, **config)})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def s3(server: str) -> Storage:
    emptied()
    return Storage(server)


@pytest.fixture
def s3_signed(s3: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The same with its check of signatures on."""
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
    return s3


@pytest.fixture
def run(s3: Storage) -> Bench:
    s3.bucket("backups")
    return bench(s3.url)
