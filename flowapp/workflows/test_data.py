"""What a draft is tried with: an input, pinned results of steps, and the execution that they were taken from.

Pins hold in test runs only: a pinned step does not run there, its result is the pinned one.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS
from flowapp.engine.store.start import start
from flowapp.models import TEST, Execution, StepRun, Workflow
from flowapp.models.definitions import TestDataJson
from flowapp.workflows.publishing import version_to_test


def of(workflow: Workflow) -> TestDataJson:
    """What is kept, without the pins of steps that are gone."""
    kept: TestDataJson = workflow.test_data or {"pins": {}, "execution_id": None}
    known = {step["step_id"] for step in workflow.draft.get("steps", ())}
    pins = {step_id: result for step_id, result in (kept.get("pins") or {}).items() if step_id in known}
    shown: TestDataJson = {"pins": pins, "execution_id": kept.get("execution_id")}
    if "input" in kept:
        shown["input"] = kept["input"]
    return shown


def copy(session: Session, execution: Execution) -> Workflow:
    """Takes over the input of an execution, and pins what its steps with effects gave: a test then repeats none of them."""
    workflow = session.get_one(Workflow, execution.workflow_id)
    runs = select(StepRun).where(StepRun.execution_id == execution.id, StepRun.status == "completed")
    pins = {
        run.step_id: run.output
        for run in session.scalars(runs.order_by(StepRun.seq))
        if run.action_type in ACTIONS and ACTIONS[run.action_type].effect != "pure"
    }
    workflow.test_data = {"input": execution.input_data, "pins": pins, "execution_id": execution.id}
    return workflow


def keep_input(workflow: Workflow, value: object) -> None:
    """The input of the next tests."""
    workflow.test_data = {**of(workflow), "input": value}


def pin(workflow: Workflow, step_id: str, result: object) -> None:
    """The step gives this result in tests."""
    kept = of(workflow)
    workflow.test_data = {**kept, "pins": {**kept["pins"], step_id: result}}


def unpin(workflow: Workflow, step_id: str) -> None:
    """The step runs in tests, too."""
    kept = of(workflow)
    workflow.test_data = {**kept, "pins": {key: result for key, result in kept["pins"].items() if key != step_id}}


def begin(
    session: Session, workflow: Workflow, input_data: object, run_to: str, *, started_by: str | None
) -> Execution:
    """A test run of the draft, up to a step (empty: to the end). The caller commits, then wakes it. InvalidError: errors."""
    options: dict[str, object] = {"pins": of(workflow)["pins"]}
    if run_to:
        options["run_to"] = run_to
    version = version_to_test(session, workflow, actor_id=started_by)
    execution, _created = start(
        session,
        workflow,
        version,
        trigger_type=TEST,
        input_data=input_data,
        started_by=started_by,
        more={"options": options},
    )
    return execution
