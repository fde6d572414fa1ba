"""Records whose date, or its anniversary, has come or comes in some days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import cast

from sqlalchemy.orm import Session

from flowapp.catalog.entities import ENTITIES, View
from flowapp.crm import companies, contacts, deals, due_dates, tasks
from flowapp.engine.store.event_matching.starts import Occasion, begin_each
from flowapp.tasks.records_due.part import Look, Part
from flowapp.triggers.dates.anniversary import in_year
from flowapp.triggers.dates.daily import RecordDateParams, days_due

VIEWS: Mapping[str, Callable[..., View]] = {
    "contact": contacts.view, "company": companies.view, "deal": deals.view, "task": tasks.view,
}  # fmt: skip


def start_dates(session: Session, look: Look) -> Part:
    """One execution for each record, date and distance from it."""
    config = _config(look)
    found, after = due_dates.reached(session, (config.entity, config.field), _span(look), config.zone, look.after)
    return _begin(session, look, found, after)


def start_anniversaries(session: Session, look: Look) -> Part:
    """One execution for each record, year and distance from the day."""
    config, span = _config(look), _span(look)
    found, after = due_dates.anniversaries(
        session, (config.entity, config.field), span, config.zone, look.after, in_year=in_year
    )  # fmt: skip
    return _begin(session, look, found, after)


def _span(look: Look) -> tuple[date, date]:
    """The dates that are due: those of the days since the trigger was due first, moved by its distance."""
    config = _config(look)
    first, last = days_due(config, look.first, look.now)
    return first - config.offset, last - config.offset


def _config(look: Look) -> RecordDateParams:
    return cast(RecordDateParams, look.config)


def _begin(session: Session, look: Look, found: Sequence[due_dates.Due], after: str) -> Part:
    return Part(begin_each(session, look.listener, [_occasion(look, one) for one in found]), after)


def _occasion(look: Look, due: due_dates.Due) -> Occasion:
    config, record = _config(look), due.record
    view = VIEWS[config.entity](record)
    years = due.on.year - due.day.year
    told = {
        "field": config.field,
        "date": due.day.isoformat(),
        "days": config.days,
        "owner_id": view.get("owner_id", view.get("assignee_id")),
        **({"years": years} if years else {}),
    }
    key = f"date:{look.listener.trigger.id}:{record.id}:{config.field}:{due.on.isoformat()}:{config.offset.days}"
    return Occasion((config.entity, record.id), {**ENTITIES[config.entity].names(view), **told}, key)
