"""Heartbeats on both databases: one row a process, by the database's clock, taken away at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
from sqlalchemy import select, update

from flowapp import tasks
from flowapp.broker import QUEUE
from flowapp.config import VERSION
from flowapp.engine.runtime.activity import FREE, JOB, Board
from flowapp.models import Heartbeat, utcnow
from flowapp.models.clock import database_now
from flowapp.models.tenancy import system_session
from flowapp.security import installation_keys
from flowapp.tasks.fleet import heartbeats
from flowapp.tasks.fleet.heartbeats import Heart
from flowapp.tasks.runtime import Progress
from flowapp.worker import stalled_for
from tests.support.processes import wait_until


@pytest.fixture
def runtime(app: Any) -> Iterator[tasks.Runtime]:
    with app.app_context():
        yield tasks.runtime()


def rows(runtime: tasks.Runtime) -> list[Heartbeat]:
    with system_session(runtime.engine) as session:
        return list(session.scalars(select(Heartbeat).order_by(Heartbeat.started_at)))


def test_a_process_has_one_row_that_says_who_it_is(runtime: tasks.Runtime) -> None:
    heart = Heart(runtime, "worker", lambda: 7.9)
    heart.beat()
    (first,) = rows(runtime)
    heart.beat()
    (row,) = rows(runtime)
    assert f"{row.host}:{row.pid}" == runtime.name
    assert (row.kind, row.version, row.stalled_seconds) == ("worker", VERSION, 7)
    assert row.started_at == first.started_at < first.seen_at + timedelta(seconds=1)
    assert row.seen_at > first.seen_at
    assert abs(row.seen_at - utcnow()) < timedelta(seconds=30)


def test_it_tells_how_far_its_clock_is_ahead(runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = Heart(runtime, "worker", lambda: 0.0)
    heart.beat()
    assert rows(runtime)[0].clock_ahead_ms is None
    monkeypatch.setattr(heartbeats, "utcnow", lambda: utcnow() + timedelta(seconds=30))
    heart.beat()
    heart.beat()
    (row,) = rows(runtime)
    assert row.clock_ahead_ms is not None
    assert abs(row.clock_ahead_ms - 30_000) < 1000
    assert abs(row.seen_at - utcnow()) < timedelta(seconds=10), "the row's own times are the database's"


def test_keys_leave_fingerprints_that_do_not_show_them(runtime: tasks.Runtime) -> None:
    Heart(runtime, "worker", lambda: 0.0).beat()
    (row,) = rows(runtime)
    settings = runtime.settings
    assert row.secret_key == installation_keys.fingerprint(settings.secret_key)
    assert row.encryption_keys == installation_keys.fingerprints(settings.encryption_keys)
    assert installation_keys.fingerprint("a") != installation_keys.fingerprint("b")
    assert settings.secret_key not in str(vars(row))


def test_the_thread_beats_and_takes_its_row_away(runtime: tasks.Runtime) -> None:
    heart = Heart(runtime, "scheduler", lambda: 0.0)
    heart.start()
    (first,) = wait_until(lambda: rows(runtime))
    wait_until(lambda: rows(runtime)[0].seen_at > first.seen_at)
    heart.stop()
    assert not heart.is_alive()
    assert rows(runtime) == []


def test_what_fell_silent_long_ago_is_pruned(runtime: tasks.Runtime) -> None:
    old, new = (Heart(runtime, "scheduler", lambda: 0.0) for _ in range(2))
    old.beat()
    new.beat()
    with system_session(runtime.engine) as session:
        session.execute(
            update(Heartbeat).where(Heartbeat.id == old.id).values(seen_at=utcnow() - heartbeats.KEPT - timedelta(seconds=5))
        )  # fmt: skip
        session.commit()
    new.prune()
    assert [row.id for row in rows(runtime)] == [new.id]


def test_a_worker_gets_on_while_a_thread_is_free_and_not_while_all_hang(runtime: tasks.Runtime) -> None:
    gate, entered = threading.Event(), threading.Semaphore(0)

    @dramatiq.actor(actor_name="hang", queue_name=QUEUE, broker=runtime.broker)
    def hang() -> None:
        entered.release()
        gate.wait(30)

    marks: list[float] = []
    runtime.broker.alive = lambda: marks.append(0.0)
    worker = dramatiq.Worker(runtime.broker, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        wait_until(lambda: len(marks) > 2, message="an idle worker gets on")
        for _ in range(2):
            runtime.broker.wake("hang")
        assert entered.acquire(timeout=10)
        assert entered.acquire(timeout=10)
        hanging = len(marks)
        consumer = next(iter(worker.consumers.values())).consumer
        wait_until(lambda: consumer._free == 0)
        assert len(marks) - hanging <= 1
        gate.set()
        wait_until(lambda: len(marks) > hanging + 2, message="it goes on")
    finally:
        gate.set()
        worker.stop(5000)


def test_a_step_within_its_time_is_progress_and_one_past_it_is_none() -> None:
    board, progress = Board(threads=2), Progress()
    progress._at -= 100
    assert 99 < stalled_for(progress, board) < 200
    board.step("slow", 300)
    assert stalled_for(progress, board) == 0
    board.step("stuck", 0)
    assert stalled_for(progress, board) > 99
    board.begin(JOB, step_id="a job that a person started")
    assert stalled_for(progress, board) == 0
    board.begin(FREE)
    assert stalled_for(progress, board) > 99


def test_the_databases_clock_is_read_as_an_aware_time(runtime: tasks.Runtime) -> None:
    with system_session(runtime.engine) as session:
        now = session.scalar(select(database_now()))
    assert now is not None
    assert abs(now - utcnow()) < timedelta(seconds=5)
