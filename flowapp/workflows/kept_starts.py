"""What comes for a workflow while it is paused: it is kept, as skipped executions (engine.store.start), to be run later."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.engine.store.event_matching.listeners import is_switched_on
from flowapp.engine.store.start import PAUSED
from flowapp.models import Execution, Trigger, Version, Workflow


def paused_hook(session: Session, key: str) -> tuple[Trigger, Workflow, Version] | None:
    """The trigger of a paused workflow that has this key; None where it would not start anything."""
    found = session.execute(
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(Trigger.hook_key == key, Workflow.status == "paused")
    ).one_or_none()
    if found is None or not is_switched_on(found[0], found[2]):
        return None
    trigger, workflow, version = found
    return trigger, workflow, version


def kept_while_paused(session: Session, workflow_id: str, most: int) -> list[str]:
    """The starts that came while the workflow was paused and were not run since, the oldest first."""
    again = select(Execution.retry_of_id).where(
        Execution.workflow_id == workflow_id, Execution.retry_of_id.is_not(None)
    )
    kept = (
        select(Execution.id)
        .where(
            Execution.workflow_id == workflow_id, Execution.status == "skipped", Execution.error_message == PAUSED,
            Execution.id.not_in(again),
        )
        .order_by(Execution.id)
        .limit(most)
    )  # fmt: skip
    return list(session.scalars(kept))
