"""A real PostgreSQL: a cluster of its own on a unix socket, fast because nothing of it has to survive.

The application's role owns its databases and is no superuser, so row-level security holds for it as in production.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support.processes import server, wait_until

ROLE = "flowapp"
_ADMIN = "admin"
_TEMPLATE = "migrated"
_AUTH = ("--auth-local=trust", "--auth-host=scram-sha-256")
_FAST = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


@dataclass
class Cluster:
    """A running server; `folder` holds its socket."""

    folder: Path
    port: int = 5432
    _names: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        """The DATABASE_URL of the application's role."""
        return f"postgresql://{ROLE}@/{database}?host={self.folder}"

    def create_template(self) -> str:
        """An empty database that the caller migrates, for `create_database` to copy; returns its URL."""
        self._run(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(_TEMPLATE), sql.Identifier(ROLE)))
        return self.url(_TEMPLATE)

    def create_database(self, *, migrated: bool = True) -> str:
        """The name of a fresh database."""
        name = f"test_{next(self._names)}"
        self._run(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(ROLE), sql.Identifier(_TEMPLATE if migrated else "template0")
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def prepare(self) -> None:
        self._run(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(sql.Identifier(ROLE)))

    def answers(self) -> bool:
        try:
            self._run(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def as_admin(self, statement: str) -> None:
        """Runs a statement as the server's superuser."""
        self._run(sql.SQL(statement))  # type: ignore[arg-type]

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the server's superuser; each statement commits by itself."""
        return psycopg.connect(host=str(self.folder), port=self.port, user=_ADMIN, dbname=database, autocommit=True)

    def _run(self, statement: sql.SQL | sql.Composed) -> None:
        with self.admin() as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(port: int | None = None) -> Iterator[Cluster]:
    """A fresh cluster with the application's role in it. `port`: it listens on loopback too, asks for passwords there, and
    its roles are the caller's business."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="flowapp-pg-"))
    owner = unprivileged(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", _ADMIN, *_AUTH, "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **owner,
        )
        wanted = _FAST | ({"listen_addresses": "127.0.0.1", "port": str(port)} if port else {})
        settings = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        argv = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings]
        with server(argv, folder / "postgres.log", stop_with=signal.SIGQUIT, cwd=folder, **owner):
            cluster = Cluster(folder, port or 5432)
            wait_until(cluster.answers, message="PostgreSQL did not answer")
            if port is None:
                cluster.prepare()
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not installed:
        raise AssertionError("PostgreSQL's server is missing: run scripts/servers.py, or put initdb on the PATH.")
    return installed[-1].parent


def unprivileged(folder: Path) -> dict[str, Any]:
    """Servers of databases refuse to run as root: then another user owns the folder and runs it."""
    if os.geteuid() != 0:
        return {}
    user = next((entry for entry in pwd.getpwall() if entry.pw_name == "postgres"), None) or pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
