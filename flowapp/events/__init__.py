"""record(): the one way to state a fact. The row is written in the caller's transaction; the scheduler hands it on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Table, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.errors import InvalidError
from flowapp.events.cause import SYSTEM, Cause, EventRow
from flowapp.events.types import check, is_ours
from flowapp.models import AuditEntry, Event, EventKey, new_id, utcnow
from flowapp.texts import say

__all__ = ["SYSTEM", "Cause", "Event", "audit", "receive", "record", "record_many", "state"]

_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")


def record(
    session: Session,
    type: str,  # noqa: A002 - the word of the bus
    *,
    cause: Cause,
    entity: tuple[str, str] = ("", ""),
    payload: Mapping[str, object] | None = None,
) -> Event:
    """States that something happened. `entity` is (type, id). ValueError where flowapp.events.types has it otherwise."""
    check(type, entity[0], payload or {})
    event = Event(type=type, entity_type=entity[0], entity_id=entity[1], payload=payload or {}, **cause.columns())
    session.add(event)
    return event


def state(session: Session, row: EventRow) -> None:
    """Records an event whose row is made already (events.executions)."""
    check(row["type"], row["entity_type"], row["payload"])
    session.add(Event(**row))


def record_many(
    session: Session,
    type: str,  # noqa: A002 - the word of the bus
    told: Sequence[tuple[str, Mapping[str, object]]],
    *,
    cause: Cause,
    entity_type: str,
) -> None:
    """States the same about many: one INSERT of (entity id, payload). ValueError as `record`."""
    shared = {
        **cause.columns(), "organization_id": session.info["organization_id"], "type": type, "entity_type": entity_type,
        "created_at": utcnow(),
    }  # fmt: skip
    rows: list[dict[str, object]] = []
    for entity_id, payload in told:
        check(type, entity_type, payload)
        rows.append({**shared, "id": new_id(), "entity_id": entity_id, "payload": payload})
    if rows:
        session.execute(insert(cast(Table, Event.__table__)), rows)


def receive(
    session: Session,
    type: str,  # noqa: A002 - the word of the bus
    *,
    cause: Cause,
    entity: tuple[str, str] = ("", ""),
    payload: Mapping[str, object] | None = None,
    key: str = "",
) -> tuple[Event, bool]:
    """Records what another system says, of any shape, and True; or the event of the first time with this `key`, and False.

    InvalidError for a type of Flowapp's own, and for what is no type.
    """
    if not _TYPE.fullmatch(type):
        raise InvalidError.at("type", say("Enter words with dots between them, for example payment.created."))
    if is_ours(type):
        family = type.partition(".")[0]
        raise InvalidError.at("type", say("Events that begin with %(family)s. are Flowapp's own.", family=family))
    hashed = hashlib.sha256(key.encode()).hexdigest()
    if key and (known := session.get(EventKey, (session.info["organization_id"], hashed))) is not None:
        return session.get_one(Event, known.event_id), False
    event = Event(
        type=type, entity_type=entity[0], entity_id=entity[1], payload=dict(payload or {}), **cause.columns()
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(event)
            session.flush()
            if key:
                session.add(EventKey(key=hashed, event_id=event.id))
    except IntegrityError:  # somebody was faster by a moment
        known = session.get_one(EventKey, (session.info["organization_id"], hashed))
        return session.get_one(Event, known.event_id), False
    return event, True


def audit(
    session: Session,
    action: str,
    *,
    actor: tuple[str | None, str] = (None, "system"),
    target: tuple[str, str, str] = ("", "", ""),
    details: Mapping[str, object] | None = None,
    ip: str = "",
) -> None:
    """Writes a line of the audit trail. `actor` is (user id, label), `target` (type, id, label).

    `ip` is the caller's address, by default the one that the session of a request knows.
    """
    session.add(
        AuditEntry(
            action=action,
            actor_id=actor[0],
            actor_label=actor[1],
            object_type=target[0],
            object_id=target[1],
            object_label=target[2][:300],
            details=details or {},
            ip=ip or str(session.info.get("ip", "")),
        )
    )
