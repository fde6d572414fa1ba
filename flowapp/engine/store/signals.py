"""Signals to executions, their subscriptions to events, and counts of branches: the SQL beside the journal's.

All of it runs in the journal's transactions: a signal is deleted in the one that acts on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flowapp.engine.store.control import abandon
from flowapp.engine.store.rows import ExecutionRow, ReceivedSignal, SignalRow
from flowapp.events.cause import EventRow
from flowapp.events.types import ROUTINE_HEARD_BY, check
from flowapp.models import OPEN, BranchCount, Event, Execution, Organization, Signal, Subscription, new_id

_executions = cast(Table, Execution.__table__)
_signals = cast(Table, Signal.__table__)
_subscriptions = cast(Table, Subscription.__table__)
_counts = cast(Table, BranchCount.__table__)
_events = cast(Table, Event.__table__)
_organizations = cast(Table, Organization.__table__)
UNSUBSCRIBE = delete(_subscriptions).where(_subscriptions.c.execution_id == bindparam("execution_id"))
_OPEN = (
    select(_signals.c.id, _signals.c.token, _signals.c.step_id, _signals.c.kind, _signals.c.payload, _signals.c.rung_at)
    .where(_signals.c.execution_id == bindparam("of"), _signals.c.organization_id == bindparam("org"))
    .order_by(_signals.c.id)
)

# A step that waits for executions has them recorded from then on; publishing and deleting workflows settle
# whether somebody still listens.
_HEARS = (
    update(_organizations)
    .where(_organizations.c.id == bindparam("org"), _organizations.c.hears_executions.is_(False))
    .values(hears_executions=True)
)
Count = tuple[str, str, str]  # version, step, branch


def waiting(connection: Connection, execution_id: str, organization_id: str) -> list[ReceivedSignal]:
    """The signals that have come for an execution, oldest first."""
    rows = connection.execute(_OPEN, {"of": execution_id, "org": organization_id})
    return [cast(ReceivedSignal, dict(row)) for row in rows.mappings()]


def consume(connection: Connection, ids: list[str]) -> None:
    """Deletes signals that were acted on."""
    connection.execute(delete(_signals).where(_signals.c.id.in_(ids)))


def silence(connection: Connection, ids: list[str], until: datetime) -> None:
    """Keeps these signals from being woken before `until`."""
    connection.execute(update(_signals).where(_signals.c.id.in_(ids)).values(rung_at=until))


def send(connection: Connection, rows: Sequence[SignalRow]) -> None:
    """Addresses signals to executions; see `row`. One to an execution that has ended or was deleted is nobody's: no error."""
    if not rows:
        return
    named = sorted({row["execution_id"] for row in rows})
    is_open = _executions.c.id.in_(named), _executions.c.status.in_(OPEN)
    there = select(_executions.c.id).where(*is_open).order_by(_executions.c.id)
    # PostgreSQL keeps them from being deleted until this transaction ends; on SQLite nobody else writes meanwhile.
    kept = set(connection.scalars(there.with_for_update(read=True, key_share=True)))
    known = [row for row in rows if row["execution_id"] in kept]
    if known:
        connection.execute(insert(_signals), known)


def row(
    organization_id: str,
    execution_id: str,
    kind: str,
    payload: object,
    at: datetime,
    *,
    token: str = "",
    step: str = "",
) -> SignalRow:
    """A row of signals."""
    return {
        "id": new_id(),
        "organization_id": organization_id,
        "execution_id": execution_id,
        "token": token,
        "step_id": step,
        "kind": kind,
        "payload": payload,
        "created_at": at,
        "rung_at": at,
    }


def state_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Records facts in the outbox, as events.record does."""
    for row in rows:
        check(row["type"], row["entity_type"], row["payload"])
    connection.execute(insert(_events), rows)


def count(connection: Connection, organization_id: str, taken: Iterable[Count]) -> None:
    """Adds to the counts of branches. Sorted, so that two transactions never wait for each other."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for (version_id, step_id, branch), number in sorted(Counter(taken).items()):
        new = dialect.insert(_counts).values(
            organization_id=organization_id, version_id=version_id, step_id=step_id, branch=branch, count=number
        )
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["version_id", "step_id", "branch"], set_={"count": _counts.c.count + number}
            )
        )


def write(connection: Connection, execution: ExecutionRow, batch: Any) -> None:
    """What a journal's batch has for this room: consumed, signals, listening, taken, events; and what it abandons."""
    if batch.consumed:
        consume(connection, batch.consumed)
    if batch.signals:
        send(connection, batch.signals)
    if batch.listening:
        connection.execute(insert(_subscriptions), batch.listening)
        if any(one["event_type"] in ROUTINE_HEARD_BY for one in batch.listening):
            connection.execute(_HEARS, {"org": execution["organization_id"]})
    if batch.taken:
        count(connection, execution["organization_id"], batch.taken)
    if batch.events:
        state_events(connection, batch.events)
    if batch.abandoned:
        batch.cancelled = abandon(connection, execution["organization_id"], execution["id"], batch.abandoned)
