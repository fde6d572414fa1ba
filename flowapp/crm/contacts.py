"""Contacts: the only writer of their rows. Each change records its event, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from flowapp import events
from flowapp.accounts.members import clean_timezone
from flowapp.catalog.entities import Departure, follow
from flowapp.crm import fields, owners, reading
from flowapp.crm.changes import ChangedRows, change_together, put_values
from flowapp.crm.companies import read_company
from flowapp.crm.merging import redirects
from flowapp.crm.people import addresses
from flowapp.crm.search.words import text_of
from flowapp.crm.writing import changed, made_before, touch
from flowapp.errors import InvalidError, NotFoundError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import CONSENTS, Contact, iso, utcnow
from flowapp.records.lock import lock
from flowapp.texts import say

NOUN = "contact"
MAX_NAME = 200
ALIASES = {"owner": "owner_id", "company": "company_id", "organisation": "company_id", "organisation_id": "company_id"}
FIXED = (
    "id", "number", "email", "emails", "first_name", "last_name", "phone", "language", "timezone", "score", "consent", "owner_id",
    "company_id",
)  # fmt: skip
by_email = addresses.by_email


def get(session: Session, contact_id: str, *, trashed: bool = False) -> Contact:
    """The contact of that id or number, or the one that this one was merged into; `trashed`: also one in the trash.
    NotFoundError where there is none."""
    contact = redirects.find(session, Contact, contact_id)
    if contact is None or (contact.deleted_at and not trashed):
        raise NotFoundError(say("There is no such contact."))
    return contact


def find(session: Session, reference: str) -> Contact:
    """The contact with that id, number or e-mail address. NotFoundError where there is none."""
    contact = by_email(session, reference) if "@" in reference else get(session, reference)
    if contact is None:
        raise NotFoundError(say("There is no contact with the e-mail address %(email)s.", email=reference.strip()))
    return contact


def create(session: Session, data: Mapping[str, object], *, cause: Cause, source_key: str | None = None) -> Contact:
    """A new contact; `data` has any of what READERS reads and fields: an address, a phone number or a name at least.
    Records contact.created.

    InvalidError where a value cannot be used, UnsuitableError where another contact has the address.
    """
    if (made := made_before(session, Contact, source_key)) is not None:
        return made
    values = addresses.arranged(reading.read(session, named(data), READERS))
    held = fields.read(session, NOUN, data.get("fields", {}), {}, new=True)
    contact = Contact(**values, fields=held, source_key=source_key)
    write(session, contact, {})
    _record(session, "contact.created", contact, {}, cause)
    return contact


def update(session: Session, contact: Contact, data: Mapping[str, object], *, cause: Cause) -> Contact:
    """Changes what `data` names; in `fields`, those that it names, and null removes one. Records contact.updated.

    The event's `changes` are {name: {"old", "new"}}, own fields by their names. Nothing changed: no event.
    """
    lock(session, contact)
    before, held = view(contact), contact.fields
    values = addresses.arranged(reading.read(session, named(data), READERS), contact)
    if "fields" in data:
        values["fields"] = fields.read(session, NOUN, data["fields"], held)
    for name, value in values.items():
        setattr(contact, name, value)
    if changes := changed(before, view(contact)):
        write(session, contact, held)
        _record(session, "contact.updated", contact, changes, cause)
    return contact


def update_together(
    session: Session, rows: Sequence[Contact], data: Mapping[str, object], *, cause: Cause
) -> ChangedRows[Contact]:
    """The same change of rows that the caller has locked. Each that is otherwise then records contact.updated.

    InvalidError for addresses and unique fields: no two contacts share one.
    """
    if shared := next((name for name in addresses.READERS if name in data), None):
        raise InvalidError.at(shared, say("No two contacts share an e-mail address: change each by itself."))
    values = reading.read(session, named(data), READERS)
    put = put_values(session, NOUN, values, data.get("fields"))

    def change(contact: Contact) -> None:
        put(contact)
        _refuse_nobody(contact)

    done = change_together(session, rows, change, view, search_of)
    session.flush()
    told = [(contact.id, {**payload(contact), "changes": changes}) for contact, changes in done.changed]
    events.record_many(session, "contact.updated", told, cause=cause, entity_type=NOUN)
    return done


def add_score(session: Session, contact: Contact, points: int, *, cause: Cause) -> Contact:
    """Adds to the score, or takes away; it is never below 0."""
    lock(session, contact)
    return update(session, contact, {"score": max(0, contact.score + points)}, cause=cause)


def delete(session: Session, contact: Contact, *, cause: Cause) -> None:
    """Puts it into the trash. Records contact.deleted."""
    if not contact.deleted_at:
        contact.deleted_at = utcnow()
        follow(session, Departure("deleted", NOUN, contact.id, name=name_of(contact)))
        _record(session, "contact.deleted", contact, {}, cause)


def restore(session: Session, contact: Contact, *, cause: Cause) -> Contact:
    """Takes it out of the trash. Records contact.restored."""
    if contact.deleted_at:
        contact.deleted_at = None
        _record(session, "contact.restored", contact, {}, cause)
    return contact


def named(data: Mapping[str, object]) -> dict[str, object]:
    """`data` under the names of this service: `owner` is owner_id."""
    return {ALIASES.get(name, name): value for name, value in data.items()}


def view(contact: Contact) -> dict[str, object]:
    """The contact as expressions see it: its own fields beside the fixed ones, and its full name."""
    return {
        **fields.shown(contact, NOUN),
        **{name: getattr(contact, name) for name in FIXED},
        "name": name_of(contact),
    }


def name_of(contact: Contact) -> str:
    """Its full name, else its address, else its phone number."""
    return f"{contact.first_name} {contact.last_name}".strip() or contact.email or contact.phone


def in_scope(contact: Contact) -> dict[str, object]:
    """The same for expressions, which may also say `contact.fields.plan`."""
    return {**view(contact), "fields": fields.shown(contact, NOUN)}


def contact_json(contact: Contact) -> dict[str, object]:
    """The contact as answers, messages and files print it."""
    return {
        **{name: getattr(contact, name) for name in FIXED},
        "name": name_of(contact),
        "fields": fields.shown(contact, NOUN),
        **{
            name: iso(getattr(contact, name)) for name in ("created_at", "updated_at", "last_activity_at", "deleted_at")
        },
    }


def flat(contact: Contact | None) -> dict[str, object]:
    """The flat names of events that are about a contact, or about something of theirs."""
    if contact is None:
        return {"contact_id": None, "contact_name": None, "contact_email": None}
    return {"contact_id": contact.id, "contact_name": name_of(contact), "contact_email": contact.email}


def read_contact(session: Session, value: object, path: str) -> str | None:
    """The id of the contact that a value names by id, number or address; None for nothing."""
    reference = reading.plain_text(value, path).strip()
    if not reference:
        return None
    try:
        return find(session, reference).id
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None


def search_of(contact: Contact) -> str:
    """The words that it is found by."""
    return text_of(contact.first_name, contact.last_name, addresses=contact.emails, phone=contact.phone)


def payload(contact: Contact) -> dict[str, object]:
    """What every event of a contact says of it."""
    return {NOUN: view(contact), **flat(contact), "owner_id": contact.owner_id}


def index(contact: Contact) -> None:
    """Something happened with the contact; by what it is found then. InvalidError where it is nobody."""
    touch(contact)
    _refuse_nobody(contact)
    contact.search = search_of(contact)


def write(session: Session, contact: Contact, held: Mapping[str, object]) -> None:
    """Writes the contact, by what it is found and what it alone may have; `held` were its custom fields."""
    index(contact)
    addresses.write(session, contact)
    fields.claim(session, NOUN, contact, held)


def _refuse_nobody(contact: Contact) -> None:
    if not any((contact.email, contact.phone, contact.first_name, contact.last_name)):
        raise InvalidError.at("email", say("Enter an e-mail address, a phone number or a name."))


def _record(session: Session, kind: str, contact: Contact, changes: Mapping[str, object], cause: Cause) -> None:
    told = {**payload(contact), "changes": changes}
    events.record(session, kind, entity=(NOUN, contact.id), payload=told, cause=cause)


def _timezone(_session: Session, value: object, path: str) -> str:
    return reading.at(path, lambda: clean_timezone(str(value)) if value else "")


READERS: Mapping[str, reading.Reader] = {
    **addresses.READERS,
    "first_name": reading.text_of(MAX_NAME),
    "last_name": reading.text_of(MAX_NAME),
    "phone": reading.phone,
    "language": reading.language,
    "timezone": _timezone,
    "score": reading.whole,
    "consent": reading.choice_of(CONSENTS),
    "owner_id": owners.read,
    "company_id": read_company,
}
