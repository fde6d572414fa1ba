"""Polling triggers: which are due, who may poll, and the executions that what was found starts.

Each item starts its workflow once: the executions are written in the transaction that moves the cursor, under keys of
trigger and item. A worker that lost the trigger to another one, by its fence, writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS, Item, Params, TriggerSpec
from flowapp.catalog.polling import PACE
from flowapp.engine.store import schedules
from flowapp.engine.store.event_matching.listeners import Listener
from flowapp.engine.store.event_matching.starts import begin_given
from flowapp.engine.store.polls.items import key_of, storable
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.start import Given
from flowapp.exact_json import Json, dump_json
from flowapp.models import Execution, Trigger, TriggerPoll, Version, Workflow
from flowapp.texts import parts

LEASE = timedelta(minutes=2)  # longer than a poll takes
WAKE_AGAIN = timedelta(minutes=1)  # after which a message counts as lost
_CLOCKS_APART = timedelta(seconds=2)  # by which the clock of a worker may be behind the scheduler's
WOKEN_TOGETHER = 100
STARTED_TOGETHER = 200  # executions of one transaction

WakeUp = tuple[str, str]  # trigger, organization


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker needs for a poll, and what it took the trigger with. `config` is as it was when it did."""

    trigger_id: str
    workflow_id: str
    project_id: str
    spec: TriggerSpec
    config: Json
    fence: int
    source: str
    cursor: object
    begun: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a poll found: the items that start the workflow, of which source, and from where to go on."""

    items: Sequence[Item]
    source: str
    cursor: object
    begun: bool


def due(session: Session, now: datetime) -> list[WakeUp]:
    """Those whose time has come; woken again after a while where nobody has polled. The caller commits."""
    unwoken = Trigger.woken_until.is_(None) | (Trigger.woken_until <= now)
    which = (schedules.is_due(now), unwoken, Trigger.trigger_type.in_(_polling()))
    found = select(Trigger.id, Trigger.organization_id).where(*which).order_by(Trigger.next_fire_at)
    found = found.with_for_update(skip_locked=True, of=Trigger)  # who publishes holds several, in an order of its own
    wake_ups: list[WakeUp] = [(row.id, row.organization_id) for row in session.execute(found.limit(WOKEN_TOGETHER))]
    if wake_ups:
        woken = update(Trigger).where(Trigger.id.in_([one for one, _ in wake_ups])).values(woken_until=now + WAKE_AGAIN)
        session.execute(woken.execution_options(synchronize_session=False))
    return wake_ups


def _polling() -> list[str]:
    return [spec.type for spec in TRIGGERS.values() if spec.poll is not None]


def claim(session: Session, trigger_id: str, now: datetime) -> Turn | None:
    """Takes the trigger for a poll; None where it is not due, or somebody else polls it. The caller commits.

    A message may come twice, so that one came says nothing. The lock waits for whoever is setting the next time; SQLite has
    none, and looks again as it writes.
    """
    is_due = Trigger.next_fire_at <= now + _CLOCKS_APART
    found = session.execute(_running(trigger_id).where(is_due).with_for_update(of=Trigger)).first()
    if found is None:
        return None
    trigger, workflow, _version = found
    spec = TRIGGERS.get(trigger.trigger_type)
    if spec is None or spec.poll is None:
        return None
    _insert_missing(session, trigger)
    free = (
        (TriggerPoll.lease_until.is_(None)) | (TriggerPoll.lease_until < now) | (TriggerPoll.lease_until > now + LEASE)
    )
    taken = session.execute(
        update(TriggerPoll)
        .where(TriggerPoll.trigger_id == trigger_id, free, exists().where(Trigger.id == trigger_id, is_due))
        .values(fence=TriggerPoll.fence + 1, lease_until=now + LEASE)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    row = session.get_one(TriggerPoll, trigger_id, populate_existing=True)
    return Turn(
        trigger_id, workflow.id, workflow.project_id, spec, trigger.config, row.fence, row.source, row.cursor, row.begun
    )


def _running(trigger_id: str) -> Select[Trigger, Workflow, Version]:
    return (
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(Trigger.id == trigger_id, Trigger.is_active, Workflow.status == "active")
    )


def _insert_missing(session: Session, trigger: Trigger) -> None:
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(TriggerPoll)
    new = insert.values(trigger_id=trigger.id, organization_id=trigger.organization_id)
    session.execute(new.on_conflict_do_nothing(index_elements=["trigger_id"]))


def source_of(spec: TriggerSpec, params: Params, integration_id: str) -> str:
    """A fingerprint of what is asked for: the settings but for how often, and the integration that they mean now."""
    settings = params.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={*PACE, "integration"})
    text = dump_json([spec.type, integration_id, sorted(settings.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def parts_of(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many as are started in one transaction; at least one part."""
    for begin in range(0, max(1, len(items)), STARTED_TOGETHER):
        yield items[begin : begin + STARTED_TOGETHER]


