"""Events that lie some time back: what they are about is told as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog.entities import ENTITIES, View
from flowapp.crm.due_dates import AT_ONCE
from flowapp.crm.due_dates.finding import current
from flowapp.engine.store.event_matching import limits, listeners, starts
from flowapp.models import Event, first_id, iso
from flowapp.notifications import stops
from flowapp.tasks.records_due.dates import VIEWS
from flowapp.tasks.records_due.part import Look, Part
from flowapp.triggers.dates.time_delay import GRID, TimeDelayParams


def start_delays(session: Session, look: Look) -> Part:
    """One execution for each event, as if it had happened now. What was deleted since starts nothing."""
    events = _past(session, look)
    views = _views(session, events)
    heard = [
        listeners.Match(
            event, look.listener, {**event.payload, **views[event.id], "happened_at": iso(event.created_at)}
        )
        for event in events
        if event.id in views
    ]
    may, stopped = limits.allowed(session, heard, look.now)
    after = events[-1].id if len(events) == AT_ONCE else ""
    return Part(starts.begin(session, may), after, stops.after_stops(session, stopped, look.now))


def _past(session: Session, look: Look) -> Sequence[Event]:
    """Those that are due: since the look before, which was up to a minute before this one was due."""
    config = cast(TimeDelayParams, look.config)
    delay = config.length
    begin, end = look.first - GRID - delay, look.now.replace(second=0, microsecond=0) - delay
    wanted = select(Event).where(
        Event.type == config.event_type,
        Event.silent.is_(False),
        Event.id >= first_id(begin),
        Event.id < first_id(end),
        Event.id > (look.after or first_id(begin)),
    )
    return session.scalars(wanted.order_by(Event.id).limit(AT_ONCE)).all()


def _views(session: Session, events: Sequence[Event]) -> dict[str, View]:
    """By event the names of what it is about; none of a record that is gone."""
    views: dict[str, View] = {}
    for noun in {event.entity_type for event in events}:
        of_noun = [event for event in events if event.entity_type == noun]
        if noun not in VIEWS:
            views |= {event.id: {} for event in of_noun}
            continue
        there = current(session, noun, [event.entity_id for event in of_noun])
        views |= {
            event.id: ENTITIES[noun].names(VIEWS[noun](there[event.entity_id]))
            for event in of_noun
            if event.entity_id in there
        }
    return views
