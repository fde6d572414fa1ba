"""Workflows that run workflows: with the real service, on real databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy.orm import Session

from flowapp.engine.store.control import cancel
from flowapp.models import Execution, Workflow
from flowapp.tasks import starting, subflows
from tests.engine.place import Place, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, ran, real
from tests.support.servers.services import NoServices

__all__ = ["_actions", "place"]


class WithWorkflows(NoServices):
    """Starts real executions; nobody is woken, the test runs them."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def within(self, work: Callable[[Session], Any]) -> Any:
        with self.place.session() as session:
            result = work(session)
            session.commit()
            return result

    def of_visit(self, visit: Any, _step_id: str, key: str) -> Any:
        self.workflows = subflows.SubWorkflows(self, visit, key)  # type: ignore[arg-type]
        return self


@pytest.fixture
def nest(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(starting, "runtime", Mock())
    place.runner.services = lambda *_: WithWorkflows(place)  # type: ignore[assignment,return-value]
    yield place


def named(place: Place, name: str, steps: list[dict[str, Any]], ways: Any = None, **more: Any) -> str:
    workflow_id = place.workflow(steps, ways, **more)
    with place.session() as session:
        session.get_one(Workflow, workflow_id).name = name
        session.commit()
    return workflow_id


def begun(place: Place, workflow_id: str, data: Any = None) -> Execution:
    execution_id = place.begin(workflow_id, data)
    place.runner.run(execution_id, place.org)
    return place.get(execution_id)


def children(place: Place, parent: Execution) -> list[Execution]:
    with place.session() as session:
        return session.query(Execution).filter_by(parent_id=parent.id).order_by(Execution.id).all()


def call(name: str, **params: Any) -> dict[str, Any]:
    return real("run", "run_workflow", workflow=name, **params)


AFTER = step("after", value="{{ steps.run.output }}")


def test_it_waits_for_the_end_and_takes_the_result(nest: Place) -> None:
    named(nest, "Invoice", [step("a", value={"total": "{{ input.n }}"})])
    parent = begun(nest, named(nest, "Order", [call("invoice", input={"n": "{{ input.x }}"}), AFTER]), {"x": 7})
    assert parent.status == "waiting"
    (child,) = children(nest, parent)
    assert (child.trigger_type, child.input_data) == ("workflow", {"n": 7})
    nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).status == "waiting", "a wake-up without news changes nothing"
    nest.runner.run(child.id, nest.org)
    nest.runner.run(parent.id, nest.org)
    done = nest.get(parent.id)
    assert (done.status, done.output_data) == ("completed", {"total": 7})
    assert nest.runs(done.id)[0].output == {"execution_id": child.id, "status": "completed", "output": {"total": 7}}
    assert len(children(nest, parent)) == 1


def test_it_goes_on_at_once_where_nobody_waits(nest: Place) -> None:
    named(nest, "Invoice", [step("a")])
    parent = begun(nest, named(nest, "Order", [call("Invoice", wait=False), step("b")]))
    assert parent.status == "completed"
    assert [child.status for child in children(nest, parent)] == ["pending"]


def test_its_failure_is_the_steps_failure(nest: Place) -> None:
    named(nest, "Invoice", [real("f", "fail", message="No stock")])
    parent = begun(nest, named(nest, "Order", [call("Invoice"), step("saved")], edges("run>saved:error")))
    nest.runner.run(children(nest, parent)[0].id, nest.org)
    nest.runner.run(parent.id, nest.org)
    done = nest.get(parent.id)
    assert (done.status, ran(nest, done)) == ("completed", ["run", "saved"])
    assert nest.runs(done.id)[0].error_message == "The workflow that it ran ended as failed: F: No stock"


def test_a_retry_runs_it_anew(nest: Place) -> None:
    named(nest, "Invoice", [real("f", "fail", message="No stock")])
    again = {**call("Invoice"), "on_error": "retry", "retry_count": 1, "retry_delay": 5}
    parent = begun(nest, named(nest, "Order", [again]))
    for attempt in (1, 2):
        assert len(children(nest, parent)) == attempt
        nest.runner.run(children(nest, parent)[-1].id, nest.org)
        nest.runner.run(parent.id, nest.org)
        nest.later(6)
        nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).status == "failed"


def test_a_timeout_goes_its_own_way_and_the_late_end_disturbs_nobody(nest: Place) -> None:
    named(nest, "Slow", [step("w", do="wait", until=600)])
    steps = [call("Slow", timeout="1 minute"), step("late"), real("two", "run_workflow", workflow="Slow"), step("z")]
    parent = begun(nest, named(nest, "Order", steps, edges("run>late:timeout late>two two>z")))
    slow = children(nest, parent)[0]
    nest.runner.run(slow.id, nest.org)
    nest.later(61)
    nest.runner.run(parent.id, nest.org)
    assert ran(nest, parent) == ["run", "late", "two"]
    nest.later(600)
    nest.runner.run(slow.id, nest.org)
    assert nest.get(slow.id).status == "completed"
    nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).status == "waiting", "the end of the first one is not the second one's"
    second = children(nest, parent)[1]
    nest.runner.run(second.id, nest.org)
    nest.later(601)
    nest.runner.run(second.id, nest.org)
    nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).status == "completed"


