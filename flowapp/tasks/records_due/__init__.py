"""Triggers that start a workflow for each record that is due (catalog: over_records): a part of the records at a time.

What is due since the look before is found again where a look ended early: each record's key has it started once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from flowapp.catalog import get_trigger
from flowapp.engine.store import schedules
from flowapp.engine.store.event_matching.listeners import Listener
from flowapp.errors import FlowError
from flowapp.logs import get_logger
from flowapp.models import Trigger, Version, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import event_relay
from flowapp.tasks.jobs import Due
from flowapp.tasks.records_due.dates import start_anniversaries, start_dates
from flowapp.tasks.records_due.delays import start_delays
from flowapp.tasks.records_due.inactivity import start_inactive
from flowapp.tasks.records_due.part import Look, Part
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

_STARTS: Mapping[str, Callable[[Session, Look], Part]] = {
    "anniversary": start_anniversaries,
    "date_field_reached": start_dates,
    "inactivity_delay": start_inactive,
    "time_delay": start_delays,
}
DATES = ("anniversary", "date_field_reached", "time_delay")
INACTIVITY = ("inactivity_delay",)
log = get_logger(__name__)


def due_of(types: Sequence[str]) -> Due:
    """Of a job: it is due when one of these triggers is."""

    def due(now: datetime) -> datetime:
        with system_session(runtime().engine) as session:
            found = session.scalar(_running(types, _has_come(now)).limit(1))
        return now if found else now - timedelta(days=36500)

    return due


def start(types: Sequence[str], now: datetime, *, only_due: bool) -> int:
    """How many executions were started; not `only_due`: also where the time has not come yet."""
    with system_session(runtime().engine) as session:
        which = [_has_come(now)] if only_due else []
        triggers = session.execute(_running(types, *which).order_by(Trigger.id)).all()
    return sum(_look(row.id, row.organization_id, now) for row in triggers)


def _running(types: Sequence[str], *which: ColumnElement[bool]) -> Select[str, str]:
    found = select(Trigger.id, Trigger.organization_id).join(Workflow, Workflow.id == Trigger.workflow_id)
    return found.where(Trigger.trigger_type.in_(types), Trigger.is_active, Workflow.status == "active", *which)


def _has_come(now: datetime) -> ColumnElement[bool]:
    """A trigger that the release before made active has no time yet."""
    never = and_(Trigger.next_fire_at.is_(None), Trigger.last_fired_at.is_(None), Trigger.last_error == "")
    return or_(Trigger.next_fire_at <= now, never)


def _look(trigger_id: str, organization_id: str, now: datetime) -> int:
    """What one trigger starts. One that fails keeps none of the others from starting."""
    started, after = 0, ""
    try:
        while True:
            with tenant_session(runtime().engine, organization_id) as session:
                part = _part(session, trigger_id, now, after)
                commit_and_start(session, *part.started)
            event_relay.send_alerts(list(part.alerts))
            started, after = started + len(part.started), part.after
            if not after:
                return started
    except Exception:
        log.exception("looking for records that are due failed, trying again", trigger_id=trigger_id)
        return started


def _part(session: Session, trigger_id: str, now: datetime, after: str) -> Part:
    """The next part; with the last one the trigger is due again at its next time."""
    row = session.execute(
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(Trigger.id == trigger_id)
    ).first()
    if row is None:
        return Part()
    trigger, spec = row[0], get_trigger(row[0].trigger_type)
    upcoming, problem, part = None, "", Part()
    try:
        config = spec.params.model_validate(schedules.completed(session, trigger))
        first = trigger.next_fire_at or now
        part = _STARTS[spec.type](session, Look(Listener(*row), config, min(first, now), now, after))
        upcoming = spec.next_fire(config, now) if spec.next_fire else None
    except FlowError as error:
        problem = error.message
    except ValueError:
        problem = schedules.UNREADABLE
    if not part.after and (trigger.next_fire_at is None or trigger.next_fire_at <= now):
        schedules.advance(session, trigger, upcoming, problem, now)
    return part
