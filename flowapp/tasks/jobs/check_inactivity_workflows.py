"""Starts workflows for contacts, companies and deals with which nothing has happened for some days."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.tasks import records_due
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime


@job(
    N_("Starts workflows for contacts, companies and deals that have been without activity for some days."),
    when=N_("Every night at the organization's time, by default at 02:00"),
    counts={"started": N_("Started")},
    due=records_due.due_of(records_due.INACTIVITY),
    by_itself={"only_due": True},
    button=True,
)
def run(*, only_due: bool = False) -> Result:
    """How many executions were `started`: one for each record and silence."""
    return {"started": records_due.start(records_due.INACTIVITY, runtime().clock.now(), only_due=only_due)}
