"""The error workflow: started with the failure, once for each, and never for its own."""

from __future__ import annotations

from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest

from flowapp import tasks
from flowapp.engine.store import error_workflows, event_matching
from flowapp.engine.store.failures import fingerprint
from flowapp.errors import StepError
from flowapp.events.types import EXECUTION_FAILED
from flowapp.models import TEST, Event, Execution, LogLine, Signal, StepRun, Workflow
from flowapp.models.tenancy import system_session
from flowapp.scheduler import Scheduler
from tests.engine.place import Place, World, _actions, place, step
from tests.support.cost import processor_seconds

__all__ = ["_actions", "place"]


@pytest.fixture
def scheduler(place: Place, settings: Any) -> Iterator[Scheduler]:
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    yield Scheduler(runtime, place.now)
    runtime.broker.close()


def named(place: Place, workflow_id: str, name: str, **columns: Any) -> str:
    with place.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
        workflow.name = name
        for column, value in columns.items():
            setattr(workflow, column, value)
        session.commit()
    return workflow_id


def failing(place: Place, error_workflow: str, **more: Any) -> Execution:
    workflow = place.workflow([step("a", do="fail", value="no luck")], config={"error_workflow": error_workflow})
    execution_id = place.begin(named(place, workflow, "Main"), {"n": 1}, **more)
    place.runner.run(execution_id, place.org)
    return place.get(execution_id)


def dealing(place: Place, scheduler: Scheduler) -> list[Execution]:
    """What was started for failures, after a round of the scheduler."""
    scheduler.tick()
    with place.session() as session:
        return session.query(Execution).filter_by(trigger_type="error").order_by(Execution.id).all()


def test_it_is_started_with_the_failure(place: Place, scheduler: Scheduler) -> None:
    helper = named(place, place.workflow([step("h", value="{{ input.error.message }}")]), "Deal with it")
    failed = failing(place, "deal WITH it")
    (started,) = dealing(place, scheduler)
    assert (started.workflow_id, started.status) == (helper, "pending")
    assert started.input_data == {
        "error": {"message": "A: no luck", "step_id": "a"},
        "execution": {
            "id": failed.id, "input_data": {"n": 1}, "trigger_type": "manual",
            "started_at": failed.started_at.isoformat(),
        },
        "workflow": {"id": failed.workflow_id, "name": "Main"},
    }  # fmt: skip
    place.runner.run(started.id, place.org)
    assert place.get(started.id).output_data == "A: no luck"


def test_once_for_each_failure(place: Place, scheduler: Scheduler) -> None:
    helper = place.workflow([step("h")])
    failed = failing(place, helper)
    assert len(dealing(place, scheduler)) == 1
    with system_session(place.engine) as session:
        event = session.query(Event).filter_by(type=EXECUTION_FAILED, entity_id=failed.id).one()
        event.published_at = None  # as if the scheduler had died before it could write that it was handed on
        session.commit()
    assert len(dealing(place, scheduler)) == 1
    failing(place, helper)
    assert len(dealing(place, scheduler)) == 2


def test_its_own_failure_starts_nothing(place: Place, scheduler: Scheduler) -> None:
    helper = place.workflow([step("h", do="fail", value="me too")], config={"error_workflow": "Helper"})
    failing(place, named(place, helper, "Helper"))
    (started,) = dealing(place, scheduler)
    place.runner.run(started.id, place.org)
    assert place.get(started.id).status == "failed"
    assert len(dealing(place, scheduler)) == 1


def test_a_workflow_may_be_its_own_error_workflow_once(place: Place, scheduler: Scheduler) -> None:
    failing(place, "Main")
    (started,) = dealing(place, scheduler)
    place.runner.run(started.id, place.org)
    assert len(dealing(place, scheduler)) == 1


@pytest.mark.parametrize("columns", [{"status": "archived"}, {"published_version_id": None}])
def test_what_cannot_run_is_left_alone(place: Place, scheduler: Scheduler, columns: dict[str, Any]) -> None:
    named(place, place.workflow([step("h")]), "Helper", **columns)
    failing(place, "Helper")
    assert dealing(place, scheduler) == []


