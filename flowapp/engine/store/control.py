"""What people do to executions: cancel them, settle what is uncertain. In the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from flowapp.engine.machine.decisions import settled
from flowapp.engine.machine.types import State
from flowapp.errors import ConflictError
from flowapp.models import TERMINAL, Execution, Signal, StepRun, Subscription, Timer, utcnow
from flowapp.texts import say

# A worker that still runs may have published messages that it can no longer commit: the end comes after them.
BEYOND = 1000
_ENDS = {
    "completed": say("completed"),
    "goal_reached": say("goal reached"),
    "failed": say("failed"),
    "cancelled": say("cancelled"),
    "skipped": say("skipped"),
}


def cancel(session: Session, execution: Execution, reason: str = "") -> list[Execution]:
    """Ends the execution as cancelled, and the sub-workflows that it waits for. Raising the fence makes every later
    write of its worker fail. Returns what was ended: the caller commits, then announces each.

    ConflictError where it has already ended; a step that is just running is not interrupted, its outcome is dropped.
    """
    now = utcnow()
    ended = session.execute(
        update(Execution)
        .where(Execution.id == execution.id, Execution.status.not_in(TERMINAL))
        .values(
            status="cancelled",
            error_message=reason,
            completed_at=now,
            fence=Execution.fence + 1,
            seq=Execution.seq + BEYOND,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        session.refresh(execution)
        raise ConflictError(say("This execution has already ended: %(status)s.", status=_ENDS[execution.status]))
    close_off(session, execution, now)
    children = session.scalars(
        select(Execution).where(Execution.parent_id == execution.id, Execution.status.not_in(TERMINAL))
    ).all()
    waited_for = [child for child in children if (child.options or {}).get("parent")]
    return [execution, *(ended for child in waited_for for ended in cancel(session, child))]


def close_off(session: Session, execution: Execution, now: datetime) -> None:
    """What an end from outside entails: its open attempts are over, nothing wakes it any more, its parent is told."""
    session.execute(
        update(StepRun)
        .where(StepRun.execution_id == execution.id, StepRun.status.in_(("running", "waiting")))
        .values(status="cancelled", ended_at=now)
        .execution_options(synchronize_session=False)
    )
    for table in (Timer, Signal, Subscription):
        session.execute(delete(table).where(table.execution_id == execution.id))
    session.refresh(execution)
    _tell_parent(session, execution, now)
    session.flush()


def _tell_parent(session: Session, execution: Execution, now: datetime) -> None:
    parent = (execution.options or {}).get("parent")
    if not parent:
        return
    waits = select(Execution.id).where(Execution.id == parent[0], Execution.status.not_in(TERMINAL))
    if session.scalar(waits) is not None:
        error = execution.error_message
        payload = {"execution_id": execution.id, "status": execution.status, "output": None, "error": error}
        session.add(
            Signal(execution_id=parent[0], token=parent[1], kind="child", payload=payload, created_at=now, rung_at=now)
        )


def decide(
    session: Session, execution: Execution, seq: int, decision: Literal["resend", "done"], *, result: object = None
) -> None:
    """Settles an uncertain attempt (`seq`): run it again, or treat it as done with `result`. The caller wakes it.

    ConflictError where nothing is uncertain there any more.
    """
    run = session.get(StepRun, (execution.id, seq))
    known = execution.state if run is not None and execution.status == "waiting" else None
    state = (
        settled(cast(State, known), run.token, decision, result=result, seq=seq) if run is not None and known else None
    )
    if run is None or state is None:
        raise ConflictError(say("There is nothing left to decide here."))
    if decision == "resend":
        run.status = "failed"
    changed = session.execute(
        update(Execution)
        .where(Execution.id == execution.id, Execution.status == "waiting", Execution.fence == execution.fence)
        .values(state=state, status="pending", fence=Execution.fence + 1, rung_at=utcnow())
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise ConflictError(say("The execution has moved on in the meantime. Reload the page."))
    session.flush()
    session.refresh(execution)
