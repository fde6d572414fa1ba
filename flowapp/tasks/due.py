"""What the scheduler does at each tick, as anybody may: wake what is due, start what schedules say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import redis

from flowapp.broker import due_length, oldest_due, oldest_message
from flowapp.engine.store import polls, schedules, timers
from flowapp.engine.store.group_commit import MOST
from flowapp.logs import get_logger
from flowapp.models import Trigger
from flowapp.models.tenancy import system_session
from flowapp.tasks.bus import FEW
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

log = get_logger(__name__)
Wake = Callable[[str, Sequence[tuple[str, ...]]], None]

QUEUED = 2000  # executions that timers woke and that are not through, before timers wake more


def wake_timers(now: datetime) -> int:
    """Wakes tokens whose time has come; how many executions that were.

    While workers have enough of them, the rest waits in the database: each look for due timers walks over all that were
    woken. New executions do not count: however many come, those that were begun go on beside them (flowapp.broker).
    """
    try:
        since, queued = oldest_due(runtime().broker), due_length(runtime().broker)
    except redis.RedisError:
        return 0
    with system_session(runtime().engine) as session:
        room = QUEUED - max(queued, timers.under_way(session, now, QUEUED, queued_since=since))
    woken = 0
    while woken < room:
        with system_session(runtime().engine) as session:
            due = timers.due_timers(session, now, queued_since=since)
            session.commit()
        _wake_together(due.together)
        _send(runtime().broker.wake_due, "run_execution", due.alone)
        found = len(due.together) + len(due.alone)
        woken += found
        if found < timers.AT_ONCE / 2:  # several timers may be one execution's
            break
    return woken


def _wake_together(wake_ups: list[timers.WakeUp]) -> None:
    """Has each of them run, many by one message."""
    by_organization: dict[str, list[str]] = {}
    for execution_id, organization_id in wake_ups:
        by_organization.setdefault(organization_id, []).append(execution_id)
    groups = [(org, *some) for org, ids in by_organization.items() for some in _parts(ids)]
    _send(runtime().broker.wake_due, "run_due", groups)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[begin : begin + MOST] for begin in range(0, len(ids), MOST))


def wake_lost(now: datetime) -> int:
    """Wakes again what was not run: of what never began, as many as the list of timers has room for, a few in any case."""
    broker, most = runtime().broker, runtime().bus.most_together
    try:
        since = min(filter(None, (oldest_message(broker), oldest_due(broker))), default=None)
        room = max(FEW, most - due_length(broker))
    except redis.RedisError:
        return 0
    with system_session(runtime().engine) as session:
        wake_ups = timers.lost(session, now, queued_since=since, most=room)
        session.commit()
    _send(broker.wake_due, "run_execution", wake_ups)
    return len(wake_ups)


def wake_signals(now: datetime) -> int:
    """Wakes tokens whose signal was not heard."""
    with system_session(runtime().engine) as session:
        wake_ups = timers.unheard(session, now)
        session.commit()
    return wake_all(wake_ups)


def wake_all(wake_ups: list[timers.WakeUp]) -> int:
    """Has each of them run; how many there were. Redis may be down: then they are woken again later."""
    _send(runtime().broker.wake_many, "run_execution", wake_ups)
    return len(wake_ups)


def hand_over(wake_ups: list[timers.WakeUp]) -> None:
    """Has other threads take, before what else timers woke, what was taken together and not begun."""
    _send(runtime().broker.wake_next, "run_execution", wake_ups)


def _send(wake: Wake, actor_name: str, calls: Sequence[tuple[str, ...]]) -> None:
    try:
        wake(actor_name, calls)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", messages=len(calls), error=str(error))


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


def wake_polls(now: datetime) -> int:
    """Has workers ask the services of triggers whose time has come; how many."""
    with system_session(runtime().engine) as session:
        wake_ups = polls.due(session, now)
        session.commit()
    _send(runtime().broker.wake_many, "poll_trigger", wake_ups)
    return len(wake_ups)
