"""Owners of records and assignees of tasks: members of the organization."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.crm.reading import plain_text
from flowapp.errors import UnknownReferenceError
from flowapp.models import Member, User, read_id
from flowapp.texts import say


def find(session: Session, reference: str) -> User | None:
    """The member with that id or e-mail address; None where there is none."""
    known = read_id(reference.strip())
    which = User.id == known if known else User.email == reference.strip().lower()
    found = session.scalar(select(Member).join(User, Member.user_id == User.id).where(which))
    return found.user if found else None


def read(session: Session, value: object, path: str) -> str | None:
    """The id of the member that a value names by id or address; None for nothing. InvalidError for somebody else."""
    reference = plain_text(value, path).strip()
    if not reference:
        return None
    if (user := find(session, reference)) is None:
        raise UnknownReferenceError.at(path, say("There is no member “%(name)s”.", name=reference[:254]))
    return user.id


def view(user: User) -> dict[str, object]:
    """The member as expressions see `owner`."""
    return {"id": user.id, "name": user.name, "email": user.email}


def names(session: Session, ids: set[str]) -> dict[str, str]:
    """What these people are called, by id."""
    return {row.id: row.name for row in session.scalars(select(User).where(or_(User.id.in_(ids))))} if ids else {}
