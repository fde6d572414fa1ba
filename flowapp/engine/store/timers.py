"""What has to be woken: due timers, executions whose message was lost, executions whose worker died. Over all tenants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BindParameter, ColumnElement, and_, exists, func, not_, or_, select, update
from sqlalchemy.orm import Session

from flowapp.models import IS_OPEN, Execution, Signal, Timer

AT_ONCE = 500
WAKE_AGAIN = timedelta(seconds=5)
SIGNAL_AGAIN = timedelta(seconds=20)
ALONE = timedelta(seconds=30)

_RARELY_PURE = ("retry", "timeout")  # kinds of timers after which effects or an end follow
_IS_SUSPECT = or_(Execution.crashes > 0, Execution.error_message != "")

WakeUp = tuple[str, str]  # execution id, organization id


class Due(NamedTuple):
    """Executions with a timer that is due. `together`: the end of a wait, and nobody was told before."""

    together: list[WakeUp]
    alone: list[WakeUp]


Moment = datetime | BindParameter[datetime]  # work_due asks with names in place of values


def due_timers(session: Session, now: datetime, *, queued_since: datetime | None = None) -> Due:
    """Executions with a timer that is due and whose message is not in the queue (see `lost`); marks them as woken.

    At most AT_ONCE: where as many come back there may be more.
    """
    before = _no_longer_queued(now, queued_since)
    rows = session.execute(
        select(Timer.id, Timer.execution_id, Timer.organization_id, Timer.kind, Timer.rung_at)
        .where(Timer.due_at <= now, or_(Timer.rung_at.is_(None), Timer.rung_at < before))
        .order_by(Timer.due_at)
        .limit(AT_ONCE)
    ).all()
    if rows:
        session.execute(
            update(Timer).where(Timer.id.in_([row.id for row in rows])).values(rung_at=now)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
    wake_ups = {row.id: (row.execution_id, row.organization_id) for row in rows}
    alone = dict.fromkeys(wake_ups[row.id] for row in rows if row.kind in _RARELY_PURE or row.rung_at)
    return Due([one for one in dict.fromkeys(wake_ups.values()) if one not in alone], list(alone))


def under_way(session: Session, now: datetime, most: int, *, queued_since: datetime | None = None) -> int:
    """How many timers were woken, may have a message in the queue and are not through, up to `most`: a message may be of many."""
    before = _no_longer_queued(now, queued_since)
    woken = select(Timer.id).where(Timer.due_at <= now, Timer.rung_at >= before).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(woken)) or 0


def _no_longer_queued(now: datetime, queued_since: datetime | None) -> datetime:
    """The queue is first in, first out: what was woken before its first message, a little ago at least, was taken."""
    return min(now, queued_since or now) - WAKE_AGAIN


def lost(session: Session, now: datetime, *, queued_since: datetime | None, most: int = AT_ONCE) -> list[WakeUp]:
    """Executions, up to `most` of them, that are pending though no message of theirs is in the queue, or running though their lease ran out.

    `queued_since` is the time of the first message of the queue. Those whose worker died twice in a row, or was ended because of them, are woken one by one (`_suspect`).
    """
    before = _no_longer_queued(now, queued_since)
    unheard = or_(Execution.rung_at.is_(None), Execution.rung_at < before)
    died = (*is_abandoned(now), not_(_IS_SUSPECT), unheard)
    found = [*_wake_ups(session, most, *is_pending(now, before)), *_wake_ups(session, AT_ONCE, *died)]
    found += _suspect(session, now, before)
    if found:
        session.execute(
            update(Execution).where(Execution.id.in_([wake_up[0] for wake_up in found])).values(rung_at=now)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
    return found


def is_pending(now: Moment, before: Moment) -> tuple[ColumnElement[bool], ...]:
    """Of open executions: it may begin, and was not woken after `before`."""
    may_begin = or_(Execution.start_after.is_(None), Execution.start_after <= now)
    unheard = or_(Execution.rung_at.is_(None), Execution.rung_at < before)
    too_early = Execution.rung_at < Execution.start_after  # that message could not be followed
    return Execution.status == "pending", Execution.held.is_(False), may_begin, or_(unheard, too_early)


def is_abandoned(now: Moment) -> tuple[ColumnElement[bool], ...]:
    """Of open executions: its worker died."""
    return Execution.status == "running", Execution.lease_until < now


def _wake_ups(session: Session, most: int, *which: ColumnElement[bool]) -> list[WakeUp]:
    """Open executions, those that were woken the longest time ago first."""
    statement = select(Execution.id, Execution.organization_id).where(IS_OPEN, *which)
    found = session.execute(statement.order_by(Execution.rung_at, Execution.id).limit(most))
    return [(row.id, row.organization_id) for row in found]


def _suspect(session: Session, now: datetime, before: datetime) -> list[WakeUp]:
    """The next of the executions whose worker died twice in a row, or was ended because of them (engine.store.rescue.blame).

    `before`: messages older than that are no longer in the queue. Each has up to ALONE to itself, so that no neighbour is set aside for a death that it only shared.
    """
    twice = and_(IS_OPEN, Execution.status == "running", _IS_SUSPECT)
    tried = and_(Execution.rung_at > now - ALONE, or_(Execution.lease_until >= now, Execution.rung_at >= before))
    if session.scalar(select(Execution.id).where(twice, tried).limit(1)) is not None:
        return []
    longest_waiting = (Execution.rung_at.is_not(None), Execution.rung_at, Execution.id)
    statement = select(Execution.id, Execution.organization_id).where(twice, Execution.lease_until < now)
    return [(row.id, row.organization_id) for row in session.execute(statement.order_by(*longest_waiting).limit(1))]


def unheard(session: Session, now: datetime) -> list[WakeUp]:
    """Waiting executions with a signal whose message was lost, or came while their worker could not be woken."""
    wanted = select(Signal.id, Signal.execution_id, Signal.organization_id).where(*is_unheard(now - SIGNAL_AGAIN))
    rows = session.execute(wanted.limit(AT_ONCE)).all()
    if rows:
        session.execute(
            update(Signal).where(Signal.id.in_([row.id for row in rows])).values(rung_at=now)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
    return list(dict.fromkeys((row.execution_id, row.organization_id) for row in rows))


def is_unheard(before: Moment) -> tuple[ColumnElement[bool], ...]:
    """Of signals: their execution waits, and was not woken for them after `before`."""
    waits = exists().where(Execution.id == Signal.execution_id, Execution.status == "waiting")
    return waits, or_(Signal.rung_at.is_(None), Signal.rung_at < before)
