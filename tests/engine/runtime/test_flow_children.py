"""Parents and children of which one ended or was deleted: nothing hangs, nothing outlives what it was for."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from flowapp import workflows
from flowapp.engine.retention.purge import purge
from flowapp.engine.store import stale
from flowapp.engine.store.rerun import repeat
from flowapp.errors import StepError
from flowapp.models import Execution, Signal, Timer, Workflow
from flowapp.tasks import subflows
from tests.engine.place import Place, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, ran, real
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


# --- a parent that ended, or goes on without its child


FAILS = step("bad", do="fail", value="No.")


def ended_with(nest: Place, steps: list[dict[str, Any]], ways: Any, **more: Any) -> tuple[Execution, Execution]:
    """A parent with these steps, of which one runs “Slow”, once all that is due has run; and the child."""
    named(nest, "Slow", [SLOW, step("last", "once")])
    parent = begun(nest, named(nest, "Order", steps, ways, **more))
    (child,) = children(nest, parent)
    return nest.get(parent.id), nest.get(child.id)


def test_a_step_that_ends_the_execution_ends_its_child(nest: Place) -> None:
    steps = [step("a"), call("Slow"), step("halt", do="stop")]
    parent, child = ended_with(nest, steps, edges("a>run a>halt"))
    assert (parent.status, child.status) == ("completed", "cancelled")
    assert child.error_message == "The execution that waited for it has ended."
    assert nest.cancelled == [child.id], "who watches it, and what its end makes free, is told"


def test_a_branch_that_fails_ends_the_child_of_the_other(nest: Place) -> None:
    parent, child = ended_with(nest, [step("a"), call("Slow"), FAILS], edges("a>run a>bad"))
    assert (parent.status, child.status) == ("failed", "cancelled")


def test_a_workflow_that_takes_too_long_ends_its_child(nest: Place) -> None:
    parent, child = ended_with(nest, [call("Slow")], None, config={"timeout": 60})
    nest.runner.run(child.id, nest.org)
    assert nest.wake(parent.id, later=62).status == "failed"
    assert nest.get(child.id).status == "cancelled"
    assert nest.timers(child.id) == []


def test_an_item_that_fails_ends_its_own_child_only(nest: Place) -> None:
    named(nest, "Slow", [SLOW])
    steps = [
        real("l", "loop", items=[1, 2], at_once=2, on_item_error="continue"),
        step("a"),
        call("Slow", input={"n": "{{ item }}"}),
        real("if", "conditional", conditions=[{"field": "item", "operator": "==", "value": 1}]),
        FAILS,
    ]
    parent = begun(nest, named(nest, "Order", steps, edges("l>a:each a>run a>if if>bad:yes")))
    assert parent.status == "waiting"
    assert {child.input_data["n"]: child.status for child in children(nest, parent)} == {1: "cancelled", 2: "pending"}
    with nest.session() as session:
        assert session.query(Signal).count() == 0, "nobody waits for the end of the first one any more"


def test_one_that_was_given_up_keeps_running_as_its_step_says(nest: Place) -> None:
    """The page promises it: “the other workflow keeps running”."""
    steps = [call("Slow", timeout="1 minute"), step("halt", do="stop")]
    parent, child = ended_with(nest, steps, edges("run>halt:timeout"))
    nest.runner.run(child.id, nest.org)
    assert nest.wake(parent.id, later=61).status == "completed"
    assert nest.get(child.id).status == "waiting"


def test_one_that_was_set_aside_ends_its_child(nest: Place) -> None:
    parent, child = ended_with(nest, [call("Slow")], None)
    with nest.session() as session:
        changed = {"status": "running", "crashes": stale.GIVEN_UP}
        session.execute(update(Execution).where(Execution.id == parent.id).values(**changed))
        session.commit()
        (found,) = stale.find(session, nest.now())
        ended = stale.end(session, found, nest.now())
        session.commit()
    assert {execution.id for execution in ended} == {parent.id, child.id}
    assert nest.get(child.id).status == "cancelled"


# --- a retry


def test_running_again_from_the_failed_step_leaves_one_child_alive(nest: Place) -> None:
    parent, child = ended_with(nest, [call("Slow")], None, config={"timeout": 60})
    with nest.session() as session:  # as a release before this one left it
        nest.wake(parent.id, later=62)
        changed = {"status": "waiting", "completed_at": None, "error_message": ""}
        session.execute(update(Execution).where(Execution.id == child.id).values(**changed))
        session.commit()
    with nest.session() as session:
        again = repeat(session, session.get_one(Execution, parent.id), from_step="failed")
        session.commit()
    nest.runner.run(again.id, nest.org)
    assert nest.get(child.id).status == "cancelled"
    assert [one.status for one in children(nest, again)] == ["pending"]


@pytest.fixture
def _breaks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start is committed, and its attempt fails nevertheless."""

    def commit(session: Any, *_started: Execution, created: bool = True) -> None:
        session.commit()
        monkeypatch.setattr(subflows, "commit_and_start", whole)
        raise StepError(f"The connection broke after {created}.")

    whole = subflows.commit_and_start
    monkeypatch.setattr(subflows, "commit_and_start", commit)


AGAIN = {**call("Slow"), "on_error": "retry", "retry_count": 1, "retry_delay": 5}


@pytest.mark.usefixtures("_breaks_once")
def test_a_second_attempt_takes_up_the_child_of_the_first(nest: Place) -> None:
    named(nest, "Slow", [step("a", value=7)])
    parent = begun(nest, named(nest, "Order", [AGAIN, AFTER]))
    (child,) = children(nest, parent)
    nest.wake(parent.id, later=6)
    assert [one.id for one in children(nest, parent)] == [child.id]
    nest.runner.run(child.id, nest.org)
    assert (nest.wake(parent.id).status, nest.get(parent.id).output_data) == ("completed", 7)


@pytest.mark.usefixtures("_breaks_once")
def test_what_a_second_attempt_has_taken_up_ends_with_it(nest: Place) -> None:
    named(nest, "Slow", [SLOW])
    parent = begun(nest, named(nest, "Order", [AGAIN], config={"timeout": 60}))
    (child,) = children(nest, parent)
    assert nest.wake(parent.id, later=6).status == "waiting"
    assert nest.wake(parent.id, later=62).status == "failed"
    assert nest.get(child.id).status == "cancelled"
