"""Contacts, companies and open deals with which nothing has happened for some days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog.entities import ENTITIES
from flowapp.crm.due_dates import AT_ONCE
from flowapp.engine.store.event_matching.starts import Occasion, begin_each
from flowapp.models import Deal, iso
from flowapp.models.crm.base import Owned
from flowapp.models.crm.nouns import RECORDS
from flowapp.tasks.records_due.dates import VIEWS
from flowapp.tasks.records_due.part import Look, Part
from flowapp.triggers.crm.inactivity_delay import InactivityDelayParams


def start_inactive(session: Session, look: Look) -> Part:
    """One execution for each record and silence."""
    silent = _silent(session, look)
    started = begin_each(session, look.listener, [_occasion(look, record) for record in silent])
    return Part(started, silent[-1].id if len(silent) == AT_ONCE else "")


def _silent(session: Session, look: Look) -> Sequence[Owned]:
    config = cast(InactivityDelayParams, look.config)
    model = RECORDS[config.entity]
    lately = func.coalesce(model.last_activity_at, model.created_at)
    wanted = select(model).where(lately < look.now - timedelta(days=config.days), model.deleted_at.is_(None))
    if look.after:
        wanted = wanted.where(model.id > look.after)
    if model is Deal:
        wanted = wanted.where(Deal.status == "open")
    return session.scalars(wanted.order_by(model.id).limit(AT_ONCE)).all()


def _occasion(look: Look, record: Owned) -> Occasion:
    """The silence began when something last happened: that tells it from others."""
    entity, since = cast(InactivityDelayParams, look.config).entity, record.last_activity_at or record.created_at
    names = ENTITIES[entity].names(VIEWS[entity](record))
    told = {"inactive_days": (look.now - since).days, "last_activity_at": iso(since), "owner_id": record.owner_id}
    key = f"silence:{look.listener.trigger.id}:{record.id}:{iso(since)}"
    return Occasion((entity, record.id), {**names, **told}, key)
