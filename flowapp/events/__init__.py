"""record(): the one way to state a fact. The row is written in the caller's transaction; the scheduler hands it on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from flowapp.events.cause import SYSTEM, Cause
from flowapp.events.types import check
from flowapp.models import AuditEntry, Event

__all__ = ["SYSTEM", "Cause", "audit", "record"]


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
