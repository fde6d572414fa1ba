"""What the parent of a worker process does for the executions in its hands. Over all tenants, by the process's name.

Only an execution that the process still holds is touched: where another worker has it, or where it has ended, nothing
changes. One that was never claimed (its first steps are pure) is `pending`, and belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from flowapp.models import OPEN, Execution
from flowapp.texts import parts

OTHERS_FIRST = timedelta(seconds=2)  # what was given back along with it goes on before it may do the same again


def _held(owner: str) -> ColumnElement[bool]:
    return and_(Execution.status == "running", Execution.lease_owner == owner)


def lost(session: Session, holders: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these (execution, process) in which the process works for nothing: cancelled, or taken over."""
    rows = session.execute(
        select(Execution.id, Execution.status, Execution.lease_owner).where(
            Execution.id.in_({execution_id for execution_id, _ in holders}), Execution.status.in_(OPEN)
        )
    )
    known = {row.id: row for row in rows}
    return {
        (execution_id, owner)
        for execution_id, owner in holders
        if (row := known.get(execution_id)) is None or (row.status == "running" and row.lease_owner != owner)
    }


def prolong(session: Session, owner: str, executions: Sequence[str], now: datetime, lease: timedelta) -> None:
    """Keeps what a process holds that cannot keep it itself, since nothing in it can run (as engine.store.leases does)."""
    free = select(Execution.id).where(Execution.id.in_(executions)).with_for_update(skip_locked=True)
    of = Execution.id.in_(free)  # what the process itself has locked, nobody can claim
    for which, change in (
        (_held(owner), {"lease_until": now + lease}),
        (Execution.status == "pending", {"rung_at": now}),
    ):
        session.execute(update(Execution).where(of, which).values(change).execution_options(synchronize_session=False))


def give_back(session: Session, owner: str, executions: Sequence[str]) -> None:
    """Lets others go on at once with what an ended process held, through no fault of theirs: it is no crash."""
    session.execute(
        update(Execution)
        .where(Execution.id.in_(executions), _held(owner))
        .values(status="pending", lease_until=None, rung_at=None, fence=Execution.fence + 1)
        .execution_options(synchronize_session=False)
    )


def blame(session: Session, owner: str, execution_id: str, reason: str, now: datetime) -> None:
    """A process had to be ended because of this execution. It is what a dead worker leaves: running, with a lease that is
    soon over, so that its next claim counts a crash. With `reason` it is tried again alone (engine.store.timers)."""
    session.execute(
        update(Execution)
        .where(Execution.id == execution_id, or_(_held(owner), Execution.status == "pending"))
        .values(
            status="running",
            lease_owner=owner,
            lease_until=now + OTHERS_FIRST,
            rung_at=None,
            fence=Execution.fence + 1,
            error_message=str(reason),
            error_parts=parts(reason),
        )
        .execution_options(synchronize_session=False)
    )
