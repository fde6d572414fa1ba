"""Real services for every test that asks for them; one of each kind for each pytest-xdist worker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import socket_allow_hosts

from tests.support.sink import Sink, running_sink
from tests.support.smtp import SmtpServer, start_smtp

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = ["127.0.0.1", "::1", "localhost"]
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """No test reaches farther than this machine."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running cluster with a migrated template database."""
    from tests.support.postgres import running_postgres

    with running_postgres() as cluster:
        _migrate(cluster.create_template(), tmp_path_factory.mktemp("postgres"))
        yield cluster


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file to copy."""
    folder = tmp_path_factory.mktemp("sqlite")
    _migrate(f"sqlite:///{folder}/flowapp.db", folder)
    return folder / "flowapp.db"


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    from tests.support.valkey import running_valkey

    with running_valkey() as url:
        yield url


@pytest.fixture(scope="session")
def _smtp() -> Iterator[SmtpServer]:
    smtp, controller = start_smtp()
    yield smtp
    controller.stop()


@pytest.fixture
def valkey_url(_valkey: str) -> Iterator[str]:
    """REDIS_URL of a real, empty Valkey."""
    import redis

    with redis.Redis.from_url(_valkey) as client:
        client.flushall()
    return _valkey


@pytest.fixture
def smtp(_smtp: SmtpServer) -> SmtpServer:
    """A real SMTP server with an empty inbox."""
    _smtp.reset()
    return _smtp


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A real HTTP server that records what it is sent."""
    with running_sink() as running:
        yield running


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """DATABASE_URL of a fresh, migrated database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "flowapp.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        cluster = request.getfixturevalue("postgres")
        name = cluster.create_database()
        yield cluster.url(name)
        cluster.drop_database(name)


@pytest.fixture
def environ(database_url: str, valkey_url: str, smtp: SmtpServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a Flowapp on the test's own services; loopback is allowed as a target of outgoing calls."""
    return base_environ(tmp_path / "data") | {
        "DATABASE_URL": database_url,
        "REDIS_URL": valkey_url,
        "SMTP_URL": smtp.url,
        "FLOWAPP_EGRESS_ALLOW": "127.0.0.0/8",
    }


@pytest.fixture
def settings(environ: dict[str, str]) -> Any:
    from flowapp.config import Settings

    return Settings.from_env(environ)


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    """The application on a fresh database, with real services behind it."""
    from flowapp import create_app
    from flowapp.extensions import db

    application = create_app(settings)
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Any) -> Any:
    """A browser without a session; it does not follow redirects."""
    return app.test_client()


def base_environ(data_dir: Path) -> dict[str, str]:
    """The least a Flowapp process needs, and nothing of the developer's own settings."""
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "FLOWAPP_DATA_DIR": str(data_dir),
        "FLOWAPP_SECRET_KEY": "a-secret-key-for-tests-only",
        "FLOWAPP_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    }


def _migrate(database_url: str, folder: Path) -> None:
    """Runs the command that production runs; a failure shows what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head"],
        cwd=ROOT,
        env=base_environ(folder) | {"DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
