"""What is written with the end of an execution, for those whom it concerns: the event of a failure, the parent's signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flowapp.engine.store import signals
from flowapp.engine.store.failures import FAILED_EVENT
from flowapp.models import new_id

Row = dict[str, Any]


def failed_event(row: Mapping[str, Any], step_id: str, error: str, now: datetime) -> Row:
    """A row of the outbox: the execution failed, last at this step."""
    return {
        "id": new_id(),
        "organization_id": row["organization_id"],
        "type": FAILED_EVENT,
        "entity_type": "execution",
        "entity_id": row["id"],
        "payload": {"workflow_id": row["workflow_id"], "step_id": step_id, "error": error},
        "created_at": now,
    }


def signal_to_parent(
    row: Mapping[str, Any], parent: tuple[str, str], status: str, output: Any, error: str, now: datetime
) -> Row:
    """A row of signals, for the (execution, token) that waits for this one."""
    payload = {"execution_id": row["id"], "status": status, "output": output, "error": error}
    return signals.row(row["organization_id"], parent[0], "child", payload, now, token=parent[1])
