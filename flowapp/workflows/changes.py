"""What every change of a workflow begins and ends with: the lock on its row, and the record of what happened."""

from __future__ import annotations

from sqlalchemy.orm import Session

from flowapp import events
from flowapp.errors import StaleError
from flowapp.models import User, Workflow
from flowapp.records.lock import lock as lock_row
from flowapp.texts import say


def lock(session: Session, workflow: Workflow, expected_revision: int | None = None) -> None:
    """Keeps others from changing the workflow until the transaction ends, and reads it as it is now.

    StaleError where the draft is no longer the one that the caller saw.
    """
    lock_row(session, workflow)
    if expected_revision is not None and expected_revision != workflow.revision:
        raise StaleError(say("This workflow was changed in the meantime. Reload it, then repeat your change."))


def tell(
    session: Session, workflow: Workflow, verb: str, actor_id: str | None, *, event: str = "updated", **details: object
) -> None:
    """Records the event `automation.workflow.<event>` and the audit line `workflow.<verb>`."""
    payload = {
        "workflow_id": workflow.id,
        "name": workflow.name,
        "organization_id": workflow.organization_id,
        "status": workflow.status,
    }
    actor = session.get(User, actor_id) if actor_id else None
    target = ("workflow", workflow.id, workflow.name)
    cause = events.Cause(actor_id)
    events.record(session, f"automation.workflow.{event}", entity=target[:2], payload=payload, cause=cause)
    events.audit(
        session,
        f"workflow.{verb}",
        actor=(actor_id, actor.email if actor else "system"),
        target=target,
        details=details,
    )
