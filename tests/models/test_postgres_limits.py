"""Connections to PostgreSQL: nobody waits for ever, and a host takes no more of them than it says."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flowapp.config import Settings
from flowapp.models.away import is_away
from flowapp.models.postgres import Pulse
from flowapp.models.tenancy import make_engine, pool_size, prepare_engine
from tests.support.cost import promptly
from tests.support.servers.proxy import proxied

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@contextmanager
def an_engine(settings: Settings, role: Any = "web", **changes: Any) -> Iterator[Engine]:
    changed = dataclasses.replace(settings, **changes)
    engine = make_engine(changed, role)
    prepare_engine(engine, changed)
    try:
        yield engine
    finally:
        engine.dispose()


def refused(work: Callable[[], Any]) -> SQLAlchemyError:
    """The error of work that must fail, and soon."""
    with promptly(), pytest.raises(SQLAlchemyError) as caught:
        work()
    return caught.value


@pytest.mark.parametrize("role", ["web", "worker", "scheduler"])
def test_every_process_has_its_limits(settings: Settings, role: str) -> None:
    with an_engine(settings, role) as engine, engine.connect() as connection:
        said = {name: connection.scalar(text(f"SHOW {name}")) for name in LIMITS}
    assert said == LIMITS


LIMITS = {"lock_timeout": "5s", "statement_timeout": "1min", "idle_in_transaction_session_timeout": "30s"}


def test_migrations_and_backups_take_the_time_they_need(settings: Settings) -> None:
    with an_engine(settings, "long") as engine, engine.connect() as connection:
        assert {connection.scalar(text(f"SHOW {name}")) for name in LIMITS} == {"0"}


def test_a_limit_in_the_url_goes_before(settings: Settings) -> None:
    url = settings.database_url + "&options=-c%20statement_timeout%3D7s&connect_timeout=9"
    with an_engine(settings, database_url=url) as engine, engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "7s"
        assert connection.scalar(text("SHOW lock_timeout")) == "5s"
        assert "connect_timeout=9" in connection.connection.dbapi_connection.info.dsn  # type: ignore[union-attr]


def test_a_transaction_of_a_host_that_is_gone_does_not_hold_a_row_for_long(settings: Settings) -> None:
    with (
        proxied(settings.database_url.replace("+psycopg", "")) as (proxy, url),
        an_engine(settings, db_idle_timeout=1, db_lock_timeout=60) as mine,
        an_engine(settings, database_url=url.replace("://", "+psycopg://"), db_idle_timeout=1) as gone,
    ):
        with mine.connect() as connection:
            connection.execute(text("INSERT INTO leases VALUES ('scheduler', 'gone', now())"))
            connection.commit()
        dying = gone.connect()
        dying.execute(text("UPDATE leases SET owner = 'still' WHERE name = 'scheduler'"))
        proxy.cut()  # it neither commits nor closes: its machine has no power any more
        with promptly(), mine.connect() as connection:
            connection.execute(text("UPDATE leases SET owner = 'mine' WHERE name = 'scheduler'"))
            connection.commit()
        dying.invalidate()
        dying.close()


def test_a_lock_is_waited_for_in_vain_for_a_while_only(settings: Settings) -> None:
    with an_engine(settings, db_lock_timeout=1) as engine, engine.connect() as first, engine.connect() as second:
        first.execute(text("LOCK TABLE leases"))
        error = refused(lambda: second.execute(text("SELECT * FROM leases")))
    assert is_away(error)


def test_a_server_that_is_silent_is_given_up_while_a_slow_one_is_waited_for(settings: Settings) -> None:
    with (
        proxied(settings.database_url.replace("+psycopg", "")) as (proxy, url),
        an_engine(settings, database_url=url.replace("://", "+psycopg://")) as engine,
    ):
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(2.5)"))  # longer than a thread waits before it asks
        proxy.cut()
        assert is_away(refused(lambda: _select(engine)))
        tried = proxy.taken
        assert is_away(refused(lambda: _select(engine)))
        assert proxy.taken == tried, "it is known by now: no connection is even tried"
        proxy.mend()
        time.sleep(1.1)  # as long as that is taken for known
        _select(engine)


def test_fifty_threads_meet_a_silent_server_and_all_are_answered_in_time(settings: Settings) -> None:
    told: list[SQLAlchemyError] = []
    with (
        proxied(settings.database_url.replace("+psycopg", "")) as (proxy, url),
        an_engine(settings, database_url=url.replace("://", "+psycopg://"), db_pool=5) as engine,
    ):
        _select(engine)
        proxy.cut()
        threads = [threading.Thread(target=lambda: told.append(refused(lambda: _select(engine)))) for _ in range(50)]
        with promptly():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert [is_away(error) for error in told] == [True] * 50


def test_a_pool_is_bounded_and_waiting_for_it_is(settings: Settings) -> None:
    with an_engine(settings, db_pool=2) as engine, engine.connect(), engine.connect():
        error = refused(engine.connect)
    assert isinstance(error, PoolTimeoutError)
    assert is_away(error)


def test_a_statement_that_is_wrong_is_not_the_databases_fault(settings: Settings) -> None:
    with an_engine(settings) as engine, engine.connect() as connection:
        error = refused(lambda: connection.execute(text("SELECT * FROM nothing_of_that_name")))
    assert isinstance(error, DBAPIError)
    assert not is_away(error)


def test_the_pools_of_a_host(settings: Settings) -> None:
    assert [pool_size(settings, role) for role in ("web", "worker", "scheduler")] == [20, settings.threads + 4, 4]  # type: ignore[arg-type]


def test_threads_that_ask_at_once_ask_once(database_url: str) -> None:
    asked: list[int] = []
    pulse = Pulse(lambda: (asked.append(1), time.sleep(0.1))[0])
    threads = [threading.Thread(target=pulse.lives) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def _select(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
