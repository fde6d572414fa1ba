"""Executions that nothing can run end as failed, and only those."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowapp.engine.store import stale
from flowapp.engine.store.control import cancel
from flowapp.events.types import EXECUTION_FAILED
from flowapp.models import Event, Execution, Signal, Timer
from flowapp.models.tenancy import system_session
from tests.engine.place import Place, _actions, place, step

__all__ = ["_actions", "place"]


def left_running(place: Place, hours: float, **values: Any) -> str:
    """An execution whose worker died that many hours ago."""
    execution_id = place.begin(place.workflow([step("w", do="wait", until=60)]))
    place.runner.run(execution_id, place.org)
    with place.session() as session:
        died = {
            "status": "running",
            "lease_until": place.time - timedelta(hours=hours),
            "rung_at": place.time,
            **values,
        }
        session.query(Execution).filter_by(id=execution_id).update(died)
        session.commit()
    return execution_id


def found(place: Place) -> list[stale.Stale]:
    with system_session(place.engine) as session:
        return stale.find(session, place.time)


def end(place: Place, one: stale.Stale) -> list[Execution]:
    with place.session() as session:
        ended = stale.end(session, one, place.time)
        session.commit()
        return ended


def test_only_what_has_no_lease_for_two_hours_is_stale(place: Place) -> None:
    left_running(place, 1.9)
    place.begin(place.workflow([step("a")]))
    expected = [
        left_running(place, 2.1),
        left_running(place, 0, lease_until=None, rung_at=place.time - stale.SILENT * 2),
    ]
    expected.append(left_running(place, 0, crashes=stale.GIVEN_UP))
    assert [one.id for one in found(place)] == expected


def test_it_ends_as_failed_with_all_that_a_failure_entails(place: Place) -> None:
    parent = place.begin(place.workflow([step("w", do="wait", until=600)]))
    place.runner.run(parent, place.org)
    execution_id = left_running(place, 3, options={"parent": [parent, "1"]})
    before = place.get(execution_id).state["tokens"]
    (one,) = found(place)
    (ended,) = end(place, one)
    assert (ended.status, ended.lease_until, ended.completed_at) == ("failed", None, place.time)
    assert "no worker" in ended.error_message
    assert len(ended.error_fingerprint) == 16
    assert (ended.state["stopped"], ended.state["tokens"]) == (before, {})
    assert [run.status for run in place.runs(execution_id)] == ["cancelled"]
    with place.session() as session:
        event = session.query(Event).filter_by(type=EXECUTION_FAILED).one()
        signal = session.query(Signal).one()
        assert session.query(Timer).filter_by(execution_id=execution_id).count() == 0
    assert (event.entity_id, event.payload["error"]) == (execution_id, ended.error_message)
    assert (signal.execution_id, signal.token, signal.payload["status"]) == (parent, "1", "failed")


@pytest.mark.parametrize("meanwhile", ["claimed", "cancelled"])
def test_what_moved_on_meanwhile_is_left_alone(place: Place, meanwhile: str) -> None:
    execution_id = left_running(place, 3)
    (one,) = found(place)
    if meanwhile == "claimed":
        place.later(61)
        place.runner.run(execution_id, place.org)
    else:
        with place.session() as session:
            cancel(session, session.get_one(Execution, execution_id))
            session.commit()
    before = place.get(execution_id).status
    assert before == {"claimed": "completed", "cancelled": "cancelled"}[meanwhile]
    assert end(place, one) == []
    assert place.get(execution_id).status == before
