"""Measures how much the executions of each workflow take (engine.retention.sizes)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.engine.retention.sizes import measure
from flowapp.models import utcnow
from flowapp.tasks.jobs import Result, hourly, job
from flowapp.tasks.runtime import runtime


@job(
    N_("Measures how much space the executions of each workflow take."),
    when=N_("Every hour"),
    counts={"workflows": N_("Workflows")},
    due=hourly,
    button=True,
)
def run() -> Result:
    """How many `workflows` have executions."""
    return {"workflows": measure(runtime().engine, utcnow())}
