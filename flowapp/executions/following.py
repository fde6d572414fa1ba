"""Executions follow their contact: into the one that it is merged with; they end when it is deleted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Update, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from flowapp.catalog.entities import CONTACT, SYNONYMS, Departure, follows_contact
from flowapp.engine.store.control import cancel
from flowapp.errors import ConflictError
from flowapp.models import IS_ABOUT, OPEN, Execution, Subscription
from flowapp.texts import say

ENDED = "ended_executions"  # where a session keeps the ids of those that tasks announce after its commit


@follows_contact
def follow(session: Session, departure: Departure) -> None:
    """Waits for its events and re-entry ("once for each contact") count for the survivor from now on."""
    if departure.what == "merged":
        _move(session, departure)
    elif departure.what == "deleted" and departure.noun == CONTACT:
        _end(session, departure)
    elif departure.what == "erased":
        session.execute(delete(Subscription).where(*_listens(departure)))


def about(noun: str, record_id: str) -> ColumnElement[bool]:
    """The condition that an execution is about that record, whatever the noun is called; it has an index."""
    known = Execution.trigger_entity_type.in_((noun, *SYNONYMS.get(noun, ())))
    return and_(IS_ABOUT, Execution.trigger_entity_id == record_id, known)


def _move(session: Session, departure: Departure) -> None:
    moved = update(Execution).where(about(departure.noun, departure.id)).values(trigger_entity_id=departure.into)
    session.execute(_quietly(moved))
    listening = update(Subscription).where(*_listens(departure)).values(entity_id=departure.into)
    session.execute(_quietly(listening))
    if departure.noun == CONTACT:
        session.execute(
            _quietly(update(Execution).where(Execution.contact_id == departure.id).values(contact_id=departure.into))
        )


def _end(session: Session, departure: Departure) -> None:
    """Each open execution that is about the contact, and the sub-workflows that it waits for."""
    theirs = or_(Execution.contact_id == departure.id, about(departure.noun, departure.id))
    reason = say("Its contact “%(name)s” was deleted.", name=departure.name)
    ended: list[str] = session.info.setdefault(ENDED, [])
    for execution in session.scalars(select(Execution).where(theirs, Execution.status.in_(OPEN))).all():
        try:
            over = cancel(session, execution, reason)
        except ConflictError:  # it ended by itself, or with another one, meanwhile
            continue
        ended += [one.id for one in over]


def _listens(departure: Departure) -> tuple[ColumnElement[bool], ...]:
    names = (departure.noun, *SYNONYMS.get(departure.noun, ()))
    return Subscription.entity_type.in_(names), Subscription.entity_id == departure.id


def _quietly(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)
