"""Parents and children of which one ended or was deleted: nothing hangs, nothing outlives what it was for."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from flowapp import workflows
from flowapp.engine.retention.purge import purge
from flowapp.models import Execution, Signal, Timer, Workflow
from tests.engine.place import Place, _actions, place, step
from tests.engine.runtime.test_flow_branches import ran
from tests.engine.runtime.test_flow_subflows import AFTER, begun, call, children, named, nest

__all__ = ["_actions", "nest", "place"]

SLOW = step("w", do="wait", until=600)


def waiting_pair(nest: Place, child_steps: Any = None, ways: Any = None, **more: Any) -> tuple[Execution, Execution]:
    """A parent that waits for a child that waits."""
    named(nest, "Slow", child_steps or [SLOW, step("last", "once")], **more)
    parent = begun(nest, named(nest, "Order", [call("Slow"), AFTER], ways))
    (child,) = children(nest, parent)
    nest.runner.run(child.id, nest.org)
    return parent, child


def delete_workflow(nest: Place, execution: Execution) -> list[Execution]:
    with nest.session() as session:
        ended = workflows.delete(session, session.get_one(Workflow, execution.workflow_id))
        session.commit()
        return ended


def stored(nest: Place, execution: Execution) -> Execution | None:
    with nest.session() as session:
        found: Execution | None = session.get(Execution, execution.id)
        return found


# --- deletion


def test_deleting_the_parents_workflow_cancels_the_child_and_those_below_it(nest: Place) -> None:
    named(nest, "Below", [SLOW])
    parent, child = waiting_pair(nest, [call("Below")])
    (below,) = children(nest, child)
    ended = delete_workflow(nest, parent)
    assert {execution.id for execution in ended} == {child.id, below.id}, "their ends can be announced"
    assert stored(nest, parent) is None
    for execution in (child, below):
        assert nest.get(execution.id).status == "cancelled"
        assert "deleted" in nest.get(execution.id).error_message
        assert nest.timers(execution.id) == []


def test_a_child_that_nobody_waits_for_outlives_the_deleted_parent(nest: Place) -> None:
    named(nest, "Slow", [SLOW])
    parent = begun(nest, named(nest, "Order", [call("Slow", wait=False), SLOW]))
    (child,) = children(nest, parent)
    assert delete_workflow(nest, parent) == []
    assert nest.get(child.id).status == "pending"


def test_deleting_the_childs_workflow_fails_the_parents_step_in_words(nest: Place) -> None:
    parent, child = waiting_pair(nest)
    delete_workflow(nest, child)
    assert stored(nest, child) is None
    nest.runner.run(parent.id, nest.org)
    done = nest.get(parent.id)
    assert (done.status, done.error_message) == (
        "failed",
        "Run: The workflow that it ran was cancelled: its workflow “Slow” was deleted.",
    )


def test_the_scheduler_wakes_the_parent_of_a_deleted_child_at_once(nest: Place) -> None:
    parent, child = waiting_pair(nest)
    delete_workflow(nest, child)
    with nest.session() as session:
        (told,) = session.query(Signal).filter_by(execution_id=parent.id)
        assert told.rung_at is None


def test_a_result_that_came_before_its_execution_was_deleted_still_counts(nest: Place) -> None:
    named(nest, "Quick", [step("a", value=7)])
    parent = begun(nest, named(nest, "Order", [call("Quick"), AFTER]))
    (child,) = children(nest, parent)
    nest.runner.run(child.id, nest.org)
    delete_workflow(nest, child)
    nest.runner.run(parent.id, nest.org)
    assert (nest.get(parent.id).status, nest.get(parent.id).output_data) == ("completed", 7)


def test_a_deleted_child_starts_no_second_one_where_the_workflow_is_there_again(nest: Place) -> None:
    parent, child = waiting_pair(nest)
    delete_workflow(nest, child)
    named(nest, "Slow", [SLOW])
    nest.runner.run(parent.id, nest.org)
    assert children(nest, parent) == []
    assert nest.get(parent.id).status == "failed"


@pytest.mark.parametrize("how", ["completed", "failed"])
def test_a_child_whose_parent_is_gone_ends_as_it_would(nest: Place, how: str) -> None:
    """Whoever deleted the parent: a release before this one, or somebody by hand."""
    last = step("last", "once") if how == "completed" else step("last", "once", do="fail", value="No.")
    parent, child = waiting_pair(nest, [SLOW, last], config={"concurrency": 1})
    with nest.session() as session:
        session.execute(delete(Execution).where(Execution.id == parent.id))
        session.commit()
    done = nest.wake(child.id, later=601)
    assert done.status == how
    assert ran(nest, done) == ["w", "last"] if how == "completed" else done.error_message
    with nest.session() as session:
        assert session.query(Signal).count() == 0
        assert session.query(Timer).filter_by(execution_id=child.id).count() == 0


def test_the_purge_deletes_no_parent_that_is_waited_for_and_what_lies_above_it_is_no_error(nest: Place) -> None:
    """The chain top > middle > bottom: top is purged, middle is kept because bottom is open, which ends as it would."""
    named(nest, "Bottom", [SLOW, step("last", "once")])
    named(nest, "Middle", [call("Bottom", wait=False)])
    top = begun(nest, named(nest, "Top", [call("Middle", wait=False)]))
    (middle,) = children(nest, top)
    nest.runner.run(middle.id, nest.org)
    (bottom,) = children(nest, middle)
    with nest.session() as session:  # as a release before this one left it: ended, and its child open
        session.execute(update(Execution).where(Execution.id == bottom.id).values(options={"parent": [middle.id, "1"]}))
        session.commit()
    nest.runner.run(bottom.id, nest.org)
    assert purge(nest.engine, nest.now() + timedelta(days=400), 30, threading.Event()).executions == 1
    assert stored(nest, top) is None
    assert nest.wake(bottom.id, later=601).status == "completed"
    with nest.session() as session:
        assert session.query(Signal).count() == 0, "nobody is told who has ended"
