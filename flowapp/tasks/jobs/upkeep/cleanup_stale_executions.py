"""Ends executions that nothing can run (engine.store.stale)."""

from __future__ import annotations

from datetime import datetime, timedelta

import redis

from flowapp.broker import oldest_message
from flowapp.catalog import N_
from flowapp.engine.store import stale
from flowapp.models import Execution, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.endings import announce_ends
from flowapp.tasks.jobs import Result, hourly, job
from flowapp.tasks.runtime import runtime

LAST_CALL = 30.0  # seconds that a worker has to take one up


@job(
    N_("Marks executions as failed that have been running for two hours without a worker that can continue them."),
    when=N_("Every hour"),
    counts={"found": N_("Found"), "failed": N_("Marked as failed")},
    due=hourly,
    button=True,
)
def run(last_call: float = LAST_CALL) -> Result:
    """How many were `found`, and how many `failed`: after a last call of that many seconds, which workers did hear."""
    current = runtime()
    with system_session(current.engine) as session:
        stale_ones = stale.find(session, current.clock.now())
    if not stale_ones:
        return {"found": 0, "failed": 0}
    for one in stale_ones:
        runtime().bus.wake(one.id, one.organization_id)
    called = utcnow() + timedelta(milliseconds=1)  # messages know their milliseconds only
    if current.stopping.wait(last_call) or not _heard(called):
        return {"found": len(stale_ones), "failed": 0}
    ended = [executions for one in stale_ones if (executions := _end(one))]
    announce_ends([execution for executions in ended for execution in executions])
    return {"found": len(stale_ones), "failed": len(ended)}


def _heard(called: datetime) -> bool:
    """Whether workers have taken all messages that were in the queue until then. Where none works, nothing is ended."""
    try:
        oldest = oldest_message(runtime().broker)
    except redis.RedisError:
        return False
    return oldest is None or oldest > called


def _end(one: stale.Stale) -> list[Execution]:
    with tenant_session(runtime().engine, one.organization_id) as session:
        ended = stale.end(session, one, runtime().clock.now())
        session.commit()
    return ended
