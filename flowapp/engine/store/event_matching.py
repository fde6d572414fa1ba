"""Recorded events reach the executions that listen for them: signals, written with the mark that the event is handed on.

An execution begins to listen when it comes to rest. What was handed on while its steps still ran is made up for then
(`catch_up`), so that nothing falls between the look at the world and the wait for its change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from flowapp.engine.store import signals
from flowapp.engine.store.rows import SignalRow, SubscriptionRow
from flowapp.engine.store.timers import WakeUp
from flowapp.models import Event, Signal, Subscription

_events = cast(Table, Event.__table__)
_e = _events.c


def deliver(session: Session, events: Sequence[Event], now: datetime) -> list[WakeUp]:
    """Signals every listening token. Returns whom to wake after the commit."""
    rows = [row for event in events for row in _signals(session, event, now)]
    if rows:
        session.execute(insert(Signal.__table__), rows)  # type: ignore[arg-type]
    return list(dict.fromkeys((row["execution_id"], row["organization_id"]) for row in rows))


def _signals(session: Session, event: Event, now: datetime) -> list[SignalRow]:
    about = about_what(event.entity_type, event.entity_id, event.payload)
    same = tuple_(Subscription.entity_type, Subscription.entity_id).in_(about)
    listening = session.scalars(
        select(Subscription).where(
            Subscription.organization_id == event.organization_id,
            Subscription.event_type.in_((event.type, family(event.type))),
            Subscription.entity_id.in_({"", *(key for _, key in about)}),  # what the index is there for
            or_(Subscription.entity_type == "", same),
        )
    )
    listeners = dict.fromkeys((one.execution_id, one.token) for one in listening)  # however many of its types match
    return [
        signals.row(event.organization_id, execution_id, "event", payload_of(event), now, token=token)
        for execution_id, token in listeners
    ]


def payload_of(event: Any) -> dict[str, object]:
    """What conditions and steps see as `event`."""
    return {"type": event.type, "entity": [event.entity_type, event.entity_id], **event.payload}


def family(event_type: str) -> str:
    """`contact.*` of `contact.updated`: who listens for it hears of every event that begins so."""
    return f"{event_type.partition('.')[0]}.*"


def about_what(entity_type: str, entity_id: str, payload: Mapping[str, object]) -> list[tuple[str, str]]:
    """(type, id) of everything that an event is about: its entity, and what its payload names (contact, contact_id)."""
    subjects = {(entity_type, entity_id): None}
    for name, value in payload.items():
        if name.endswith("_id") and isinstance(value, str):
            subjects[name.removesuffix("_id"), value] = None
        elif isinstance(value, dict) and isinstance(value.get("id"), str):
            subjects[name, value["id"]] = None
    return [pair for pair in subjects if len(pair[1]) <= 64]


def catch_up(
    connection: Connection, listening: Sequence[SubscriptionRow], since: str, now: datetime
) -> list[SignalRow]:
    """Rows of signals for what was handed on before the rows of subscriptions `listening` were there to be seen.

    `since` is an id: events with a greater one were recorded later. Those not handed on yet are left to the scheduler,
    which sees the subscriptions by now; on PostgreSQL the lock waits for a scheduler that hands them on at this moment.
    """
    kinds = [
        _e.type.startswith(one["event_type"][:-1], autoescape=True)
        if one["event_type"].endswith(".*")
        else _e.type == one["event_type"]
        for one in listening
    ]
    rows = connection.execute(
        select(_e.type, _e.entity_type, _e.entity_id, _e.payload, _e.published_at)
        .where(_e.id > since, _e.organization_id == listening[0]["organization_id"], or_(*kinds))
        .order_by(_e.id)
        .with_for_update(read=True)
    ).all()
    return [row for event in rows if event.published_at for row in _missed(event, listening, now)]


def _missed(event: Any, listening: Sequence[SubscriptionRow], now: datetime) -> list[SignalRow]:
    kinds, about = (event.type, family(event.type)), about_what(event.entity_type, event.entity_id, event.payload)
    by_token = {
        one["token"]: one
        for one in listening
        if one["event_type"] in kinds and (not one["entity_type"] or (one["entity_type"], one["entity_id"]) in about)
    }
    return [
        signals.row(one["organization_id"], one["execution_id"], "event", payload_of(event), now, token=token)
        for token, one in by_token.items()
    ]
