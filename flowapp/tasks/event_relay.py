"""Hands recorded events on: to the bus, to the triggers that they fire and the executions that wait for them, to error workflows
and alerts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import redis
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.engine.store.error_workflows import start_error_workflow
from flowapp.engine.store.event_matching import deliver, limits, listeners, starts
from flowapp.engine.store.event_matching.outbox import Outbox, take
from flowapp.errors import UnavailableError
from flowapp.events.types import EXECUTION_FAILED
from flowapp.logs import get_logger
from flowapp.models import Event, Execution
from flowapp.models.tenancy import system_session
from flowapp.notifications import alerts, stops
from flowapp.tasks import due, jobs
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

SECONDS = 0.3  # of a tick of the scheduler, which has other work
_AWAY = (OperationalError, InterfaceError, redis.RedisError)  # none of an event's doing: all are tried again
log = get_logger(__name__)


def hand_on(outbox: Outbox, now: datetime) -> int:
    """Hands on what was recorded, chunk by chunk, for a moment; how many executions it started.

    An event that cannot be handed on is set aside, so that it holds up no other.
    """
    until, started = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        with system_session(runtime().engine) as session:
            ids = outbox.next(session)
        if not ids:
            break
        started += _try(ids, now)
    else:
        outbox.more = True
    return started


def _try(ids: Sequence[str], now: datetime) -> int:
    """All together; where that fails each half by itself, down to the event that is at fault."""
    try:
        return _hand_on(ids, now)
    except _AWAY:
        raise
    except Exception:
        if len(ids) > 1:
            middle = len(ids) // 2
            return _try(ids[:middle], now) + _try(ids[middle:], now)
        log.exception("an event cannot be delivered, it is set aside", event_id=ids[0])
        with system_session(runtime().engine) as session:
            take(session, ids, now)
            session.commit()
        return 0


def _hand_on(ids: Sequence[str], now: datetime) -> int:
    """In one transaction: the mark, the signals, the executions."""
    with system_session(runtime().engine) as session:
        events = take(session, ids, now)
        wake_ups = deliver(session, events, now)
        heard, stopped = limits.allowed(session, listeners.heard(session, events), now)
        failures = [event for event in events if event.type == EXECUTION_FAILED]
        started = [*starts.begin(session, heard), *_error_workflows(session, failures)]
        alerted = [*alerts.after_failures(session, failures, now), *stops.after_stops(session, stopped, now)]
        bodies = [(event.organization_id, _body(event)) for event in events]
        commit_and_start(session, *started)
    due.wake_all(wake_ups)
    _publish(bodies)
    send_alerts(alerted)
    return len(started)


def _error_workflows(session: Session, failures: Sequence[Event]) -> list[Execution]:
    begun = (start_error_workflow(session, failure) for failure in failures)
    return [execution for execution in begun if execution is not None]


def _body(event: Event) -> bytes:
    body = {"id": event.id, "type": event.type, "entity": [event.entity_type, event.entity_id], **event.payload}
    return exact_json.dumps(body, default=str)


def _publish(bodies: Sequence[tuple[str, bytes]]) -> None:
    """Tells whoever listens on Redis, in one round trip. What is not said there is lost: the rows stay."""
    pipeline = runtime().redis.pipeline(transaction=False)
    for organization_id, body in bodies:
        pipeline.publish(f"events:{organization_id}", body)
    try:
        pipeline.execute()
    except redis.RedisError as error:
        log.warning("live bus does not respond", error=str(error))


def send_alerts(alerted: list[alerts.Alert]) -> None:
    """By e-mail too: a worker does it. In the app they are told already."""
    for alert in alerted:
        try:
            jobs.send("send_workflow_notification", workflow_id=alert.workflow_id, kind=alert.kind, key=alert.key)
        except UnavailableError:
            log.warning("broker does not respond, an alert is not e-mailed", workflow_id=alert.workflow_id)
