"""Real services for every test that asks for them; one of each kind for each pytest-xdist worker."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_socket import socket_allow_hosts

from tests.support import matrix
from tests.support.databases import PostgresDatabase, SqliteDatabase, postgres_database
from tests.support.servers.sink import Sink, running_sink
from tests.support.servers.smtp import SmtpServer, start_smtp

ROOT = Path(__file__).resolve().parents[1]
# How fast a busy machine makes up examples says nothing about the code.
hypothesis_settings.register_profile("flowapp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("flowapp")
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """No test reaches farther than this machine."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not look through half a million objects, a second each time."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whoever asks for a database gets those that tests.support.matrix names for its file."""
    named = {name for mark in metafunc.definition.iter_markers("parametrize") for name in matrix.names(mark)}
    if "database_url" in metafunc.fixturenames and "database_url" not in named:
        metafunc.parametrize("database_url", matrix.databases(metafunc.definition), indirect=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running cluster with a migrated template database."""
    from tests.support.servers.postgres import running_postgres

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
    from tests.support.servers.valkey import running_valkey

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


@pytest.fixture(scope="session")
def _sqlite_database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabase:
    return SqliteDatabase(sqlite_template, tmp_path_factory.mktemp("database") / "flowapp.db")


@pytest.fixture(scope="session")
def _postgresql_database(postgres: Any) -> Iterator[PostgresDatabase]:
    with postgres_database(postgres) as database:
        yield database


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """DATABASE_URL of a migrated database without a row; tests.support.matrix says on which kinds a test runs."""
    database: SqliteDatabase | PostgresDatabase = request.getfixturevalue(f"_{request.param}_database")
    return database.fresh()


@pytest.fixture(scope="session")
def _data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker") / "data"


@pytest.fixture
def data_dir(_data_dir: Path) -> Path:
    """FLOWAPP_DATA_DIR, not there yet."""
    shutil.rmtree(_data_dir, ignore_errors=True)
    return _data_dir


@pytest.fixture
def environ(database_url: str, valkey_url: str, smtp: SmtpServer, data_dir: Path) -> dict[str, str]:
    """The environment of a Flowapp on the test's own services; loopback is allowed as a target of outgoing calls."""
    return base_environ(data_dir) | {
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
    """The application, just started, on an empty database, with real services behind it."""
    from tests.support.applications import running

    with running(settings) as application:
        yield application


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[Any]:
    """Passwords are hashed in no time, in this process and nowhere else: no setting leads there. Gives what hashes really."""
    from flowapp.security import passwords

    real = passwords._hasher
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield real


@pytest.fixture
def real_passwords(_cheap_passwords: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as in production."""
    from flowapp.security import passwords

    monkeypatch.setattr(passwords, "_hasher", _cheap_passwords)
    monkeypatch.setattr(passwords, "_nobodys_hash", functools.cache(passwords._nobodys_hash.__wrapped__))


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
