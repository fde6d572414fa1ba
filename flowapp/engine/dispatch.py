"""Recorded events reach the executions that listen for them: signals, written with the mark that the event is handed on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, or_, select
from sqlalchemy.orm import Session

from flowapp.engine import mailbox
from flowapp.models import Event, Signal, Subscription

Bell = tuple[str, str]


def deliver(session: Session, events: Sequence[Event], now: datetime) -> list[Bell]:
    """Signals every listening token. Returns whom to ring after the commit."""
    rows = [row for event in events for row in _signals(session, event, now)]
    if rows:
        session.execute(insert(Signal.__table__), rows)  # type: ignore[arg-type]
    return list(dict.fromkeys((row["execution_id"], row["organization_id"]) for row in rows))


def _signals(session: Session, event: Event, now: datetime) -> list[dict[str, Any]]:
    about = and_(Subscription.entity_type == event.entity_type, Subscription.entity_id == event.entity_id)
    family = f"{event.type.partition('.')[0]}.*"
    listening = session.scalars(
        select(Subscription).where(
            Subscription.organization_id == event.organization_id,
            Subscription.event_type.in_((event.type, family)),
            or_(Subscription.entity_type == "", about),
        )
    )
    payload = {"type": event.type, "entity": [event.entity_type, event.entity_id], **event.payload}
    return [
        mailbox.row(event.organization_id, one.execution_id, "event", payload, now, token=one.token)
        for one in listening
    ]
