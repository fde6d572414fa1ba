"""The database restarted in the middle, and its writers killed: what was answered with 202 is there, and it is run."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flowapp.config import Settings
from flowapp.models.tenancy import make_engine, prepare_engine, system_session
from tests.conftest import base_environ
from tests.faults.books import Books
from tests.faults.cluster import crashing_cluster
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import note, post, running_site, wait
from tests.faults.sizes import SIZES
from tests.support.servers.sink import Answer, Sink

pytestmark = pytest.mark.faults


@pytest.mark.postgres
def test_postgresql_crashed_and_started_again(sink: Sink, tmp_path: Path) -> None:
    chance = random.Random(5)
    sink.default = Answer(delay=0.02)
    with crashing_cluster() as cluster:
        environ = environment(tmp_path, cluster.url(cluster.create_database(migrated=False)))
        with running_site(environ) as site:
            flow = site.workflow([post(sink), wait("1 second"), note()])
            row = Row("PostgreSQL restarted", site.database, kills=SIZES.restarts)
            feeder = Feeder(site, flow)
            for _ in range(SIZES.restarts):
                feeder.add(SIZES.load // SIZES.restarts)
                time.sleep(chance.uniform(0.2, 1.5))
                cluster.crash()
                time.sleep(chance.uniform(0.0, 1.5))
                cluster.start()
            accepted = feeder.finish()
            books = Books(site, flow)
            books.wait(feeder.asked)
            books.check(row, accepted, sink)
            assert set(feeder.refusals) <= {503}


@pytest.mark.postgres
def test_a_session_whose_connection_broke_says_so_and_the_next_one_works(tmp_path: Path) -> None:
    with crashing_cluster() as cluster:
        url = cluster.url(cluster.create_database(migrated=False))
        settings = Settings.from_env(environment(tmp_path, url))
        engine = make_engine(settings)
        prepare_engine(engine, settings)
        with system_session(engine) as session:
            session.execute(text("SELECT 1"))
        cluster.crash()
        cluster.start()
        with pytest.raises(DBAPIError), system_session(engine) as session:
            session.execute(text("SELECT 1"))
        with system_session(engine) as session:
            assert session.scalar(text("SELECT 1")) == 1
        engine.dispose()


def test_sqlite_survives_the_death_of_its_writers(sqlite_template: Path, sink: Sink, tmp_path: Path) -> None:
    chance = random.Random(6)
    path = tmp_path / "flowapp.db"
    path.write_bytes(sqlite_template.read_bytes())
    with running_site(environment(tmp_path, f"sqlite:///{path}")) as site:
        flow = site.workflow([post(sink), wait("1 second"), note()])
        row = Row("writers of SQLite killed", site.database)
        feeder = Feeder(site, flow)
        for number in range(SIZES.writer_kills):
            feeder.add(-(-SIZES.load // SIZES.writer_kills))
            time.sleep(chance.uniform(0.05, 0.4))
            if number % 10 == 9:
                site.kill("scheduler", chance)
            else:
                site.kill(chance.choice(("worker", "web")), chance, forks=True)
            row.kills += 1
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(feeder.asked)
        books.check(row, accepted, sink)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """A group with its own broker on this database."""
    return base_environ(folder / "data") | {
        "DATABASE_URL": database_url,
        "FLOWAPP_EGRESS_ALLOW": "127.0.0.0/8",
    }
