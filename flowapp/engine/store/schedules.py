"""Clock triggers: which slots are due, and the executions they start. Each slot starts exactly one execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS, TriggerSpec, get_trigger
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.start import start
from flowapp.engine.store.timers import Moment
from flowapp.errors import FlowError, StorageFullError
from flowapp.models import Execution, Organization, Trigger, Version, Workflow
from flowapp.texts import parts, say

GRACE = timedelta(seconds=60)  # a slot that is later than this was missed
MOST_MISSED = 1000
UNREADABLE = say("The settings of this trigger can no longer be read. Open the trigger and save it again.")
_INSTANT = timedelta(microseconds=1)


def due_triggers(session: Session, now: datetime) -> list[Trigger]:
    """Clock triggers of active workflows whose time has come."""
    clocks = [spec.type for spec in TRIGGERS.values() if spec.source == "clock" and not spec.over_records]
    which = (is_due(now), Trigger.trigger_type.in_(clocks))
    return list(session.scalars(select(Trigger).where(*which).order_by(Trigger.next_fire_at).limit(200)))


def is_due(now: Moment) -> ColumnElement[bool]:
    """Of triggers: the workflow is active, and the time has come."""
    is_active = exists().where(Workflow.id == Trigger.workflow_id, Workflow.status == "active")
    return and_(Trigger.is_active, Trigger.next_fire_at <= now, is_active)


def fire(session: Session, trigger: Trigger, now: datetime) -> list[Execution]:
    """Starts what is due and sets the next time. Empty where another scheduler was faster; the caller commits.

    A trigger whose settings cannot be read any more says so in `last_error` and fires no more.
    """
    spec = get_trigger(trigger.trigger_type)
    first = trigger.next_fire_at
    if first is None or first > now:
        return []
    due: list[datetime] = []
    upcoming, problem = None, ""
    config = completed(session, trigger)
    try:
        due, upcoming = slots(spec, config, first, now), _next(spec, config, now)
        quotas.check(session, trigger.organization_id)
    except StorageFullError as error:  # what is due now is left out; it fires again when there is room
        due, problem = [], error.message
    except FlowError as error:
        problem = error.message
    except ValueError:
        problem = UNREADABLE
    if not advance(session, trigger, upcoming, problem, now):
        return []
    workflow = session.get_one(Workflow, trigger.workflow_id)
    if workflow.published_version_id is None:
        return []
    version = session.get_one(Version, workflow.published_version_id)
    started = []
    for slot in due:
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


def fire_one(session: Session, trigger_id: str, now: datetime) -> list[Execution]:
    """The same of a trigger by its id; nothing where it was deleted meanwhile."""
    trigger = session.get(Trigger, trigger_id)
    return fire(session, trigger, now) if trigger else []


def completed(session: Session, trigger: Trigger) -> dict[str, object]:
    """The trigger's settings, with its organization's zone and times where they name none."""
    clock = session.get_one(Organization, trigger.organization_id).clock
    return clock.complete(get_trigger(trigger.trigger_type), trigger.config)


def advance(session: Session, trigger: Trigger, upcoming: datetime | None, problem: str, now: datetime) -> bool:
    """Moves next_fire_at on by compare-and-swap; False where somebody else did."""
    moved = session.execute(
        update(Trigger)
        .where(Trigger.id == trigger.id, Trigger.next_fire_at == trigger.next_fire_at)
        .values(next_fire_at=upcoming, last_fired_at=now, last_error=problem, last_error_parts=parts(problem))
        .execution_options(synchronize_session=False)
    )
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def slots(spec: TriggerSpec, config: Mapping[str, object], first: datetime, now: datetime) -> list[datetime]:
    """The slots to run, from `first` to `now`: those on time, and of the missed ones what the config says.

    missed: skip leaves them out, once runs the last of them, all runs each (the first 1,000).
    """
    late = now - GRACE
    policy = getattr(spec.params.model_validate(config), "missed", "skip")
    if first >= late:
        return [first, *_after(spec, config, first, now)]
    on_time = _after(spec, config, late - _INSTANT, now)
    if policy == "all":
        return [first, *_after(spec, config, first, late - _INSTANT), *on_time]
    if policy == "once" and not on_time:
        return [_last(spec, config, first, late)]
    return on_time


def _after(spec: TriggerSpec, config: Mapping[str, object], begin: datetime, last: datetime) -> list[datetime]:
    """The first slots after `begin`, up to `last`."""
    moments: list[datetime] = []
    slot = _next(spec, config, begin)
    while slot is not None and slot <= last and len(moments) < MOST_MISSED - 1:
        moments.append(slot)
        slot = _next(spec, config, slot)
    return moments


def _last(spec: TriggerSpec, config: Mapping[str, object], first: datetime, late: datetime) -> datetime:
    """The last slot from `first` to before `late`. Looked for backwards: a long time off costs no more than a short one."""
    back = GRACE
    while (begin := late - back) > first:
        if moments := _after(spec, config, begin, late - _INSTANT):
            return moments[-1]
        back *= 2
    return [first, *_after(spec, config, first, late - _INSTANT)][-1]


def _next(spec: TriggerSpec, config: Mapping[str, object], after: datetime) -> datetime | None:
    if spec.next_fire is None:
        return None
    return spec.next_fire(spec.params.model_validate(config), after)
