"""Static lists of contacts."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import contacts, reading
from flowapp.crm.writing import save, touch
from flowapp.data.names import find as find_named
from flowapp.errors import NotFoundError
from flowapp.events import Cause
from flowapp.models import Contact, ContactList, ListMember, iso
from flowapp.texts import say
from flowapp.workflows.projects import free, slugify


def find(session: Session, reference: str) -> ContactList:
    """The list with that id, slug or name, in any case. NotFoundError where there is none."""
    rows = session.scalars(select(ContactList).order_by(ContactList.id)).all()
    if (found := find_named(rows, reference)) is None:
        raise NotFoundError(say("There is no list “%(name)s”.", name=reference.strip()[:200]))
    return found


def create(session: Session, data: Mapping[str, object]) -> ContactList:
    """A new list; `data` has name, and description."""
    values = reading.read(session, {"name": "", **data}, _READERS)
    taken = session.scalars(select(ContactList.slug)).all()
    row = ContactList(**values, slug=free(slugify(str(values["name"]), 64, "list"), taken, 64))
    save(session, row)
    return row


def change(session: Session, row: ContactList, data: Mapping[str, object]) -> ContactList:
    """Changes what `data` names; the slug stays."""
    for name, value in reading.read(session, data, _READERS).items():
        setattr(row, name, value)
    session.flush()
    return row


def remove(session: Session, row: ContactList) -> None:
    """Deletes the list; its contacts stay."""
    session.delete(row)
    session.flush()


def add(session: Session, row: ContactList, contact: Contact, *, cause: Cause) -> bool:
    """Puts the contact in; whether it was not in it. Records contact.list_added."""
    if session.get(ListMember, (row.id, contact.id)) is not None:
        return False
    save(session, ListMember(list_id=row.id, contact_id=contact.id))
    _record(session, "contact.list_added", row, contact, cause)
    return True


def take(session: Session, row: ContactList, contact: Contact, *, cause: Cause) -> bool:
    """Takes the contact out; whether it was in it. Records contact.list_removed."""
    member = session.get(ListMember, (row.id, contact.id))
    if member is None:
        return False
    session.delete(member)
    session.flush()
    _record(session, "contact.list_removed", row, contact, cause)
    return True


def of(session: Session, contact: Contact) -> list[ContactList]:
    """The lists that a contact is in."""
    mine = select(ContactList).join(ListMember, ListMember.list_id == ContactList.id)
    return list(session.scalars(mine.where(ListMember.contact_id == contact.id).order_by(ContactList.name)))


def count(session: Session, row: ContactList) -> int:
    """How many contacts are in it, without those in the trash."""
    members = select(func.count(ListMember.contact_id)).join(Contact, Contact.id == ListMember.contact_id)
    return session.scalar(members.where(ListMember.list_id == row.id, Contact.deleted_at.is_(None))) or 0


def list_json(row: ContactList, count: int = 0) -> dict[str, object]:
    """The list as answers print it; `count`: how many contacts are in it."""
    names = ("id", "name", "slug", "description")
    return {
        **{name: getattr(row, name) for name in names},
        "count": count,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }


def _record(session: Session, kind: str, row: ContactList, contact: Contact, cause: Cause) -> None:
    touch(contact)
    told = {**contacts.payload(contact), "list": row.name, "list_slug": row.slug, "list_id": row.id}
    events.record(session, kind, entity=(contacts.NOUN, contact.id), payload=told, cause=cause)


_READERS: Mapping[str, reading.Reader] = {
    "name": reading.text_of(200, required=True),
    "description": reading.text_of(5000, lines=True),
}
