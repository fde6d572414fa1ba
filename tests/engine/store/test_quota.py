"""How much an execution may store, and all of an organization's together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Text, cast, func, select

from flowapp.catalog import Done, Outcome, StepContext
from flowapp.catalog.registry import action
from flowapp.engine.retention import sizes
from flowapp.engine.store import schedules
from flowapp.engine.store.quota import MIB, quotas
from flowapp.engine.store.rerun import repeat
from flowapp.errors import StorageFullError
from flowapp.models import StepRun, Trigger, Workflow, WorkflowSize
from flowapp.tasks.tally import Tally
from tests.engine.place import Place, TryParams, _actions, place, step

__all__ = ["_actions", "place"]
BIG = {"big": "x" * MIB}


@pytest.fixture(autouse=True)
def _limits(_actions: None) -> Iterator[None]:
    @action("measure", label="m", description="", group="", icon="", effect="pure", params=TryParams)
    def measure(_ctx: StepContext, params: TryParams) -> Outcome:
        return Done(len(params.value))

    yield
    quotas.configure(64, 0)


def visits(action_type: str, count: int) -> tuple[list[Any], list[Any]]:
    """Steps and edges of a loop whose body has a large input each time."""
    loop = {"step_id": "each", "action_type": "loop", "params": {"items": list(range(count))}}
    body = {"step_id": "it", "action_type": action_type, "params": {"value": "{{ input.big }}"}}
    return [loop, body], [{"source": "each", "target": "it", "branch": "each"}]


def stored(place: Place, execution_id: str) -> int:
    with place.session() as session:
        lengths = [func.coalesce(func.length(cast(c, Text)), 0) for c in (StepRun.input, StepRun.output)]
        total = select(func.sum(lengths[0] + lengths[1])).where(StepRun.execution_id == execution_id)
        return int(session.scalar(total) or 0)


def test_the_same_large_input_of_many_visits_is_kept_once(place: Place) -> None:
    began = time.monotonic()
    done = place.run(*visits("measure", 300), input_data=BIG)
    assert done.status == "completed"
    assert done.output_data["results"] == [MIB] * 300
    assert stored(place, done.id) < 2 * MIB
    runs = [run for run in place.runs(done.id) if run.step_id == "it"]
    assert runs[0].input == {"value": BIG["big"]}
    assert runs[7].input == "The same 1,048,588 characters as at “it”, visit 1, attempt 1: large values are kept once."
    assert time.monotonic() - began < 60  # 2 on an idle machine


def test_an_execution_that_stores_too_much_fails_and_says_what_to_do(place: Place) -> None:
    quotas.configure(8, 0)
    failed = place.run(*visits("try_pure", 300), input_data=BIG)
    assert failed.status == "failed"
    assert failed.error_message.startswith("This execution has stored 8 MiB; 8 MiB are the most that one may.")
    assert "FLOWAPP_EXECUTION_STORAGE" in failed.error_message
    assert stored(place, failed.id) < 10 * MIB


def test_what_was_stored_is_known_after_a_rest(place: Place) -> None:
    quotas.configure(2, 0)
    steps = [step("a", value="{{ input.big }}"), step("b", do="wait", until=60), step("c", value="{{ input.big }}")]
    execution_id = place.begin(place.workflow(steps), BIG)
    place.runner.run(execution_id, place.org)
    place.later(61)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "failed"


def test_without_a_limit_everything_is_stored(place: Place) -> None:
    quotas.configure(0, 0)
    assert place.run(*visits("try_pure", 5), input_data=BIG).status == "completed"


def fill(place: Place, workflow_id: str, size: int) -> None:
    """The executions of a workflow take so many bytes, and no process remembers another size."""
    with place.session() as session:
        row = session.get(WorkflowSize, workflow_id)
        if row is None:
            row = WorkflowSize(workflow_id=workflow_id, executions=1, measured_at=place.now())
            session.add(row)
        row.bytes = size
        session.commit()
    quotas.configure(64, 1)


def test_an_organization_that_is_full_starts_nothing_until_there_is_room(place: Place) -> None:
    workflow_id = place.workflow([step("a")])
    done = place.begin(workflow_id)
    place.runner.run(done, place.org)
    fill(place, workflow_id, MIB)
    with pytest.raises(StorageFullError, match="storage limit of 1 MiB"):
        place.begin(workflow_id)
    with place.session() as session, pytest.raises(StorageFullError):
        repeat(session, place.get(done))
    fill(place, workflow_id, MIB - 1)
    assert place.get(place.begin(workflow_id)).status == "pending"


def test_a_schedule_leaves_out_what_is_due_while_there_is_no_room(place: Place) -> None:
    workflow_id = place.workflow([step("a")])
    fill(place, workflow_id, MIB)
    trigger = Trigger(
        workflow_id=workflow_id, key="k", trigger_type="schedule", config={"cron": "* * * * *"}, is_active=True,
        next_fire_at=place.now(),
    )  # fmt: skip
    with place.session() as session:
        session.add(trigger)
        session.flush()
        assert schedules.fire(session, trigger, place.now()) == []
        session.refresh(trigger)
        assert "have reached their storage limit" in trigger.last_error
        assert trigger.next_fire_at == place.now() + timedelta(minutes=1)


def test_what_is_stored_is_added_to_the_sizes_until_they_are_measured(place: Place) -> None:
    tally = Tally(place.engine)
    place.runner.stored = tally.add
    done = place.run([step("a", value="y" * 1000)], input_data=BIG)
    tally.add((place.org, "01900000-0000-7000-8000-000000000000", 5))  # a workflow that is gone
    tally.write()
    tally.write()  # nothing is added twice
    with place.session() as session:
        size = session.get_one(WorkflowSize, done.workflow_id)
        assert MIB + 1000 < size.bytes < MIB + 20_000
    sizes.measure(place.engine, place.now())
    with place.session() as session:
        assert session.get_one(WorkflowSize, done.workflow_id).executions == 1
        assert session.query(Workflow).count() == session.query(WorkflowSize).count()
