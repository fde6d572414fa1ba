"""Starting a workflow for many records: one execution each, exactly once for a job and a record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from flowapp.crm import reading
from flowapp.engine.store import admission
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.start import Given, insert_together, new_row, start
from flowapp.errors import InvalidError, NotFoundError, UnknownReferenceError
from flowapp.models import Execution, Job, Version, Workflow
from flowapp.texts import say
from flowapp.workflows.reading import get


def read_workflow(session: Session, value: object, path: str = "workflow") -> Workflow:
    """The workflow with that id or number: published, and neither paused nor archived. InvalidError for another."""
    try:
        workflow = get(session, reading.plain_text(value, path).strip())
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None
    if workflow.published_version_id is None or workflow.status not in ("active", "draft"):
        raise InvalidError.at(path, say("Publish this workflow and activate it before you start it for many records."))
    return workflow


def start_all(
    session: Session, job: Job, workflow_id: str, about: Sequence[tuple[str, str]]
) -> Sequence[Execution]:  # fmt: skip
    """An execution for each (noun, id); those that are new."""
    workflow = read_workflow(session, workflow_id)
    version = session.get_one(Version, workflow.published_version_id)
    quotas.check(session, workflow.organization_id)
    given = [_given(job, entity) for entity in about]
    if admission.gate_of(session, version.id) is None:
        rows = [{**new_row(workflow, version, **how), "options": {"bulk": True}} for how in given]
        return insert_together(session, rows)
    begun = [start(session, workflow, version, more={"options": {"bulk": True}}, **how) for how in given]
    return [execution for execution, created in begun if created]


def _given(job: Job, entity: tuple[str, str]) -> Given:
    return {
        "trigger_type": "manual",
        "input_data": {f"{entity[0]}_id": entity[1]},
        "idempotency_key": f"job:{job.id}:{entity[1]}",
        "entity": entity,
        "started_by": job.created_by,
    }
