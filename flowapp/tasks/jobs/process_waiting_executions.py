"""Wakes executions whose time or signal has come, and those that nobody runs. The scheduler does it at each tick."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.tasks import due
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime


@job(
    N_("Wakes executions whose wait is over, and resumes those whose worker has died."),
    when=N_("Always"),
    counts={"timers": N_("Woken by timer"), "signals": N_("Woken by event"), "lost": N_("Resumed after a crash")},
    button=True,
)
def run() -> Result:
    """How many executions were woken: due `timers`, unheard `signals`, `lost` messages and dead workers."""
    now = runtime().clock.now()
    return {"timers": due.wake_timers(now), "signals": due.wake_signals(now), "lost": due.wake_lost(now)}
