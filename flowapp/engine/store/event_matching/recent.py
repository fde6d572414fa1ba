"""Which of the last events a trigger would have been for, its conditions met: what its form shows while it is edited."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pydantic import ValidationError
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from flowapp.catalog import Params, TriggerSpec
from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.scope import Scope
from flowapp.engine.store.event_matching.listeners import ANY, matches, payloads
from flowapp.engine.store.event_matching.starts import about
from flowapp.errors import FlowError
from flowapp.models import Event, conventions_of, iso, read_id

SHOWN = 10
LOOKED_AT = 300  # events of the type, the newest first


def recent(session: Session, spec: TriggerSpec, config: Mapping[str, object], conditions: object) -> list[Event]:
    """The last events that would have started the workflow, the newest first. None while the settings are incomplete."""
    try:
        model = spec.params.model_validate(config)
    except ValidationError:
        return []
    if spec.listens is None:
        return []
    wanted = select(Event).where(_of_type(spec.listens(model)), Event.silent.is_(False))
    events = session.scalars(wanted.order_by(Event.id.desc()).limit(LOOKED_AT)).all()
    known = payloads(session, events)
    found = (event for event in events if _would_start(session, (spec, model, conditions), event, known[event.id]))
    return [event for event, _ in zip(found, range(SHOWN), strict=False)]


def find(session: Session, event_id: str) -> tuple[Event, dict[str, object]] | None:
    """An event of the organization, and what it would give the workflow; None where there is none."""
    known = read_id(event_id)
    event = session.get(Event, known) if known else None
    return (event, payloads(session, [event])[event.id]) if event else None


def _of_type(source: str) -> ColumnElement[bool]:
    if source == ANY:
        return true()
    if source.endswith(".*"):
        return Event.type.startswith(source[:-1], autoescape=True)
    return Event.type == source


def _would_start(
    session: Session, trigger: tuple[TriggerSpec, Params, object], event: Event, payload: dict[str, object]
) -> bool:
    spec, model, conditions = trigger
    if not matches(spec.type, model, event.type, payload):
        return False
    if not conditions:
        return True
    locale = partial(_locale, session)
    scope = Scope(input=payload, context={"event": about(event)}, now=str(iso(event.created_at)), notation=locale)
    try:
        return evaluate(conditions, scope)[0]
    except FlowError:
        return False


def _locale(session: Session) -> str:
    return conventions_of(session).locale
