"""What an execution leaves on the bus: that it failed, and, where somebody of its organization listens, that it began and ended.

An execution that was itself started by such an event is not told of: two workflows that hear of each other's executions would
go on without an end.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from flowapp.events.cause import Cause, EventRow
from flowapp.events.types import (
    EXECUTION_CANCELLED,
    EXECUTION_COMPLETED,
    EXECUTION_FAILED,
    EXECUTION_STARTED,
    OF_EXECUTIONS,
)
from flowapp.models import TEST, new_id

_ENDS = {"completed": EXECUTION_COMPLETED, "goal_reached": EXECUTION_COMPLETED, "cancelled": EXECUTION_CANCELLED}


class _Options(TypedDict, total=False):
    depth: int
    bulk: bool


class Known(TypedDict):
    """What must be known of an execution."""

    id: str
    organization_id: str
    workflow_id: str
    trigger_type: str
    contact_id: str | None
    context: dict[str, object]
    options: _Options


KNOWN = tuple(Known.__annotations__)


def started(execution: Known, at: datetime) -> list[EventRow]:
    """That it runs its first step."""
    return [_event(execution, EXECUTION_STARTED, {}, at)] if is_told(execution) else []


def ended(execution: Known, status: str, reason: str, step_id: str, at: datetime) -> list[EventRow]:
    """How it ended: completed (a goal reached as well) or cancelled."""
    if status not in _ENDS or not is_told(execution):
        return []
    more: dict[str, object] = {"reason": str(reason)} if status == "cancelled" else {"status": status}
    return [_event(execution, _ENDS[status], more, at, step_id)]


def failed(execution: Known, error: str, step_id: str, at: datetime) -> EventRow:
    """That it failed, last at this step."""
    event = _event(execution, EXECUTION_FAILED, {}, at, step_id)
    event["payload"] = {"workflow_id": execution["workflow_id"], "step_id": step_id, "error": str(error)}
    return event


def is_told(execution: Known) -> bool:
    """Where somebody listens: whether they hear of this execution. Tests are nobody's business."""
    event = (execution["context"] or {}).get("event")
    by_execution = isinstance(event, dict) and str(event.get("type")).startswith(OF_EXECUTIONS)
    return execution["trigger_type"] != TEST and not by_execution


def _event(execution: Known, kind: str, more: dict[str, object], at: datetime, step_id: str = "") -> EventRow:
    """A row of the outbox."""
    options = execution["options"] or {}
    cause = Cause(
        workflow_id=execution["workflow_id"],
        execution_id=execution["id"],
        step_id=step_id,
        depth=options.get("depth", 0),
        bulk=options.get("bulk", False),
    )
    about = {
        "workflow_id": execution["workflow_id"],
        "trigger_type": execution["trigger_type"],
        "contact_id": execution["contact_id"],
    }
    return {
        "id": new_id(),
        "organization_id": execution["organization_id"],
        "type": kind,
        "entity_type": "execution",
        "entity_id": execution["id"],
        "payload": {**about, **more},
        "created_at": at,
        **cause.columns(),
    }
