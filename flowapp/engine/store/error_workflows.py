"""What follows a failed execution: the error workflow of its workflow is started with the failure."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from flowapp.engine.language.workflow_config import stored_config
from flowapp.engine.store.start import start
from flowapp.errors import StorageFullError
from flowapp.logs import get_logger
from flowapp.models import TEST, Event, Execution, Version, Workflow, read_id, read_number

log = get_logger(__name__)


def start_error_workflow(session: Session, event: Event) -> Execution | None:
    """The execution that deals with the failure that `event` states; None where there is none to start.

    Once for each failure. The failure of an error workflow starts no other one.
    """
    failed = session.get(Execution, event.entity_id)
    if failed is None or "error_of" in (failed.options or {}) or failed.trigger_type == TEST:
        return None
    version = session.get_one(Version, failed.version_id)
    reference = stored_config(version.definition).error_workflow
    target = find(session, failed.organization_id, reference) if reference else None
    if target is None or target.published_version_id is None or target.status == "archived":
        return None
    try:
        execution, created = start(
            session,
            target,
            session.get_one(Version, target.published_version_id),
            trigger_type="error",
            input_data=_report(session, failed, event),
            idempotency_key=f"error:{failed.id}",
            contact_id=failed.contact_id,
            more={"options": {"error_of": failed.id, "depth": event.depth + 1}},
        )
    except StorageFullError as error:
        log.warning("error workflow not started", workflow_id=target.id, why=error.message)
        return None
    return execution if created else None


def find(session: Session, organization_id: str, reference: str) -> Workflow | None:
    """The organization's workflow with this id, name (any case) or number; the oldest, where several have the name."""
    named, known = func.lower(Workflow.name) == reference.strip().lower(), read_id(reference)
    number = read_number(reference.strip())
    exactly = Workflow.id == known if known else named if number is None else Workflow.number == number
    return session.scalars(
        select(Workflow)
        .where(Workflow.organization_id == organization_id, or_(exactly, named))
        .order_by(named.desc(), Workflow.id)
        .limit(1)
    ).first()


def _report(session: Session, failed: Execution, event: Event) -> dict[str, object]:
    workflow = session.get_one(Workflow, failed.workflow_id)
    return {
        "error": {"message": failed.error_message, "step_id": event.payload.get("step_id", "")},
        "execution": {
            "id": failed.id,
            "input_data": failed.input_data,
            "trigger_type": failed.trigger_type,
            "started_at": failed.started_at.isoformat() if failed.started_at else None,
        },
        "workflow": {"id": workflow.id, "name": workflow.name},
    }
