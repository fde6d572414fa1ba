"""Clock triggers: which slots are due, and the executions they start. Each slot starts exactly one execution."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS, TriggerSpec, get_trigger
from flowapp.engine.start import start
from flowapp.errors import FlowError
from flowapp.models import Execution, Trigger, Version, Workflow

GRACE = timedelta(seconds=60)  # a slot that is later than this was missed
MOST_MISSED = 1000


def due_triggers(session: Session, now: datetime) -> list[Trigger]:
    """Clock triggers of active workflows whose time has come."""
    clocks = [spec.type for spec in TRIGGERS.values() if spec.source == "clock"]
    statement = (
        select(Trigger)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .where(
            Trigger.is_active,
            Trigger.next_fire_at <= now,
            Trigger.trigger_type.in_(clocks),
            Workflow.status == "active",
        )
        .order_by(Trigger.next_fire_at)
        .limit(200)
    )
    return list(session.scalars(statement))


def fire(session: Session, trigger: Trigger, now: datetime) -> list[Execution]:
    """Starts what is due and sets the next time. Empty where another scheduler was faster; the caller commits."""
    spec = get_trigger(trigger.trigger_type)
    first = trigger.next_fire_at
    if first is None or not _advance(session, trigger, spec, first, now):
        return []
    workflow = session.get_one(Workflow, trigger.workflow_id)
    if workflow.published_version_id is None:
        return []
    version = session.get_one(Version, workflow.published_version_id)
    started = []
    for slot in slots(spec, trigger.config, first, now):
        execution, created = start(
            session,
            workflow,
            version,
            trigger=trigger,
            input_data={"scheduled_at": slot.isoformat(), "fired_at": now.isoformat()},
            idempotency_key=f"schedule:{trigger.id}:{slot.isoformat()}",
        )
        if created:
            started.append(execution)
    return started


def _advance(session: Session, trigger: Trigger, spec: TriggerSpec, first: datetime, now: datetime) -> bool:
    """Moves next_fire_at on by compare-and-swap; False where somebody else did."""
    try:
        upcoming, problem = _next(spec, trigger.config, now), ""
    except FlowError as error:
        upcoming, problem = None, error.message
    moved = session.execute(
        update(Trigger)
        .where(Trigger.id == trigger.id, Trigger.next_fire_at == first)
        .values(next_fire_at=upcoming, last_fired_at=now, last_error=problem)
        .execution_options(synchronize_session=False)
    )
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def slots(spec: TriggerSpec, config: dict[str, Any], first: datetime, now: datetime) -> list[datetime]:
    """The slots to run, from `first` to `now`: those on time, and of the missed ones what the config says.

    missed: skip leaves them out, once runs the last of them, all runs each (at most 1,000).
    """
    found: list[datetime] = []
    slot = first
    while slot <= now and len(found) < MOST_MISSED:
        found.append(slot)
        upcoming = _next(spec, config, slot)
        if upcoming is None:
            break
        slot = upcoming
    on_time = [slot for slot in found if now - slot <= GRACE]
    missed = [slot for slot in found if now - slot > GRACE]
    policy = getattr(spec.params.model_validate(config), "missed", "skip")
    if policy == "all":
        return found
    if policy == "once" and missed and not on_time:
        return missed[-1:]
    return on_time


def _next(spec: TriggerSpec, config: dict[str, Any], after: datetime) -> datetime | None:
    if spec.next_fire is None:
        return None
    return spec.next_fire(spec.params.model_validate(config), after)
