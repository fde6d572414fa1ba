"""Brings what workers have counted of calls through integrations into the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from flowapp.catalog import N_
from flowapp.integrations import usage
from flowapp.models import utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime


def every_minute(now: datetime) -> datetime:
    """Due when the last run is a minute ago."""
    return now - timedelta(minutes=1)


@job(
    N_("Adds up calls, errors and response times of integrations."),
    when=N_("Every minute"),
    counts={"calls": N_("Calls")},
    due=every_minute,
    button=True,
)
def run() -> Result:
    """How many `calls` were added."""
    current, calls = runtime(), 0
    batch = current.usage.take()
    with system_session(current.engine) as session:
        if batch is not None:
            calls = usage.add(session, batch.id, batch.counted, batch.last)
        usage.purge(session, utcnow())
        session.commit()
    if batch is not None:
        current.usage.written(batch)
    return {"calls": calls}
