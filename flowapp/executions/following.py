"""Executions follow their contact: into the one that it is merged with; they end when it is deleted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Update, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp.catalog.entities import CONTACT, SYNONYMS, Departure, follows_contact
from flowapp.engine.store.control import cancel
from flowapp.errors import ConflictError
from flowapp.models import OPEN, Execution, Subscription
from flowapp.texts import say

Key = InstrumentedAttribute[str]
ENDED = "ended_executions"  # where a session keeps the ids of those that tasks announce after its commit


@follows_contact
def follow(session: Session, departure: Departure) -> None:
    """Waits for its events and re-entry ("once for each contact") count for the survivor from now on."""
    if departure.what == "merged":
        _move(session, departure)
    elif departure.what == "deleted" and departure.noun == CONTACT:
        _end(session, departure)
    elif departure.what == "erased":
        session.execute(
            delete(Subscription).where(*_about(Subscription.entity_type, Subscription.entity_id, departure))
        )


def _move(session: Session, departure: Departure) -> None:
    for model, kind, key in (
        (Execution, Execution.trigger_entity_type, Execution.trigger_entity_id),
        (Subscription, Subscription.entity_type, Subscription.entity_id),
    ):
        session.execute(_quietly(update(model).where(*_about(kind, key, departure)).values({key: departure.into})))
    if departure.noun == CONTACT:
        session.execute(
            _quietly(update(Execution).where(Execution.contact_id == departure.id).values(contact_id=departure.into))
        )


def _end(session: Session, departure: Departure) -> None:
    """Each open execution that is about the contact, and the sub-workflows that it waits for."""
    about = _about(Execution.trigger_entity_type, Execution.trigger_entity_id, departure)
    theirs = or_(Execution.contact_id == departure.id, about[0] & about[1])
    reason = say("Its contact “%(name)s” was deleted.", name=departure.name)
    ended: list[str] = session.info.setdefault(ENDED, [])
    for execution in session.scalars(select(Execution).where(theirs, Execution.status.in_(OPEN))).all():
        try:
            over = cancel(session, execution, reason)
        except ConflictError:  # it ended by itself, or with another one, meanwhile
            continue
        ended += [one.id for one in over]


def _about(kind: Key, key: Key, departure: Departure) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return kind.in_((departure.noun, *SYNONYMS.get(departure.noun, ()))), key == departure.id


def _quietly(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)
