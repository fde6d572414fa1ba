"""Starts what schedules say. The scheduler does it at each tick; here anybody may."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.tasks import due
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime


@job(
    N_("Starts workflows whose schedule is due."),
    when=N_("Always"),
    counts={"started": N_("Started")},
    button=True,
)
def run() -> Result:
    """How many executions were `started`."""
    return {"started": due.fire_clocks(runtime().clock.now())}
