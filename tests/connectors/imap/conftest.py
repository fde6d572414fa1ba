"""Mailboxes on a strict server of our own, and for `make test-all` on Debian's dovecot."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import IntegrationHandle, open_integration
from flowapp.security.addresses import Guard
from tests.actions.conftest import Bench
from tests.security.test_egress import self_signed
from tests.support.servers.dovecot import Dovecot, running_dovecot
from tests.support.servers.imap import ImapServer, running_imap

FULL = os.environ.get("FLOWAPP_TEST_DATABASES") == "both"
SERVERS = ["double", *(["dovecot"] if FULL else [])]


@pytest.fixture(scope="session")
def certificates() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="flowapp-imap-"))
    self_signed(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _double() -> Iterator[ImapServer]:
    with running_imap() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot(certificates: Path) -> Iterator[Dovecot]:
    with running_dovecot(certificates) as server:
        yield server


@pytest.fixture
def double(_double: ImapServer) -> ImapServer:
    _double.reset()
    return _double


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> ImapServer | Dovecot:
    """Mailboxes that are empty."""
    if request.param == "double":
        return request.getfixturevalue("double")
    made: Dovecot = request.getfixturevalue("dovecot")
    made.reset()
    return made


@pytest.fixture
def run(server: ImapServer | Dovecot) -> Bench:
    return bench(account(server))


def account(server: ImapServer | Dovecot, password: str = "", **config: Any) -> IntegrationHandle:
    given = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": server.user, **config}
    credentials = {"password": password or server.password}
    return open_integration("imap", id="1", name="Inbox", config=given, credentials=credentials)


def bench(handle: IntegrationHandle, *allow: str) -> Bench:
    guard = Guard(allow or ("127.0.0.1",))
    return Bench(integrations={"imap": handle}, connect=guard.connect, addresses=guard.addresses)
