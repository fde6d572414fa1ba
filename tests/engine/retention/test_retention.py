"""What the purge deletes and what it keeps, on both databases, while others write."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from flowapp.engine.retention.batches import AIM, FIRST, LEAST, MOST, BatchDelete
from flowapp.engine.retention.purge import purge
from flowapp.models import Event, Execution, LogLine, Notification, Replay, StepRun, User, Version, utcnow
from flowapp.models.tenancy import system_session
from tests.engine.place import Place, _actions, place, step
from tests.support.history import new_id_at, write_history

__all__ = ["_actions", "place"]

NOW = utcnow()
LONG_AGO = NOW - timedelta(days=40)
RECENTLY = NOW - timedelta(days=20)


def version_of(place: Place, **config: Any) -> Version:
    workflow_id = place.workflow([step("a")], config=config)
    with place.session() as session:
        return session.query(Version).filter_by(workflow_id=workflow_id).one()


def one(place: Place, version: Version, ended: Any = LONG_AGO, **more: Any) -> str:
    (execution_id,) = write_history(place.engine, version, ended, 1, **more)
    return execution_id


def left(place: Place) -> set[str]:
    with system_session(place.engine) as session:
        return set(session.scalars(select(Execution.id)))


def count(place: Place, model: Any) -> int:
    with system_session(place.engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def go(place: Place, days: int = 30) -> Any:
    return purge(place.engine, NOW, days, threading.Event())


def test_twenty_thousand_go_while_somebody_writes(place: Place) -> None:
    write_history(place.engine, version_of(place), LONG_AGO, 20_000, attempts=1, lines=1)
    recent = one(place, version_of(place), RECENTLY)
    workflow_id = place.workflow([step("a")])
    written: list[str] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            written.append(place.begin(workflow_id))
            done.wait(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    purged = go(place)
    done.set()
    writer.join()
    assert purged.executions == 20_000
    assert left(place) == {recent, *written}
    assert (count(place, StepRun), count(place, LogLine)) == (2, 3)
    assert len(written) > purged.totals.batches // 4
    assert purged.totals.heaviest <= MOST
    assert purged.totals.batches >= 60_000 / MOST


def test_what_is_open_or_ended_recently_stays(place: Place) -> None:
    version = version_of(place)
    gone = [one(place, version, status=status) for status in ("completed", "failed", "cancelled", "skipped")]
    kept = {one(place, version, status=status) for status in ("pending", "running", "waiting")}
    kept |= {one(place, version, RECENTLY), one(place, version, RECENTLY, id=new_id_at(LONG_AGO))}
    assert go(place).executions == len(gone)
    assert left(place) == kept


def test_relatives_of_what_is_kept_stay(place: Place) -> None:
    version = version_of(place)
    parent, repeated = one(place, version), one(place, version, status="failed")
    waiting = one(place, version, status="waiting")
    kept = {parent, repeated, waiting, one(place, version, parent_id=waiting)}
    kept |= {one(place, version, RECENTLY, parent_id=parent), one(place, version, RECENTLY, retry_of_id=repeated)}
    alone = one(place, version)
    one(place, version, parent_id=alone)
    assert go(place).executions == 2
    assert left(place) == kept


def test_a_workflow_may_keep_more_or_less_than_the_installation(place: Place) -> None:
    short, long = version_of(place, retention_days=7), version_of(place, retention_days=365)
    one(place, short, RECENTLY)
    parent = one(place, long)
    kept = {parent, one(place, short, NOW - timedelta(days=6)), one(place, version_of(place), RECENTLY)}
    kept.add(one(place, short, RECENTLY, parent_id=parent))
    assert go(place).executions == 1
    assert left(place) == kept


def test_who_may_enter_once_is_not_forgotten(place: Place) -> None:
    contact = new_id_at(NOW)
    once, after = version_of(place, reentry="once"), version_of(place, reentry="after_50_days")
    kept = {one(place, once, contact_id=contact), one(place, after, contact_id=contact)}
    one(place, once, contact_id=contact, status="skipped")
    one(place, once)
    assert go(place).executions == 2
    assert left(place) == kept


def test_a_large_execution_goes_part_by_part(place: Place) -> None:
    one(place, version_of(place), attempts=3000, lines=4000)
    purged = go(place)
    assert (purged.executions, left(place), count(place, LogLine), count(place, StepRun)) == (1, set(), 0, 0)
    assert purged.totals.heaviest < 7000
    assert purged.totals.batches > 2


def test_events_notifications_and_replays(place: Place) -> None:
    with place.session() as session:
        user = User(email="a@b.example", name="A", password_hash="")
        session.add(user)
        session.flush()
        old: dict[str, Any] = {"created_at": LONG_AGO}
        for values in ({"published_at": LONG_AGO}, {"published_at": None}):
            session.add(Event(id=new_id_at(LONG_AGO), type="t", **old, **values))
            session.add(
                Notification(id=new_id_at(LONG_AGO), user_id=user.id, title="t", **old, read_at=values["published_at"])
            )
        for status, at in (("completed", LONG_AGO), ("completed", RECENTLY), ("running", None)):
            session.add(Replay(id=new_id_at(LONG_AGO), status=status, completed_at=at, **old))
        session.add(Event(type="t", published_at=NOW))
        session.commit()
    purged = go(place)
    assert (purged.events, purged.notifications, purged.replays) == (1, 1, 1)
    assert (count(place, Event), count(place, Notification), count(place, Replay)) == (2, 1, 2)


def test_it_stops_when_it_is_told_to(place: Place) -> None:
    write_history(place.engine, version_of(place), LONG_AGO, 1000)
    stop = threading.Event()
    stop.set()
    assert purge(place.engine, NOW, 30, stop).executions == 0
    assert len(left(place)) == 1000


@pytest.mark.parametrize(("took", "expected"), [(AIM * 4, FIRST // 4), (AIM, FIRST), (AIM / 10, FIRST * 2)])
def test_a_batch_delete_learns_how_much_fits_into_a_transaction(place: Place, took: float, expected: int) -> None:
    times = iter([0.0, took])
    batches = BatchDelete(place.engine, threading.Event(), clock=lambda: next(times))
    batches.stop.set()  # no pause
    batches.delete(FIRST, LogLine.__table__.delete())  # type: ignore[attr-defined]
    assert batches.pieces == expected
    assert LEAST <= batches.pieces <= MOST
