"""Which recorded events are handed on next: each organization in its turn, and of one first what somebody waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flowapp.models import Event

AT_ONCE = 500  # events in one transaction
ORGANIZATIONS = 50  # in one transaction


class Outbox:
    """Remembers whose turn it was. Events wait by organization; in each, those of a job over many rows come last.

    `more`: the relay's time ran out before the events did, so it is worth looking again at once.
    """

    def __init__(self) -> None:
        self._last = ""
        self.more = False

    def next(self, session: Session) -> list[str]:
        """The ids of the events to hand on together, at most AT_ONCE."""
        organizations = self._waiting(session)
        if not organizations:
            return []
        share = max(1, AT_ONCE // len(organizations))
        return [event_id for organization_id in organizations for event_id in _of(session, organization_id, share)]

    def _waiting(self, session: Session) -> list[str]:
        """The organizations whose turn it is, beginning after the last one of the time before."""
        found: list[str] = []
        while len(found) < ORGANIZATIONS:
            following = _following(session, found[-1] if found else self._last) or _following(session, "")
            if following is None or following in found:
                break
            found.append(following)
        self._last = found[-1] if found else ""
        return found


def _following(session: Session, organization_id: str) -> str | None:
    """The next organization, by its id, of which events wait: one look into their index."""
    waiting = select(Event.organization_id).where(Event.published_at.is_(None))
    if organization_id:
        waiting = waiting.where(Event.organization_id > organization_id)
    return session.scalar(waiting.order_by(Event.organization_id).limit(1))


def _of(session: Session, organization_id: str, share: int) -> Sequence[str]:
    waiting = select(Event.id).where(Event.organization_id == organization_id, Event.published_at.is_(None))
    return session.scalars(waiting.order_by(Event.bulk, Event.id).limit(share)).all()


def take(session: Session, ids: Sequence[str], now: datetime) -> list[Event]:
    """Marks events as handed on, in this transaction, and gives those that nobody else did, in their order."""
    mine = session.scalars(
        update(Event)
        .where(Event.id.in_(ids), Event.published_at.is_(None))
        .values(published_at=now)
        .returning(Event.id)
        .execution_options(synchronize_session=False)
    ).all()
    return list(session.scalars(select(Event).where(Event.id.in_(mine)).order_by(Event.id)))
