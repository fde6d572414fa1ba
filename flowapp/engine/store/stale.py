"""Executions that nothing can run: they are running, and no worker has a live lease on them for two hours.

The engine's own recovery comes first: a lease runs out after seconds, and the scheduler wakes it. What is found here is what
that did not help. Whoever ends it wakes it a last time before, so that after a long outage nothing fails that only waited
for a worker; a claim since raises the fence, and then nothing is ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.engine.machine.state import ended
from flowapp.engine.machine.types import State
from flowapp.engine.store.control import BEYOND, awaiting, cancel_awaited, close_off
from flowapp.engine.store.failures import fingerprint
from flowapp.events.types import EXECUTION_FAILED
from flowapp.models import Execution
from flowapp.texts import parts, say

SILENT = timedelta(hours=2)
GIVEN_UP = 100  # deaths in a row; three set aside what can be read at all
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stale:
    """An execution as it was found, and why it is to fail."""

    id: str
    organization_id: str
    fence: int
    error: str


def find(session: Session, now: datetime) -> list[Stale]:
    """What is stale, of any organization; at most AT_ONCE."""
    seen = func.coalesce(Execution.lease_until, Execution.rung_at, Execution.created_at)
    rows = session.execute(
        select(Execution.id, Execution.organization_id, Execution.fence, Execution.crashes)
        .where(Execution.status == "running", or_(seen < now - SILENT, Execution.crashes >= GIVEN_UP))
        .order_by(Execution.id)
        .limit(AT_ONCE)
    )
    return [Stale(row.id, row.organization_id, row.fence, _error(row.crashes)) for row in rows]


def _error(crashes: int) -> str:
    if crashes >= GIVEN_UP:
        return say("Set aside: its worker died %(count)s times in a row.", count=crashes)
    hours = int(SILENT.total_seconds() // 3600)
    return say("Set aside: it was running, but for %(hours)s hours no worker has taken it up.", hours=hours)


def end(session: Session, stale: Stale, now: datetime) -> list[Execution]:
    """Ends it as failed, and the sub-workflows that it waits for, unless a worker has taken it up since. The caller commits,
    then announces what was ended."""
    execution = session.get(Execution, stale.id)
    if execution is None or not _close(session, execution, stale, now):
        return []
    close_off(session, execution, now)
    payload = {"workflow_id": execution.workflow_id, "step_id": execution.current_step_id, "error": str(stale.error)}
    cause = events.Cause(
        workflow_id=execution.workflow_id,
        execution_id=execution.id,
        step_id=execution.current_step_id,
        depth=(execution.options or {}).get("depth", 0),
    )
    events.record(session, EXECUTION_FAILED, entity=("execution", execution.id), payload=payload, cause=cause)
    session.flush()
    stopped = cast(State, execution.state).get("stopped", {}) if execution.state else {}
    return [execution, *cancel_awaited(session, execution.id, awaiting(stopped.values()))]


def _close(session: Session, execution: Execution, stale: Stale, now: datetime) -> bool:
    """Compare and swap; the tokens are kept for a retry."""
    stopped = ended(cast(State, execution.state), "failed")[0] if execution.state else None
    closed = session.execute(
        update(Execution)
        .where(Execution.id == stale.id, Execution.status == "running", Execution.fence == stale.fence)
        .values(
            status="failed",
            error_message=str(stale.error),
            error_parts=parts(stale.error),
            error_fingerprint=fingerprint(execution.current_step_id, stale.error),
            state=stopped or {},
            completed_at=now,
            fence=Execution.fence + 1,
            seq=Execution.seq + BEYOND,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )
    return bool(closed.rowcount == 1)  # type: ignore[attr-defined]
