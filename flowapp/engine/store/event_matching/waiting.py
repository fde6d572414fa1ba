"""Recorded events reach the executions that listen for them: signals, written with the mark that the event is handed on.

An execution begins to listen when it comes to rest. What was handed on while its steps still ran is made up for then
(`catch_up`), so that nothing falls between the look at the world and the wait for its change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, insert, or_, select
from sqlalchemy.orm import Session

from flowapp.engine.store import signals
from flowapp.engine.store.rows import SignalRow, SubscriptionRow
from flowapp.engine.store.timers import WakeUp
from flowapp.models import Event, Signal, Subscription

_events = cast(Table, Event.__table__)
_e = _events.c
Listening = dict[tuple[str, str, str], dict[tuple[str, str], None]]  # by organization and entity: executions' tokens


def deliver(session: Session, events: Sequence[Event], now: datetime) -> list[WakeUp]:
    """Signals every listening token, of each in the order of the events. Returns whom to wake after the commit."""
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    listening = {kind: _listening(session, kind, some) for kind, some in by_type.items()}
    rows = [row for event in events for row in _signals(listening[event.type], event, now)]
    if rows:
        session.execute(insert(Signal.__table__), rows)  # type: ignore[arg-type]
    return list(dict.fromkeys((row["execution_id"], row["organization_id"]) for row in rows))


def _listening(session: Session, event_type: str, events: Sequence[Event]) -> Listening:
    """Who listens for events of a type about anything that these are about."""
    about = {key for event in events for _, key in about_what(event.entity_type, event.entity_id, event.payload)}
    columns = (
        Subscription.organization_id,
        Subscription.entity_type,
        Subscription.entity_id,
        Subscription.execution_id,
        Subscription.token,
    )
    rows = session.execute(
        select(*columns).where(
            Subscription.organization_id.in_({event.organization_id for event in events}),
            Subscription.event_type.in_((event_type, family(event_type))),
            Subscription.entity_id.in_({"", *about}),  # what the index is there for
        )
    )
    found: Listening = {}
    for organization_id, entity_type, entity_id, execution_id, token in rows:
        found.setdefault((organization_id, entity_type, entity_id), {})[execution_id, token] = None
    return found


def _signals(listening: Listening, event: Event, now: datetime) -> list[SignalRow]:
    if not listening:
        return []
    about = about_what(event.entity_type, event.entity_id, event.payload)
    places = [("", ""), *about]
    # However many of its types match, and of what it is about, a token hears of an event once.
    heard = dict.fromkeys(one for place in places for one in listening.get((event.organization_id, *place), {}))
    return [
        signals.row(event.organization_id, execution_id, "event", payload_of(event), now, token=token)
        for execution_id, token in heard
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
