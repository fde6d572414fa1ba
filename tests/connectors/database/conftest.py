"""A PostgreSQL that is reached as a user's own is: over TCP, with a password. For `make test-all` a MariaDB, too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from flowapp.catalog import IntegrationHandle, open_integration
from flowapp.security.addresses import Guard, Resolve, resolve
from tests.actions.conftest import Bench
from tests.support.matrix import FULL
from tests.support.processes import free_port, wait_until
from tests.support.servers.certificates import Authority
from tests.support.servers.postgres import Cluster, running_postgres

collect_ignore = [] if FULL else ["test_mysql.py"]
PASSWORD = "s3cr3t of the shop"
TABLE = """
    CREATE TABLE customers (
        id int PRIMARY KEY, name text, city text DEFAULT 'Paris', amount numeric(20, 4), "100% ""odd"" name" text, tags jsonb
    )
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with running_postgres(free_port()) as running:
        running.as_admin(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'")
        running.as_admin("CREATE DATABASE shop OWNER shop TEMPLATE template0")
        yield running


@pytest.fixture
def admin(server: Cluster) -> Iterator[psycopg.Connection]:
    with server.admin("shop") as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public AUTHORIZATION shop")
        connection.execute("SET ROLE shop")
        connection.execute(TABLE)
        connection.execute("INSERT INTO customers SELECT i, 'Name ' || i FROM generate_series(1, 5) i")
        yield connection


@pytest.fixture
def run(admin: psycopg.Connection, server: Cluster) -> Bench:
    del admin  # the tables are there
    return bench(account(server))


@pytest.fixture
def change(admin: psycopg.Connection, server: Cluster) -> Bench:
    """The same, and it may write."""
    del admin
    return bench(account(server, allow_changes=True))


def account(server: Cluster, password: str = PASSWORD, **config: Any) -> IntegrationHandle:
    given = {"host": "127.0.0.1", "port": server.port, "database": "shop", "username": "shop", "tls": "off", **config}
    return open_integration("database", id="1", name="Shop", config=given, credentials={"password": password})


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def encrypted(server: Cluster, authority: Authority) -> Iterator[Cluster]:
    """It offers TLS, with a certificate for db.example.com and 127.0.0.1."""
    files = authority.issue(server.folder, "db.example.com", "127.0.0.1")
    for name, file in zip(("ssl_cert_file", "ssl_key_file"), files, strict=True):
        shutil.chown(file, server.folder.stat().st_uid, server.folder.stat().st_gid)
        server.as_admin(f"ALTER SYSTEM SET {name} = '{file}'")
    _offer_tls(server, "on")
    yield server
    _offer_tls(server, "off")


def _offer_tls(server: Cluster, wanted: str) -> None:
    server.as_admin(f"ALTER SYSTEM SET ssl = {wanted}")
    server.as_admin("SELECT pg_reload_conf()")

    def is_so() -> bool:
        with server.admin() as connection:
            return connection.execute("SHOW ssl").fetchone() == (wanted,)

    wait_until(is_so, 10, "PostgreSQL did not read its settings")


def named(_host: str, _port: int) -> list[str]:
    """Every name is this machine's."""
    return ["127.0.0.1"]


def bench(handle: IntegrationHandle, *allow: str, resolve: Resolve = resolve) -> Bench:
    guard = Guard(allow or ("127.0.0.1",), resolve=resolve)
    return Bench(integrations={"database": handle}, connect=guard.connect, addresses=guard.addresses)
