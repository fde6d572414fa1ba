"""What waits, and for how long: by the database's clock, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowapp.models import Execution, Timer, utcnow
from flowapp.tasks.backlog import Backlog, backlog
from tests.engine.place import Place, _actions, place, step

__all__ = ["_actions", "place"]


def change(place: Place, execution_id: str, **columns: object) -> None:
    with place.session() as session:
        session.query(Execution).filter_by(id=execution_id).update(columns)
        session.commit()


def test_nothing_waits(place: Place) -> None:
    assert backlog(place.engine) == Backlog(0.0, 0, 0.0, 0)


def test_the_age_of_what_may_begin(place: Place) -> None:
    now, workflow = utcnow(), place.workflow([step("a")])
    old, held, later, debounced = (place.begin(workflow) for _ in range(4))
    change(place, old, created_at=now - timedelta(seconds=100))
    change(place, held, created_at=now - timedelta(hours=1), held=True)
    change(place, later, created_at=now - timedelta(hours=1), start_after=now + timedelta(hours=1))
    change(place, debounced, created_at=now - timedelta(hours=1), start_after=now - timedelta(seconds=150))
    assert backlog(place.engine).pending_age == pytest.approx(150, abs=20)
    change(place, debounced, status="cancelled")
    assert backlog(place.engine).pending_age == pytest.approx(100, abs=20)


def test_timers_that_are_late(place: Place) -> None:
    place.time = now = utcnow()
    for seconds in (60, 3600):
        place.run([step("w", do="wait", until=seconds)])
    assert backlog(place.engine).overdue_timers == 0
    with place.session() as session:
        (soon, _) = session.query(Timer).order_by(Timer.due_at)
        soon.due_at = now - timedelta(seconds=100)
        session.commit()
    waits = backlog(place.engine)
    assert (waits.overdue_timers, waits.overdue_age) == (1, pytest.approx(100, abs=20))


def test_steps_that_wait_for_a_person(place: Place) -> None:
    execution = place.run([step("a", "once", do="lost", value="Nobody knows.")])
    assert execution.status == "waiting"
    assert backlog(place.engine).uncertain == 1
    change(place, execution.id, status="cancelled")
    assert backlog(place.engine).uncertain == 0