def start_some(session: Session, turn: Turn, found: Found, now: datetime) -> list[Execution] | None:
    """Starts the first of many items; the cursor stays where it is. None where the turn is over. The caller commits."""
    values: dict[str, object] = {"lease_until": now + LEASE}
    return _started(session, turn, found, values, now)


def accept(session: Session, turn: Turn, found: Found, now: datetime, next_at: datetime) -> list[Execution] | None:
    """Starts the items, moves the cursor and sets when to poll next. None where the turn is over. The caller commits.

    StorageFullError: nothing is started, and the cursor stays.
    """
    values: dict[str, object] = {
        "source": found.source, "begun": found.begun, "status": "ok", "polled_at": now, "tried_at": now,
        "failures": 0, "error": "", "error_parts": None, "alerted_at": None, "lease_until": None,
    }  # fmt: skip
    if (found.source, found.cursor) != (turn.source, turn.cursor):  # it may be large, and mostly nothing is new
        values["cursor"] = found.cursor
    started = _started(session, turn, found, values, now)
    if started is not None:
        come_back(session, turn.trigger_id, next_at)
    return started


def _started(
    session: Session, turn: Turn, found: Found, values: dict[str, object], now: datetime
) -> list[Execution] | None:
    _hold(session, turn)
    listener = _listener(session, turn)
    if listener is None or not _write(session, turn, values):
        return None
    if not found.items:
        return []
    quotas.check(session, listener.trigger.organization_id)
    started = begin_given(session, listener, [_given(listener, found.source, item) for item in found.items])
    if started:
        listener.trigger.last_fired_at = now
    return started


def _listener(session: Session, turn: Turn) -> Listener | None:
    """The trigger as it is now; None where it was paused, deleted or changed during the poll."""
    found = session.execute(_running(turn.trigger_id)).first()
    return Listener(*found) if found is not None and found[0].config == turn.config else None


def _given(listener: Listener, source: str, item: Item) -> Given:
    return {
        "trigger": listener.trigger,
        "input_data": dict(item.data),
        "context": {"item_id": storable(item.id)},
        "idempotency_key": f"poll:{listener.trigger.id}:{source[:16]}:{key_of(item.id)}",
    }


def fail(
    session: Session, turn: Turn, status: str, message: str, now: datetime, next_at: datetime, *, counts: bool
) -> TriggerPoll | None:
    """Keeps why a poll found nothing. `counts`: as a failure. None where the turn is over. The caller commits."""
    long = len(message) > 1000
    values: dict[str, object] = {
        "status": status, "error": message[:1000], "error_parts": None if long else parts(message), "tried_at": now,
        "lease_until": None,
    }  # fmt: skip
    _hold(session, turn)
    if counts:
        values["failures"] = TriggerPoll.failures + 1
    if not _write(session, turn, values):
        return None
    if _listener(session, turn) is not None:
        come_back(session, turn.trigger_id, next_at)
    return session.get_one(TriggerPoll, turn.trigger_id, populate_existing=True)


def give_back(session: Session, turn: Turn, next_at: datetime) -> None:
    """Ends a turn of which nothing came. The caller commits."""
    _hold(session, turn)
    if _write(session, turn, {"lease_until": None}):
        come_back(session, turn.trigger_id, next_at)


def _hold(session: Session, turn: Turn) -> None:
    """Locks the trigger before its poll: who deletes a trigger takes them in this order."""
    session.execute(select(Trigger.id).where(Trigger.id == turn.trigger_id).with_for_update(key_share=True))


def _write(session: Session, turn: Turn, values: dict[str, object]) -> bool:
    """Whether it is still this worker's turn."""
    written = session.execute(
        update(TriggerPoll)
        .where(TriggerPoll.trigger_id == turn.trigger_id, TriggerPoll.fence == turn.fence)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return bool(written.rowcount == 1)  # type: ignore[attr-defined]


def come_back(session: Session, trigger_id: str, next_at: datetime) -> None:
    """Sets when the trigger is polled next, unless it was switched off. The caller commits."""
    _set_next(session, next_at, Trigger.id == trigger_id)


def put_off(session: Session, trigger_id: str, now: datetime, next_at: datetime) -> None:
    """Polls a trigger that is due a little later. The caller commits."""
    _set_next(session, next_at, Trigger.id == trigger_id, Trigger.next_fire_at <= now)


def ask_again(session: Session, now: datetime) -> None:
    """Polls at once what stood still because somebody had to sign in again: somebody did. The caller commits."""
    still = select(TriggerPoll.trigger_id).where(TriggerPoll.status == "signed_out")
    _set_next(session, now, Trigger.id.in_(still))


def _set_next(session: Session, next_at: datetime, *which: ColumnElement[bool]) -> None:
    later = update(Trigger).where(*which, Trigger.is_active).values(next_fire_at=next_at, woken_until=None)
    session.execute(later.execution_options(synchronize_session=False))
