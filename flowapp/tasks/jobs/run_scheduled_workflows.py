"""Starts the workflows of a simple schedule that are due: every day, week or month. The scheduler does so by itself."""

from __future__ import annotations

from flowapp.catalog import N_, get_trigger, stored_value
from flowapp.engine.store import schedules
from flowapp.errors import InvalidError
from flowapp.models import Trigger
from flowapp.models.tenancy import system_session
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start
from flowapp.texts import say

FREQUENCIES = ("daily", "weekly", "monthly")


@job(
    N_("Starts workflows that run daily, weekly or monthly, where their time has come."),
    when=N_("On demand. The scheduler starts them at their time, by default at 09:00, without this job."),
    counts={"started": N_("Started")},
)
def run(frequency: str = "daily") -> Result:
    """How many executions were `started`. InvalidError for another frequency."""
    if frequency not in FREQUENCIES:
        raise InvalidError.at("frequency", say("Choose daily, weekly or monthly."))
    now, started = runtime().clock.now(), 0
    with system_session(runtime().engine) as session:
        due = [one.id for one in schedules.due_triggers(session, now) if _frequency(one) == frequency]
    for trigger_id in due:
        with system_session(runtime().engine) as session:
            executions = schedules.fire_one(session, trigger_id, now)
            commit_and_start(session, *executions)
            started += len(executions)
    return {"started": started}


def _frequency(trigger: Trigger) -> object:
    return stored_value(get_trigger(trigger.trigger_type).params, trigger.config, "every")
