"""The keys that stored secrets need: nothing starts without them, and the message says what to do."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from cryptography.fernet import Fernet

from flowapp import tasks
from flowapp.config import Settings
from flowapp.errors import ConfigError
from flowapp.models import Integration
from flowapp.models.tenancy import tenant_session
from flowapp.security.credentials import Vault
from flowapp.security.installation_keys import check, fingerprint, need
from tests.support.applications import running
from tests.support.tenant import make_tenant

pytestmark = pytest.mark.both_databases
OTHER, THIRD = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def runtime(app: Any) -> Any:
    with app.app_context():
        yield tasks.runtime()


def test_the_first_start_keeps_the_fingerprint_and_a_wrong_key_is_refused(runtime: Any) -> None:
    (key,) = runtime.settings.encryption_keys
    assert check(runtime.engine, [key]) == [fingerprint(key)]
    assert check(runtime.engine, [key]) == [fingerprint(key)]
    with pytest.raises(ConfigError) as refused:
        check(runtime.engine, [OTHER])
    for word in (fingerprint(key), fingerprint(OTHER), "FLOWAPP_ENCRYPTION_KEYS", "rotate-keys --accept-lost"):
        assert word in refused.value.message
    assert key not in refused.value.message


def test_a_new_key_in_front_is_needed_from_then_on(runtime: Any) -> None:
    (key,) = runtime.settings.encryption_keys
    check(runtime.engine, [key])
    assert check(runtime.engine, [OTHER, key]) == [fingerprint(key), fingerprint(OTHER)]
    for too_few in ([key], [OTHER]):
        with pytest.raises(ConfigError):
            check(runtime.engine, too_few)
    need(runtime.engine, [fingerprint(OTHER)])
    assert check(runtime.engine, [OTHER]) == [fingerprint(OTHER)]


def test_secrets_of_a_release_that_kept_no_fingerprint(runtime: Any) -> None:
    tenant = make_tenant(runtime.engine, "Acme")
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        session.add(
            Integration(name="A", integration_type="webhook", credentials=Vault([OTHER]).encrypt({"secret": "x"}))
        )
        session.commit()
    with pytest.raises(ConfigError, match="not known"):
        check(runtime.engine, [THIRD])
    assert check(runtime.engine, [THIRD, OTHER]) == [fingerprint(THIRD), fingerprint(OTHER)]


@pytest.mark.parametrize("process", ["flowapp.security.installation_keys", "flowapp.worker", "flowapp.scheduler"])
def test_no_process_starts_with_a_wrong_key(runtime: Any, environ: dict[str, str], process: str) -> None:
    check(runtime.engine, runtime.settings.encryption_keys)
    ended = subprocess.run(
        [sys.executable, "-m", process],
        env=environ | {"FLOWAPP_ENCRYPTION_KEYS": OTHER},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "encrypted with a key that is not set here" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_web_server_does_not_start_with_a_wrong_key(runtime: Any, environ: dict[str, str]) -> None:
    check(runtime.engine, runtime.settings.encryption_keys)
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", "127.0.0.1:0", "wsgi:app"],
        env=environ | {"FLOWAPP_ENCRYPTION_KEYS": OTHER},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert "encrypted with a key that is not set here" in ended.stderr


def test_the_doctor_says_it(settings: Settings) -> None:
    with running(settings) as app, app.app_context():
        check(tasks.runtime().engine, settings.encryption_keys)
    with running(dataclasses.replace(settings, encryption_keys=(OTHER,))) as app:
        said = app.test_cli_runner().invoke(args=["doctor"]).output
    assert "WRONG  keys" in said
    assert "Put that key into FLOWAPP_ENCRYPTION_KEYS again" in said
