"""Runs a failed execution again from the step where it failed (tasks.repeating)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.models import Execution
from flowapp.tasks.jobs import Result, job, organization_of


@job(
    N_("Runs a failed execution again from the step where it failed."),
    counts={"started": N_("Started")},
)
def run(execution_id: str) -> Result:
    """The new execution's id. NotFoundError, ConflictError where it did not fail at a step."""
    from flowapp.tasks.repeating import retry_failed_step

    return {"started": 1, "execution_id": retry_failed_step(execution_id, organization_of(Execution, execution_id))}