def test_what_was_started_is_found_again_though_its_workflow_was_archived(nest: Place) -> None:
    invoice = named(nest, "Invoice", [step("a", value=1)])
    parent = begun(nest, named(nest, "Order", [call("Invoice"), AFTER]))
    nest.runner.run(children(nest, parent)[0].id, nest.org)
    with nest.session() as session:
        session.get_one(Workflow, invoice).status = "archived"
        session.commit()
    nest.runner.run(parent.id, nest.org)
    assert (nest.get(parent.id).status, nest.get(parent.id).output_data) == ("completed", 1)


def test_cancelling_the_parent_cancels_the_child(nest: Place) -> None:
    named(nest, "Slow", [step("w", do="wait", until=600)])
    parent = begun(nest, named(nest, "Order", [call("Slow")]))
    with nest.session() as session:
        ended = cancel(session, session.get_one(Execution, parent.id))
        session.commit()
        assert len(ended) == 2
    assert [child.status for child in children(nest, parent)] == ["cancelled"]


def test_cancelling_the_child_fails_the_step(nest: Place) -> None:
    named(nest, "Slow", [step("w", do="wait", until=600)])
    parent = begun(nest, named(nest, "Order", [call("Slow")]))
    with nest.session() as session:
        cancel(session, session.get_one(Execution, children(nest, parent)[0].id))
        session.commit()
    nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).error_message == "Run: The workflow that it ran was cancelled."


def test_circles_and_depth_are_refused(nest: Place) -> None:
    named(nest, "A", [call("B")])
    b = named(nest, "B", [call("A")])
    first = begun(nest, b)
    below = children(nest, first)[0]
    nest.runner.run(below.id, nest.org)
    assert "already running above" in nest.get(below.id).error_message
    for level in range(12):
        named(nest, f"Level {level}", [call(f"Level {level + 1}")])
    with nest.session() as session:
        top = session.query(Workflow).filter_by(name="Level 0").one().id
    execution, depth = begun(nest, top), 0
    while execution.status == "waiting":
        execution, depth = children(nest, execution)[0], depth + 1
        nest.runner.run(execution.id, nest.org)
        execution = nest.get(execution.id)
    assert depth == subflows.MAX_DEPTH
    assert "10 levels deep" in execution.error_message


@pytest.mark.parametrize("name", ["Nothing", "{{ input.name }}"])
def test_an_unknown_workflow_is_a_permanent_error(nest: Place, name: str) -> None:
    done = begun(nest, named(nest, "Order", [call(name)]), {"name": "Nobody"})
    assert done.status == "failed"
    assert "There is no workflow" in done.error_message


def test_one_that_is_skipped_is_not_waited_for(nest: Place) -> None:
    busy = named(
        nest, "Busy", [step("w", do="wait", until=600)], config={"concurrency": 1, "concurrency_policy": "drop"}
    )
    begun(nest, busy)
    done = begun(nest, named(nest, "Order", [call("Busy")]))
    assert done.status == "failed"
    assert "was skipped" in done.error_message


def test_each_item_of_a_loop_runs_its_own(nest: Place) -> None:
    named(nest, "Invoice", [step("a", value="{{ input.n }}")])
    steps = [real("l", "loop", items=[1, 2, 3], at_once=3), call("Invoice", input={"n": "{{ item }}"}), AFTER]
    steps.append(step("z", value="{{ steps.l.results }}"))
    parent = begun(nest, named(nest, "Order", steps, edges("l>run:each run>after l>z:done")))
    for child in reversed(children(nest, parent)):
        nest.runner.run(child.id, nest.org)
        nest.runner.run(parent.id, nest.org)
    assert nest.get(parent.id).output_data == [1, 2, 3]


def test_workflows_that_start_workflows_do_not_multiply_without_end(
    nest: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each starts three others, each of which starts three: the first of all counts them."""
    monkeypatch.setattr(subflows, "MAX_DESCENDANTS", 7)
    name = ""
    for level in range(4):
        loop = {"step_id": "each", "action_type": "loop", "params": {"items": [1, 2, 3]}}
        start = {"step_id": "go", "action_type": "run_workflow", "params": {"workflow": name, "wait": False}}
        body = [loop, start if name else step("go")]
        workflow_id = nest.workflow(body, [{"source": "each", "target": "go", "branch": "each"}])
        name = f"level {level}"
        with nest.session() as session:
            session.get_one(Workflow, workflow_id).name = name
            session.commit()
    first = nest.begin(workflow_id)
    for _ in range(20):
        with nest.session() as session:
            pending = session.query(Execution.id).filter_by(status="pending").all()
        for (execution_id,) in pending:
            nest.runner.run(execution_id, nest.org)
    with nest.session() as session:
        assert session.query(Execution).count() == 8
        assert session.get_one(Execution, first).descendants == 7
        refused = session.query(Execution).filter_by(status="failed").all()
        assert refused
        assert all("can start at most 7 others" in one.error_message for one in refused)
