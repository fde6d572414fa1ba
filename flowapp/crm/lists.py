"""Static lists of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import contacts, reading
from flowapp.crm.writing import save, touch, touch_together
from flowapp.data.names import find as find_named
from flowapp.errors import NotFoundError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Contact, ContactList, ListMember, iso, utcnow
from flowapp.texts import say
from flowapp.workflows.projects import free, slugify


def find(session: Session, reference: str) -> ContactList:
    """The list with that id, slug or name, in any case. NotFoundError where there is none."""
    rows = session.scalars(select(ContactList).order_by(ContactList.id)).all()
    if (found := find_named(rows, reference)) is None:
        raise NotFoundError(say("There is no list “%(name)s”.", name=reference.strip()[:200]))
    return found


def named(session: Session, value: object, path: str = "list") -> ContactList:
    """The list that a value names. InvalidError at `path` where there is none."""
    try:
        return find(session, reading.plain_text(value, path))
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None


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


def add_together(session: Session, row: ContactList, members: Sequence[Contact], *, cause: Cause) -> list[Contact]:
    """Puts contacts in that the caller has locked; those that were not in it, each with its event."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(ListMember)
    once = insert.on_conflict_do_nothing(index_elements=["list_id", "contact_id"]).returning(ListMember.contact_id)
    rows = [
        {"organization_id": one.organization_id, "list_id": row.id, "contact_id": one.id, "created_at": utcnow()}
        for one in members
    ]
    new = set(session.scalars(once, rows)) if rows else set()
    return _told_together(session, "contact.list_added", row, [one for one in members if one.id in new], cause)


def take_together(session: Session, row: ContactList, members: Sequence[Contact], *, cause: Cause) -> list[Contact]:
    """Takes contacts out that the caller has locked; those that were in it, each with its event."""
    mine = (ListMember.list_id == row.id, ListMember.contact_id.in_([one.id for one in members]))
    gone = delete(ListMember).where(*mine).returning(ListMember.contact_id)
    had = set(session.scalars(gone.execution_options(synchronize_session=False)))
    return _told_together(session, "contact.list_removed", row, [one for one in members if one.id in had], cause)


def _told_together(
    session: Session, kind: str, row: ContactList, members: list[Contact], cause: Cause
) -> list[Contact]:
    touch_together(session, Contact, [one.id for one in members])
    about = {"list": row.name, "list_slug": row.slug, "list_id": row.id}
    told = [(one.id, {**contacts.payload(one), **about}) for one in members]
    events.record_many(session, kind, told, cause=cause, entity_type=contacts.NOUN)
    return members


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
