"""What people do to executions: cancel them, settle what is uncertain, delete them. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import ColumnElement, Connection, Select, delete, select, text, update
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.engine.machine.decisions import settled
from flowapp.engine.machine.types import SUSPENDED, State, Token
from flowapp.errors import ConflictError
from flowapp.events import executions
from flowapp.models import OPEN, TERMINAL, Execution, Signal, StepRun, Subscription, Timer, Workflow, utcnow
from flowapp.texts import parts, say

# A worker that still runs may have published messages that it can no longer commit: the end comes after them.
BEYOND = 1000
PARENT_ENDED = say("The execution that waited for it has ended.")
# In words: in RETURNING, SQLAlchemy would leave out the tables' names.
_HEARD = text("(SELECT hears_executions FROM organizations WHERE organizations.id = executions.organization_id)")
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
    if not _cancelled(session, execution, reason):
        session.refresh(execution)
        raise ConflictError(say("This execution has already ended: %(status)s.", status=_ENDS[execution.status]))
    close_off(session, execution, utcnow())
    return [execution, *cancel_children(session, [execution.id], PARENT_ENDED)]


def cancel_children(
    session: Session, parent_ids: Sequence[str] | Select[str], reason: str, *which: ColumnElement[bool]
) -> list[Execution]:
    """Ends the sub-workflows that these executions wait for, and what those wait for. Nobody is told: it was given up."""
    of_these = (Execution.parent_id.in_(parent_ids), Execution.status.in_(OPEN), *which)
    found = session.scalars(select(Execution).where(*of_these).order_by(Execution.id)).all()
    ended = [
        child for child in found if (child.options or {}).get("parent") and _cancelled(session, child, reason)
    ]  # one that ended by itself meanwhile is no error
    for child in ended:
        close_off(session, child, utcnow(), tell=False)
    below = cancel_children(session, [child.id for child in ended], reason) if ended else []
    return [*ended, *below]


def awaiting(tokens: Iterable[Token]) -> list[int]:
    """The attempts (seq) of these tokens that wait for a sub-workflow."""
    return [token["seq"] for token in tokens if token["status"] == SUSPENDED and "child" in token["accepts"]]


def cancel_awaited(session: Session, execution_id: str, seqs: Collection[int]) -> list[Execution]:
    """Ends the sub-workflows that these attempts of an execution wait for. One that was given up before keeps running."""
    if not seqs:
        return []
    attempts = select(StepRun.idempotency_key, StepRun.attempt).where(
        StepRun.execution_id == execution_id, StepRun.seq.in_(seqs)
    )
    keys = [key for row in session.execute(attempts) for key in child_keys(row.idempotency_key, row.attempt)]
    return cancel_children(session, [execution_id], PARENT_ENDED, Execution.idempotency_key.in_(keys))


def child_keys(key: str, attempt: int) -> list[str]:
    """The idempotency keys of what the attempts of a visit start, newest first. `key`: the visit's own."""
    return [f"{key}:{number}" for number in range(attempt, 0, -1)]


def abandon(connection: Connection, organization_id: str, execution_id: str, seqs: Collection[int]) -> list[Execution]:
    """`cancel_awaited` inside a transaction of the journal."""
    info = {"organization_id": organization_id}
    with Session(connection, info=info, expire_on_commit=False, join_transaction_mode="rollback_only") as session:
        return cancel_awaited(session, execution_id, seqs)


def _cancelled(session: Session, execution: Execution, reason: str) -> bool:
    """Compare and swap: whether it had not ended. Where somebody listens for ends of executions, it is told."""
    now = utcnow()
    ended = session.execute(
        update(Execution)
        .where(Execution.id == execution.id, Execution.status.not_in(TERMINAL))
        .values(
            status="cancelled",
            error_message=str(reason),
            error_parts=parts(reason),
            completed_at=now,
            fence=Execution.fence + 1,
            seq=Execution.seq + BEYOND,
            lease_until=None,
        )
        .returning(_HEARD)
        .execution_options(synchronize_session=False)
    ).first()
    if ended is not None and ended[0]:
        known = cast(executions.Known, {name: getattr(execution, name) for name in executions.KNOWN})
        for row in executions.ended(known, "cancelled", reason, execution.current_step_id, now):
            events.state(session, row)
    return ended is not None


def close_off(session: Session, execution: Execution, now: datetime, *, tell: bool = True) -> None:
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
    if tell:
        _tell_parents(session, [execution], now, execution.status, execution.error)
    session.flush()


def release_workflow(session: Session, workflow: Workflow) -> list[Execution]:
    """What its executions owe to others, before they are deleted with it: the sub-workflows that they wait for are
    cancelled, and those that wait for them are told. Returns what was ended, as `cancel` does."""
    mine = Execution.workflow_id == workflow.id
    waited_for = session.scalars(
        select(Execution).where(mine, Execution.parent_id.is_not(None), Execution.status.in_(OPEN))
    )
    error = say("its workflow “%(name)s” was deleted.", name=workflow.name)
    _tell_parents(session, waited_for.all(), None, "cancelled", error)
    parents = select(Execution.id).where(mine, Execution.status.in_(OPEN))
    ended = cancel_children(session, parents, say("The workflow that waited for it was deleted."))
    return [execution for execution in ended if execution.workflow_id != workflow.id]


def _tell_parents(
    session: Session, executions: Sequence[Execution], now: datetime | None, status: str, error: str
) -> None:
    """Has those that wait for these executions know that they ended. Without `now` the scheduler wakes them."""
    waiting = {child.id: parent for child in executions if (parent := (child.options or {}).get("parent"))}
    there = _kept(session, {parent[0] for parent in waiting.values()})
    for child_id, parent in waiting.items():
        if parent[0] in there:
            payload = end_of_child(child_id, status, None, error)
            told = Signal(execution_id=parent[0], token=parent[1], kind="child", payload=payload)
            told.created_at, told.rung_at = now or utcnow(), now
            session.add(told)
    session.flush()


def end_of_child(execution_id: str, status: str, output: object, error: str) -> dict[str, object]:
    """What a signal tells an execution about the end of the one that it waits for."""
    told = {"execution_id": execution_id, "status": status, "output": output, "error": str(error)}
    made_of = parts(error)
    return {**told, "error_parts": made_of} if made_of else told


def _kept(session: Session, ids: Collection[str]) -> set[str]:
    """Those of these executions that have not ended; PostgreSQL keeps them from being deleted meanwhile."""
    if not ids:
        return set()
    there = select(Execution.id).where(Execution.id.in_(ids), Execution.status.not_in(TERMINAL)).order_by(Execution.id)
    return set(session.scalars(there.with_for_update(read=True, key_share=True)))


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
