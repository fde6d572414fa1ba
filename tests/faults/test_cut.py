"""The ways between hosts and their servers are cut, run out or end with a host's power: nobody waits for ever, nothing is
lost or doubled, and no delivered e-mail becomes uncertain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql
from sqlalchemy import select, text

from flowapp.config import Settings
from flowapp.models import Execution, Trigger
from flowapp.models.clock import database_now
from flowapp.models.tenancy import make_engine, prepare_engine, system_session
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import mail, note, wait
from tests.faults.test_fleet import Fleet, fleet, on_postgresql
from tests.support.hosts import Host
from tests.support.processes import wait_until
from tests.support.servers.proxy import Proxy, proxied
from tests.support.servers.smtp import SmtpServer

__all__ = ["fleet"]
pytestmark = pytest.mark.faults
LETTERS = 8
AWAY = 3.0  # seconds; less than a lease, in which another host may take over
PATIENT = {"FLOWAPP_LEASE_SECONDS": "12"}
SCHEDULER_AHEAD = """
from datetime import timedelta
import flowapp.models
from flowapp.models import base

real = base.utcnow
base.utcnow = flowapp.models.utcnow = lambda: real() + timedelta(seconds=30)
from flowapp import scheduler

scheduler.main()
"""


@contextmanager
def behind_proxy(fleet: Fleet, *kinds: str, **environ: str) -> Iterator[Proxy]:
    """A host whose way to the database can be cut."""
    with proxied(fleet.environ["DATABASE_URL"]) as (proxy, url):
        fleet.host(*kinds, environ={"DATABASE_URL": url, **environ})
        yield proxy


def letters(fleet: Fleet, smtp: SmtpServer, row: Row, interrupt: Callable[[], None]) -> None:
    """Has letters delivered while something is interrupted, and looks at the books: none may be uncertain."""
    smtp.delay = 1.0
    flow = fleet.site.workflow([mail(), note()])
    feeder = Feeder(fleet.site, flow)
    feeder.add(LETTERS)
    accepted = feeder.finish()
    smtp.wait_for(LETTERS)  # delivered; that they were is not yet written down
    interrupt()
    books = Books(fleet.site, flow)
    books.wait(LETTERS)
    books.check(row, accepted, smtp=smtp)
    assert row.uncertain == 0
    assert len(smtp.inbox) == LETTERS


@on_postgresql
@pytest.mark.parametrize("way", ["silent", "reset"])
def test_a_cut_network_makes_no_delivered_letter_uncertain(fleet: Fleet, smtp: SmtpServer, way: str) -> None:
    row = Row(f"network to the database cut, {way}", fleet.site.database, kills=1)
    fleet.host("scheduler")
    with behind_proxy(fleet, "worker", **PATIENT) as proxy:
        fleet.becomes_ready()

        def interrupt() -> None:
            proxy.cut()
            if way == "reset":
                proxy.sever()
            time.sleep(AWAY)
            proxy.mend()

        letters(fleet, smtp, row, interrupt)


@on_postgresql
def test_connections_that_run_out_make_no_delivered_letter_uncertain(
    fleet: Fleet, smtp: SmtpServer, postgres: Any
) -> None:
    """All connections of the database are taken, and those that were open are ended."""
    row = Row("connections run out", fleet.site.database, kills=1)
    fleet.host("worker", "scheduler", environ=PATIENT)
    fleet.becomes_ready()
    name = urlsplit(fleet.environ["DATABASE_URL"]).path.removeprefix("/")

    def limit(most: int) -> None:
        postgres._run(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(sql.Identifier(name), sql.Literal(most)))

    def interrupt() -> None:
        limit(0)
        end = sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid()"
        )
        postgres._run(end.format(sql.Literal(name)))
        time.sleep(AWAY)
        limit(-1)

    try:
        letters(fleet, smtp, row, interrupt)
    finally:
        limit(-1)


@on_postgresql
def test_a_host_that_loses_power_inside_the_lease_write_stops_no_other_scheduler(fleet: Fleet) -> None:
    """Its transaction holds the row of the lease, and its connection says nothing any more."""
    row = Row("power lost inside the lease write", fleet.site.database, kills=1)
    limits = {"FLOWAPP_DB_IDLE_TIMEOUT": "12", "FLOWAPP_DB_LOCK_TIMEOUT": "1"}
    host = fleet.host("worker", "scheduler", environ=limits)
    fleet.becomes_ready()
    with proxied(fleet.environ["DATABASE_URL"]) as (proxy, url):
        settings = Settings.from_env(fleet.environ | limits | {"DATABASE_URL": url})
        engine = make_engine(settings, "scheduler")
        prepare_engine(engine, settings)
        dying = engine.connect()
        dying.execute(text("UPDATE leases SET owner = owner WHERE name = 'scheduler'"))
        proxy.cut()
        flow = fleet.site.workflow([wait("1 second"), note()])
        feeder = Feeder(fleet.site, flow)
        feeder.add(3)
        accepted = feeder.finish()
        wait_until(lambda: "the lease cannot be taken" in host.text, 30, "the scheduler did not say so")
        books = Books(fleet.site, flow)
        books.wait(3, seconds=30)
        books.check(row, accepted)
        dying.invalidate()
        dying.close()
        engine.dispose()


@on_postgresql
def test_a_scheduler_whose_clock_is_ahead_fires_nothing_early(fleet: Fleet) -> None:
    row = Row("scheduler's clock 30 s ahead", fleet.site.database)
    fleet.host("worker", scheduler=["python", "-c", SCHEDULER_AHEAD])
    fleet.becomes_ready()
    body = {
        "name": "W",
        "status": "active",
        "steps": [note()],
        "triggers": [{"trigger_type": "schedule", "config": {"cron": "0 0 1 1 *"}}],
    }
    made = fleet.site.call("POST", "/api/v1/automation/workflows/", body)
    with system_session(fleet.engine) as session:
        slot = session.scalar(select(database_now())) + timedelta(seconds=6)
        session.scalars(select(Trigger)).one().next_fire_at = slot
        session.commit()

    def fired() -> Any:
        with system_session(fleet.engine) as session:
            return session.execute(
                select(Execution.id, database_now()).where(Execution.workflow_id == made["id"])
            ).first()

    found = wait_until(fired, 30, "it did not fire")
    assert slot <= found[1] < slot + timedelta(seconds=10)
    row.executions = 1
    row.done()


def test_a_restored_copy_does_nothing_beside_its_original(
    fleet: Fleet, smtp: SmtpServer, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    row = Row("a copy beside its original", fleet.site.database)
    original = fleet.host("worker", "scheduler")
    fleet.becomes_ready()
    flow = fleet.site.workflow([wait("20 seconds"), mail()])
    feeder = Feeder(fleet.site, flow)
    feeder.add(5)
    accepted = feeder.finish()
    books = Books(fleet.site, flow)
    wait_until(lambda: books.count()["waiting"] == 5, 30, "they did not come to the wait")
    assert original.command("backup", str(tmp_path / "b")).returncode == 0
    url = f"sqlite:///{tmp_path}/copy.db"
    if not fleet.environ["DATABASE_URL"].startswith("sqlite"):
        cluster = request.getfixturevalue("postgres")
        url = cluster.url(cluster.create_database(migrated=False))
    environ = {**fleet.environ, "DATABASE_URL": url, "REDIS_URL": f"{fleet.environ['REDIS_URL']}?db=1"}
    restored = Host(environ).command("restore", str(tmp_path / "b"))
    assert restored.returncode == 0, restored.stderr
    copy = Fleet(environ, fleet.site.tenant)
    try:
        copy.host("worker", "scheduler")
        books.wait(5)
        books.check(row, accepted, smtp=smtp)
        assert len(smtp.inbox) == 5
        beside = Books(copy.site, flow)
        assert beside.count() == {"waiting": 5}, "the copy ran them too"
        assert "WRONG  paused" in copy.doctor()[1]
        assert copy.web.command("resume").returncode == 0
        smtp.wait_for(10, 60)  # it was alive, and goes on where the backup was made
    finally:
        copy.close()
