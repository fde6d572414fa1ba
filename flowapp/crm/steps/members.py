"""Whom and what a step's work falls to: the record that its execution is about, the member who gets a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog.entities import CONTACT, View, read_all
from flowapp.crm import owners
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import Cause
from flowapp.models import Contact, Event, Member, Task, Workflow, read_id
from flowapp.security.roles import Role
from flowapp.texts import say

OWNER, ROUND_ROBIN = "owner", "round_robin"


def subject(session: Session, visit: Visit, noun: str) -> str:
    """The id of the record of this kind that the visit's execution is about, or that this leads to; else empty.

    An input that names one (`deal_id`, `deal`) counts where no entity does.
    """
    found = about(session, visit).get(noun)
    if found is not None:
        return str(found["id"])
    return _named_in(visit.scope, noun)


def about(session: Session, visit: Visit) -> Mapping[str, View]:
    """What the visit's execution is about, by name."""
    known = [visit.entity, (CONTACT, visit.contact_id)]
    given = [(name, key) for name, key in known if key]
    return read_all(session.connection(), visit.organization_id, given)


def _named_in(scope: Mapping[str, object], noun: str) -> str:
    for name in (f"{noun}_id", noun):
        try:
            value = scope[name]
        except KeyError:
            continue
        value = value.get("id") if isinstance(value, dict) else value
        if isinstance(value, str | int) and value:
            return str(value)
    return ""


def member(session: Session, visit: Visit, wanted: str, among: Sequence[str]) -> str:
    """The id of a member: see catalog.Crm. NotFoundError where there is nobody."""
    word = wanted.strip().lower().replace(" ", "_").replace("-", "_")
    if word == ROUND_ROBIN:
        return _whose_turn(session, among)
    if word in ("", OWNER):
        found = about(session, visit).get(OWNER)
        owner = str(found["id"]) if found else _of_workflow(session, visit)
        return owner or _whose_turn(session, ())
    user = owners.find(session, wanted)
    if user is None:
        raise NotFoundError(say("There is no member “%(name)s”.", name=wanted.strip()[:254]))
    return user.id


def was_told(session: Session, contact: Contact, cause: Cause) -> bool:
    """Whether the same visit has changed the contact already: its worker died before it could say so."""
    told = select(Event.id).where(
        Event.entity_type == CONTACT, Event.entity_id == contact.id, Event.origin == cause.origin
    )
    return session.scalar(told.limit(1)) is not None


def _of_workflow(session: Session, visit: Visit) -> str:
    """The member who made the workflow; empty where they have left."""
    known = read_id(visit.workflow_id)
    workflow = session.get(Workflow, known) if known else None
    maker = workflow.created_by if workflow else None
    user = owners.find(session, maker) if maker else None
    return user.id if user else ""


def _whose_turn(session: Session, among: Sequence[str]) -> str:
    """Who got a task longest ago; who never got one comes first, then by when they joined."""
    ids = [_id_of(session, name) for name in among] or _workers(session)
    if not ids:
        raise InvalidError.at("assignee", say("Nobody in the organization works on records."))
    last = (
        select(Task.assignee_id, func.max(Task.created_at)).where(Task.assignee_id.in_(ids)).group_by(Task.assignee_id)
    )
    times = {row[0]: row[1] for row in session.execute(last)}
    never = datetime.min.replace(tzinfo=UTC)
    return min(ids, key=lambda user_id: (times.get(user_id, never), ids.index(user_id)))


def _id_of(session: Session, name: str) -> str:
    user = owners.find(session, name)
    if user is None:
        raise NotFoundError(say("There is no member “%(name)s”.", name=name.strip()[:254]))
    return user.id


def _workers(session: Session) -> list[str]:
    rows = session.scalars(select(Member).order_by(Member.id))
    return [row.user_id for row in rows if Role.read(row.role) >= Role.OPERATOR]
