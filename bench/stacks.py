"""The two stacks under load, each a real process group started by the product's launcher with default settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, Table, func, select

from bench.bare.store import runs
from flowapp.config import Settings
from flowapp.models import Execution
from flowapp.models.tenancy import SYSTEM, make_engine, prepare_engine, use_tenant
from tests.support.group import ROOT, Group, descendants

EMAIL = "bench@example.com"
_BARE_PROCFILE = f"""
web: gunicorn -c {ROOT}/gunicorn.conf.py bench.bare.app:app
worker: python -m bench.bare.worker
"""
_executions = cast(Table, Execution.__table__)


class BenchError(Exception):
    """The measurement is not valid; the message says why."""


@dataclass
class Stack:
    """A group that serves. `table` holds its executions, `server` is the database server's process, if there is one."""

    group: Group
    engine: Engine
    table: Table
    server: int | None
    path: str = "/hook"

    @property
    def pids(self) -> list[int]:
        """The group's processes and the database server's."""
        return self.group.pids() + ([self.server, *descendants(self.server)] if self.server else [])

    def completed(self) -> int:
        """How many executions have completed so far."""
        with self.engine.connect() as connection:
            use_tenant(connection, SYSTEM)
            return connection.execute(
                select(func.count()).select_from(self.table).where(self.table.c.status == "completed")
            ).scalar_one()

    def wait_completed(self, count: int, seconds: float = 90) -> None:
        """Returns once that many have completed. BenchError where they do not."""
        end = time.monotonic() + seconds
        while (now := self.completed()) < count:
            if time.monotonic() > end:
                raise BenchError(
                    f"{count - now} executions did not complete in {seconds:g} s:\n{self.group.text[-4000:]}"
                )
            time.sleep(0.1)

    def rows(self, ids: set[str], *columns: str) -> list[tuple[datetime, ...]]:
        """Columns of these executions. BenchError unless each of them is there and completed."""
        wanted = [self.table.c[name] for name in ("id", *columns)]
        with self.engine.connect() as connection:
            use_tenant(connection, SYSTEM)
            found = connection.execute(select(*wanted).where(self.table.c.status == "completed")).all()
        rows = [tuple(row)[1:] for row in found if str(row[0]) in ids]
        if len(rows) != len(ids):
            raise BenchError(f"{len(ids) - len(rows)} accepted executions are not completed in the database.")
        return rows


@dataclass
class Product(Stack):
    """Flowapp itself. `hooks` maps the names of its workflows to the paths of their webhooks."""

    token: str = ""
    hooks: dict[str, str] = field(default_factory=dict)

    def sign_up(self) -> None:
        """The first owner and a token, by the command line."""
        admin = {"FLOWAPP_ADMIN_EMAIL": EMAIL, "FLOWAPP_ADMIN_PASSWORD": os.urandom(12).hex()}
        done = subprocess.run(
            [Path(sys.executable).with_name("flask"), "--app", "wsgi", "create-token", "--email", EMAIL],
            cwd=ROOT, env={**self.group.environ, **admin}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise BenchError(f"create-token failed: {done.stderr}")
        self.token = done.stdout.split()[-1]

    @property
    def signed_in(self) -> dict[str, str]:
        """The header of a call of the API."""
        return {"Authorization": f"Bearer {self.token}"}

    def make(self, definition: dict[str, Any]) -> None:
        """Makes and activates a workflow through the API."""
        made = answer_of(
            urllib.request.Request(
                f"{self.group.url}/api/v1/automation/workflows/",
                data=json.dumps({**definition, "status": "active"}).encode(),
                headers={**self.signed_in, "Content-Type": "application/json"},
            )
        )
        self.hooks[definition["name"]] = f"/hooks/{made['triggers'][0]['config']['key']}"
        self.path = self.hooks[definition["name"]]


def answer_of(request: urllib.request.Request) -> dict[str, Any]:
    """What the API answers; BenchError where it refuses."""
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise BenchError(f"{request.selector} answered {error.code}: {error.read().decode()[:500]}") from None
    return answer


@contextmanager
def product(folder: Path, database_url: str, server: int | None, **more: str) -> Iterator[Product]:
    """Flowapp with default settings, and what `more` sets in its environment; the sink is on loopback, which outgoing calls must be
    allowed to reach, and one hook takes all calls."""
    environ = environment(
        folder, database_url, FLOWAPP_EGRESS_ALLOW="127.0.0.1/32", FLOWAPP_HOOK_RATE="1000000", **more
    )
    with started(environ, ROOT) as (group, engine):
        yield Product(group, engine, _executions, server)


@contextmanager
def bare(folder: Path, database_url: str, server: int | None, sink: str) -> Iterator[Stack]:
    """The bare stack, under the same launcher, broker, gunicorn settings, processes and threads."""
    environ = environment(folder, database_url, BENCH_SINK=sink)
    (folder / "Procfile").write_text(_BARE_PROCFILE)
    (folder / "migrations").symlink_to(ROOT / "migrations")  # the launcher migrates: this database has one table more
    with started(environ, folder) as (group, engine):
        yield Stack(group, engine, runs, server)


@contextmanager
def started(environ: dict[str, str], cwd: Path) -> Iterator[tuple[Group, Engine]]:
    """A group that answers, and an engine on its database; both are ended."""
    group = Group(environ, cwd).start()
    settings = Settings.from_env(environ)
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    try:
        try:
            group.wait_ready()
        except AssertionError as error:
            raise BenchError(str(error)) from None
        yield group, engine
    finally:
        engine.dispose()
        if group.process is not None and group.process.poll() is None:
            group.stop()


def environment(folder: Path, database_url: str, **more: str) -> dict[str, str]:
    """Of the caller's environment only what programs need to be found: the bench measures the defaults."""
    folder.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    database = {"DATABASE_URL": database_url} if database_url else {}
    return {**kept, "FLOWAPP_DATA_DIR": str(folder), **database, **more}
