"""Deletes what is older than the retention (engine.retention.purge)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.engine.retention.purge import purge
from flowapp.engine.retention.sizes import measure
from flowapp.errors import InvalidError
from flowapp.models import utcnow
from flowapp.models.sqlite import refresh_statistics
from flowapp.tasks.jobs import Result, job, nightly
from flowapp.tasks.runtime import runtime
from flowapp.texts import say


@job(
    N_("Deletes executions that ended long ago, with their steps and logs, and old events and read notifications."),
    when=N_("Every night at 03:00"),
    counts={
        "executions": N_("Executions"),
        "events": N_("Events"),
        "notifications": N_("Notifications"),
        "replays": N_("Repetitions"),
        "files": N_("Exported files"),
    },
    due=nightly,
    button=True,
)
def run(days: int = 0, days_to_keep: int = 0) -> Result:
    """How many rows were deleted. `days`, or `days_to_keep`: instead of FLOWAPP_RETENTION_DAYS; a workflow's own setting holds anyway."""
    from flowapp.tasks.exports import delete_old

    days = days or days_to_keep
    if days < 0:
        raise InvalidError.at("days", say("Enter how many days to keep: 1 or more."))
    current, now = runtime(), utcnow()
    days = days or current.settings.retention_days
    purged = purge(current.engine, now, days, current.stopping)
    if purged.executions:
        measure(current.engine, now)  # an organization that was full (engine.store.quota) may begin again
    refresh_statistics(current.engine)
    counts = {name: getattr(purged, name) for name in ("executions", "events", "notifications", "replays")}
    return {**counts, "files": delete_old(now, days)}
