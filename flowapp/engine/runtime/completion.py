"""What is written with the end of an execution: its last state, its error's fingerprint, who is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowapp.engine.store import signals
from flowapp.engine.store.failures import FAILED_EVENT, fingerprint
from flowapp.models import new_id

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run


def prepare(run: Run, status: str, error: str) -> dict[str, Any]:
    """Puts what the end entails into the run's batch; returns the columns that go with it."""
    columns: dict[str, Any] = {}
    if status == "failed":
        columns["error_fingerprint"] = fingerprint(run.current, error)
        # Where each token stood: a retry goes on from there.
        run.state = {**run.state, "stopped": run.state["tokens"]}
        if not run.is_test:
            run.record.batch.events.append(_event(run, error))
    run.state = {**run.state, "tokens": {}}
    parent = run.options.get("parent")
    if parent:
        payload = {"execution_id": run.row["id"], "status": status, "output": run.memory.output, "error": error}
        run.record.batch.signals.append(
            signals.row(run.row["organization_id"], parent[0], "child", payload, run.runner.now(), token=parent[1])
        )
    return columns


def _event(run: Run, error: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": run.row["organization_id"],
        "type": FAILED_EVENT,
        "entity_type": "execution",
        "entity_id": run.row["id"],
        "payload": {"workflow_id": run.row["workflow_id"], "step_id": run.current, "error": error},
        "created_at": run.runner.now(),
    }
