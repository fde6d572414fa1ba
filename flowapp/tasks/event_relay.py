"""Hands recorded events on: to the bus, to executions that wait for them, to error workflows and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import redis
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from flowapp import exact_json
from flowapp.engine.store import event_matching
from flowapp.engine.store.error_workflows import start_error_workflow
from flowapp.errors import UnavailableError
from flowapp.events.types import EXECUTION_FAILED
from flowapp.logs import get_logger
from flowapp.models import Event
from flowapp.models.tenancy import system_session
from flowapp.notifications import alerts
from flowapp.tasks import due, jobs
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

AT_ONCE = 500
_AWAY = (OperationalError, InterfaceError, redis.RedisError)  # none of an event's doing: all are tried again
log = get_logger(__name__)


def hand_on(now: datetime) -> None:
    """Hands on what was recorded, in its order. An event that cannot be is set aside, so that it holds up no other."""
    with system_session(runtime().engine) as session:
        fresh = select(Event.id).where(Event.published_at.is_(None)).order_by(Event.id).limit(AT_ONCE)
        ids = list(session.scalars(fresh))
    if not ids:
        return
    _try(ids, now)


def _try(ids: list[str], now: datetime) -> None:
    """All together, or each by itself where that fails."""
    try:
        _hand_on(ids, now)
    except _AWAY:
        raise
    except Exception:
        for event_id in ids if len(ids) > 1 else ():
            _try([event_id], now)
        if len(ids) == 1:
            log.exception("an event cannot be delivered, it is set aside", event_id=ids[0])
            _set_aside(ids[0], now)


def _set_aside(event_id: str, now: datetime) -> None:
    with system_session(runtime().engine) as session:
        session.get_one(Event, event_id).published_at = now
        session.commit()


def _hand_on(ids: list[str], now: datetime) -> None:
    with system_session(runtime().engine) as session:
        waiting = select(Event).where(Event.id.in_(ids), Event.published_at.is_(None)).order_by(Event.id)
        rows = session.scalars(waiting).all()
        _publish(rows, now)
        wake_ups = event_matching.deliver(session, rows, now)
        failures = [row for row in rows if row.type == EXECUTION_FAILED]
        started = [error_execution for row in failures if (error_execution := start_error_workflow(session, row))]
        alerted = alerts.after_failures(session, failures, now)
        commit_and_start(session, *started)
    due.wake_all(wake_ups)
    send_alerts(alerted)


def _publish(rows: Sequence[Event], now: datetime) -> None:
    for row in rows:
        body = {"id": row.id, "type": row.type, "entity": [row.entity_type, row.entity_id], **row.payload}
        runtime().redis.publish(f"events:{row.organization_id}", exact_json.dumps(body, default=str))
        row.published_at = now


def send_alerts(alerted: list[alerts.Alert]) -> None:
    """By e-mail too: a worker does it. In the app they are told already."""
    for alert in alerted:
        try:
            jobs.send("send_workflow_notification", workflow_id=alert.workflow_id, kind=alert.kind, key=alert.key)
        except UnavailableError:
            log.warning("broker does not respond, an alert is not e-mailed", workflow_id=alert.workflow_id)
