"""Contacts: the only writer of their rows. Each change records its event, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.accounts.members import clean_email, clean_timezone
from flowapp.errors import InvalidError, NotFoundError, UnsuitableError
from flowapp.events import Cause
from flowapp.events.types import CONTACT_CREATED, CONTACT_UPDATED
from flowapp.models import Contact, by_reference, iso
from flowapp.texts import say

MAX_NAME = 200


def get(session: Session, contact_id: str) -> Contact:
    """The contact of that id or number. NotFoundError where there is none."""
    contact = by_reference(session, Contact, contact_id)
    if contact is None:
        raise NotFoundError(say("There is no such contact."))
    return contact


def by_email(session: Session, email: str) -> Contact | None:
    """The contact with that address, in any case; None where there is none."""
    return session.scalar(select(Contact).where(Contact.email == email.strip().lower()))


def find(session: Session, reference: str) -> Contact:
    """The contact with that id, number or e-mail address. NotFoundError where there is none."""
    contact = by_email(session, reference) if "@" in reference else get(session, reference)
    if contact is None:
        raise NotFoundError(say("There is no contact with the e-mail address %(email)s.", email=reference.strip()))
    return contact


def create(session: Session, data: Mapping[str, object], *, cause: Cause) -> Contact:
    """A new contact; `data` has email, and any of first_name, last_name, timezone, fields. Records contact.created.

    InvalidError where a value cannot be used, UnsuitableError where another contact has the address.
    """
    if not data.get("email"):
        raise InvalidError.at("email", say("Enter an e-mail address, for example ann@example.com."))
    contact = Contact(**_clean(data))
    _write(session, contact)
    _record(session, CONTACT_CREATED, contact, {}, cause)
    return contact


def update(session: Session, contact: Contact, data: Mapping[str, object], *, cause: Cause) -> Contact:
    """Changes what `data` names; in `fields`, those that it names, and null removes one. Records contact.updated.

    The event's `changes` are {name: {"old", "new"}}, own fields by their names. Nothing changed: no event.
    """
    before = view(contact)
    clean = _clean(data)
    if "fields" in clean:
        named = clean["fields"]
        merged = {**contact.fields, **(named if isinstance(named, dict) else {})}
        clean["fields"] = {name: value for name, value in merged.items() if value is not None}
    for name, value in clean.items():
        setattr(contact, name, value)
    after = view(contact)
    names = dict.fromkeys([*before, *after])
    changes = {n: {"old": before.get(n), "new": after.get(n)} for n in names if before.get(n) != after.get(n)}
    if changes:
        _write(session, contact)
        _record(session, CONTACT_UPDATED, contact, changes, cause)
    return contact


def view(contact: Contact) -> dict[str, object]:
    """The contact as expressions see it: its own fields beside the fixed ones, and its full name."""
    names = ("id", "email", "first_name", "last_name", "timezone", "fields")
    return view_of({name: getattr(contact, name) for name in names})


def view_of(row: Mapping[str, Any]) -> dict[str, object]:
    """The same of a row of the table."""
    fixed = {name: row[name] for name in ("id", "email", "first_name", "last_name", "timezone")}
    name = f"{row['first_name']} {row['last_name']}".strip() or row["email"]
    return {**row["fields"], **fixed, "name": name}


def in_scope(contact: Contact) -> dict[str, object]:
    """The same for expressions, which may also say `contact.fields.plan`."""
    return {**view(contact), "fields": contact.fields}


def contact_json(contact: Contact) -> dict[str, object]:
    """The contact as answers, messages and files print it."""
    names = ("id", "number", "email", "first_name", "last_name", "timezone", "fields")
    return {
        **{name: getattr(contact, name) for name in names},
        "name": view(contact)["name"],
        "created_at": iso(contact.created_at),
        "updated_at": iso(contact.updated_at),
    }


def _clean(data: Mapping[str, Any]) -> dict[str, object]:
    clean: dict[str, object] = {}
    if "email" in data:
        clean["email"] = clean_email(data["email"])
    for name in ("first_name", "last_name"):
        if name in data:
            clean[name] = _name(data[name], name)
    if "timezone" in data:
        clean["timezone"] = clean_timezone(data["timezone"]) if data["timezone"] else ""
    if "fields" in data:
        clean["fields"] = _fields(data["fields"])
    return clean


def _name(text: str, path: str) -> str:
    name = " ".join(text.split())
    if len(name) > MAX_NAME or "\0" in name:
        raise InvalidError.at(path, say("Enter at most %(count)s characters.", count=MAX_NAME))
    return name


def _fields(fields: Mapping[str, object]) -> dict[str, object]:
    fixed = {column.key for column in inspect(Contact).columns} | {"name"}
    taken = sorted(fixed & set(fields))
    if taken:
        raise InvalidError.at(
            f"fields.{taken[0]}",
            say("“%(name)s” cannot be used as a custom field: choose another name.", name=taken[0]),
        )
    return dict(fields)


def _write(session: Session, contact: Contact) -> None:
    try:
        with session.begin_nested():
            session.add(contact)
            session.flush()
    except IntegrityError:
        raise UnsuitableError.at("email", say("A contact with this e-mail address already exists."), "taken") from None


def _record(
    session: Session, kind: str, contact: Contact, changes: Mapping[str, object], cause: Cause
) -> None:  # fmt: skip
    shown = view(contact)
    flat = {"contact_id": contact.id, "contact_name": shown["name"], "contact_email": contact.email}
    payload = {"contact": shown, "changes": changes, **flat}
    events.record(session, kind, entity=("contact", contact.id), payload=payload, cause=cause)