@pytest.mark.parametrize("reference", ["", "Nobody", "01900000-0000-7000-8000-000000000000"])
def test_no_such_workflow(place: Place, scheduler: Scheduler, reference: str) -> None:
    failing(place, reference)
    assert dealing(place, scheduler) == []


def test_a_test_starts_no_error_workflow(place: Place, scheduler: Scheduler) -> None:
    named(place, place.workflow([step("h")]), "Helper")
    failing(place, "Helper", trigger_type=TEST)
    assert dealing(place, scheduler) == []


def test_the_contact_comes_along(place: Place, scheduler: Scheduler) -> None:
    from tests.engine.store.test_events import contact

    ann = contact(place)
    named(place, place.workflow([step("h", value="{{ contact.email }}")]), "Helper")
    failing(place, "Helper", contact_id=ann)
    (started,) = dealing(place, scheduler)
    place.runner.run(started.id, place.org)
    assert place.get(started.id).output_data == "a@b.example"


def test_a_failure_is_an_event_that_others_can_wait_for(place: Place, scheduler: Scheduler) -> None:
    from tests.engine.store.test_events import wait_event, waiting

    watching = waiting(place, [wait_event(kind="event", events=[EXECUTION_FAILED], same_entity=False)])
    failed = failing(place, "")
    scheduler.tick()
    place.runner.run(watching, place.org)
    assert place.get(watching).output_data["payload"]["workflow_id"] == failed.workflow_id


def test_what_was_deleted_meanwhile_is_nobodys_failure(place: Place) -> None:
    event = Event(organization_id=place.org, type=EXECUTION_FAILED, entity_id="01900000-0000-7000-8000-000000000000")
    with place.session() as session:
        assert error_workflows.start_error_workflow(session, event) is None
        assert event_matching.deliver(session, [], place.now()) == []


@pytest.mark.parametrize("piece", ["x", "“", '"', "'", "x@", "a-", "0", "http://", "é "])
def test_a_fingerprint_takes_no_longer_than_its_error_is_long(piece: str) -> None:
    error = piece * (300_000 // len(piece))
    assert processor_seconds(lambda: fingerprint("a", error)) < 0.2


def test_a_fingerprint_leaves_out_what_differs() -> None:
    errors = [
        f"“{name}” at {name}@example.test (https://x.test/{name}) said '{name}' {number} times"
        for name, number in (("Ann", 3), ("Bob", 44))
    ]
    assert len({fingerprint("a", error) for error in errors}) == 1
    assert fingerprint("a", errors[0]) != fingerprint("a", "no " + errors[0])


def test_an_endless_error_is_kept_short_wherever_it_is_stored(place: Place) -> None:
    parent = place.begin(place.workflow([step("p", do="park")]))
    place.runner.run(parent, place.org)

    def fail(_ctx: Any) -> None:
        raise StepError("x" * 3_000_000 + "\0")

    World.hooks["a"] = fail
    workflow = place.workflow([step("a")])
    execution_id = place.begin(workflow, None, more={"options": {"parent": [parent, "0"]}})
    began = process_time()
    place.runner.run(execution_id, place.org)
    assert process_time() - began < 5
    with place.session() as session:
        kept: list[Any] = [
            session.get_one(Execution, execution_id).error_message,
            session.query(StepRun).filter_by(execution_id=execution_id).one().error_message,
            session.query(Event).filter_by(entity_id=execution_id).one().payload["error"],
            session.query(Signal).filter_by(execution_id=parent).one().payload["error"],
            *(line.message for line in session.query(LogLine).filter_by(execution_id=execution_id)),
        ]
    live = [message.get("error", "") + message.get("error_message", "") for message in place.published]
    assert len(kept) >= 5
    assert any(live)
    for text in kept + live:
        assert len(text) < 11_000, text[:50]
        assert "\0" not in text
