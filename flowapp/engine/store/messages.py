"""The messages of an execution, as the WebSocket sends them; the runner publishes them, replay rebuilds them from rows.

`seq` numbers them in one order for each execution, without gaps that a client could miss: a client that comes back with
its last one gets what came after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Required, TypedDict

from flowapp.models import iso


class Message(TypedDict, total=False):
    """One of them; which keys it has beside `type` and `seq` goes by its type."""

    type: Required[str]
    seq: Required[int]
    step_id: str
    step_name: str
    action_type: str
    status: str | int  # of a step or an execution; of an error the number that HTTP has for it
    attempt: int
    iteration: int
    branch: str
    at: str | None
    result: object
    error: str
    log: dict[str, object]
    logs: list[dict[str, object]]
    execution: dict[str, object]
    execution_id: str
    error_message: str
    output_data: object
    stats: object
    message: str  # what was wrong with what the client sent


def execution_started(row: Mapping[str, Any]) -> Message:
    """A new execution, a row of executions, is about to run; the monitors of its organization are told."""
    shown = {name: row[name] for name in ("id", "status", "trigger_type")}
    return {"type": "execution_started", "seq": 0, "execution": {**shown, "workflow": row["workflow_id"]}}


def step_started(run: Mapping[str, Any]) -> Message:
    """An attempt has begun; `run` is a row of step_runs."""
    return {
        "type": "step_started",
        "seq": run["seq"],
        "step_id": run["step_id"],
        "step_name": run["step_name"],
        "action_type": run["action_type"],
        "attempt": run["attempt"],
        "iteration": run["iteration"],
        "at": iso(run["started_at"]),
    }


def step_ended(run: Mapping[str, Any]) -> Message:
    """An attempt is over: step_completed (also for a wait that began) or step_failed."""
    failed = run["status"] in ("failed", "uncertain")
    message: Message = {
        "type": "step_failed" if failed else "step_completed",
        "seq": run["ended_seq"],
        "step_id": run["step_id"],
        "step_name": run["step_name"],
        "status": run["status"],
        "attempt": run["attempt"],
        "iteration": run["iteration"],
        "branch": run["branch"],
        "at": iso(run["ended_at"]),
    }
    return {**message, "error": run["error_message"]} if failed else {**message, "result": run["output"]}


def log_line(row: Mapping[str, Any]) -> Message:
    """A line of the log; `row` is a row of log_lines. The feed of a socket adds the step's name."""
    return {"type": "log", "seq": row["seq"], "log": line_json(row)}


def line_json(row: Mapping[str, Any], step_name: str = "") -> dict[str, object]:
    """A line of the log as it is shown everywhere; `row` is a row of log_lines, its data without secrets."""
    return {
        "seq": row["seq"],
        "level": row["level"].upper(),
        "message": row["message"],
        "step_id": row["step_id"],
        "step_name": step_name or row["step_id"],
        "data": row["data"],
        "created_at": iso(row["created_at"]),
    }


def responded(seq: int) -> Message:
    """A `respond` step has answered: whoever waits for it reads it in the execution's row."""
    return {"type": "responded", "seq": seq}


def execution_completed(execution_id: str, seq: int, status: str, error: str, output: object) -> Message:
    """The execution has ended, whatever its status."""
    return {
        "type": "execution_completed",
        "seq": seq,
        "execution_id": execution_id,
        "status": status,
        "error_message": error,
        "output_data": output,
    }
