"""What the scheduler does at each tick, as anybody may: wake what is due, start what schedules say."""

from __future__ import annotations

from datetime import datetime

import redis

from flowapp.broker import oldest_message, queue_length
from flowapp.engine.store import schedules, timers
from flowapp.logs import get_logger
from flowapp.models import Trigger
from flowapp.models.tenancy import system_session
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

log = get_logger(__name__)


QUEUED = 2000  # messages that may wait in the queue before timers add more


def wake_timers(now: datetime) -> int:
    """Wakes tokens whose time has come; how many executions that were.

    While workers have enough to do, the rest waits in the database: a queue of a hundred thousand messages would make new
    executions wait behind it, and each look for due timers walk over all that were woken.
    """
    try:
        since, room = oldest_message(runtime().broker), QUEUED - queue_length(runtime().broker)
    except redis.RedisError:
        return 0
    woken = 0
    while woken < room:
        with system_session(runtime().engine) as session:
            wake_ups = timers.due_timers(session, now, queued_since=since)
            session.commit()
        woken += wake_all(wake_ups)
        if len(wake_ups) < timers.AT_ONCE / 2:  # several timers may be one execution's
            break
    return woken


def wake_lost(now: datetime) -> int:
    """Wakes again what was not run."""
    try:
        since = oldest_message(runtime().broker)
    except redis.RedisError:
        return 0
    with system_session(runtime().engine) as session:
        wake_ups = timers.lost(session, now, queued_since=since)
        session.commit()
    return wake_all(wake_ups)


def wake_signals(now: datetime) -> int:
    """Wakes tokens whose signal was not heard."""
    with system_session(runtime().engine) as session:
        wake_ups = timers.unheard(session, now)
        session.commit()
    return wake_all(wake_ups)


def wake_all(wake_ups: list[timers.WakeUp]) -> int:
    """Has each of them run; how many there were. Redis may be down: then they are woken again later."""
    try:
        runtime().broker.wake_many("run_execution", wake_ups)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", executions=len(wake_ups), error=str(error))
    return len(wake_ups)


def fire_clocks(now: datetime) -> int:
    """Starts what schedules say; how many executions. A schedule that fails keeps none of the others from firing."""
    with system_session(runtime().engine) as session:
        due = [trigger.id for trigger in schedules.due_triggers(session, now)]
    return sum(_fire(trigger_id, now) for trigger_id in due)


def _fire(trigger_id: str, now: datetime) -> int:
    try:
        with system_session(runtime().engine) as session:
            trigger = session.get(Trigger, trigger_id)
            started = schedules.fire(session, trigger, now) if trigger else []
            commit_and_start(session, *started)
    except Exception:
        log.exception("schedule failed, trying again", trigger_id=trigger_id)
        return 0
    return len(started)
