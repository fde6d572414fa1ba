"""Deletes the jobs of people that ended thirty days ago (records.jobs.purge)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.crm.imports.service import drop_ended_parts
from flowapp.models.tenancy import system_session
from flowapp.records.jobs.purge import DAYS, purge
from flowapp.tasks.jobs import PAUSE, job, kept_since, nightly
from flowapp.tasks.runtime import runtime


@job(
    N_("Deletes imports, exports and bulk changes that ended 30 days ago, with their files and error lists."),
    when=N_("Every night at 03:00"),
    counts={"deleted": N_("Deleted")},
    due=nightly,
    button=True,
)
def run(days: int = DAYS) -> dict[str, int]:
    """How many were `deleted`. `days`: instead of 30."""
    current, before, deleted = runtime(), kept_since(days), 0
    while not current.stopping.is_set():
        with system_session(current.engine) as session:
            some = purge(session, before)
            session.commit()
        if some is None:
            break
        deleted += some
        current.stopping.wait(PAUSE)
    with system_session(current.engine) as session:
        drop_ended_parts(session)
        session.commit()
    return {"deleted": deleted}
