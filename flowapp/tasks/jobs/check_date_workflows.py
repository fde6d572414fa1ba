"""Starts workflows for records whose date, or its anniversary, has come, and for what happened some time ago."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.tasks import records_due
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime


@job(
    N_("Starts workflows for dates of records, their anniversaries, and some time after events."),
    when=N_("When one is due; looked for twice a minute"),
    counts={"started": N_("Started")},
    due=records_due.due_of(records_due.DATES),
)
def run() -> Result:
    """How many executions were `started`: each once for its record and date, or its event."""
    return {"started": records_due.start(records_due.DATES, runtime().clock.now(), only_due=True)}
