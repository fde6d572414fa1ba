"""What tasks, notes and tags are about: a contact, a company, a deal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, reading
from flowapp.crm.writing import Record, touch
from flowapp.errors import InvalidError, NotFoundError, UnknownReferenceError
from flowapp.models import Company, Contact, Deal, Note, Task
from flowapp.texts import say

ALIASES = {"contact": "contact_id", "company": "company_id", "organisation": "company_id", "deal": "deal_id",
           "organisation_id": "company_id"}  # fmt: skip
NAMES = ("contact_id", "company_id", "deal_id")


def find(session: Session, noun: str, reference: str) -> Record:
    """The record of that kind with that id or number (a contact's address, a company's name). NotFoundError."""
    if noun == "contact":
        return contacts.find(session, reference)
    return deals.get(session, reference) if noun == "deal" else companies.find(session, reference)


def read_link(noun: str) -> reading.Reader:
    """Reads the id of a record of that kind; None for nothing."""
    return partial(_read, noun)


def _read(noun: str, session: Session, value: object, path: str) -> str | None:
    reference = reading.plain_text(value, path).strip()
    if not reference:
        return None
    try:
        return find(session, noun, reference).id
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None


READERS: Mapping[str, reading.Reader] = {f"{noun}_id": read_link(noun) for noun in ("contact", "company", "deal")}


def touch_all(session: Session, row: Task | Note) -> None:
    """Something was done about the records that it is about: they are not inactive."""
    for model, key in ((Contact, row.contact_id), (Company, row.company_id), (Deal, row.deal_id)):
        found = session.get(model, key) if key else None
        touch(found)


def flat(session: Session, row: Task | Note) -> dict[str, object]:
    """The flat names of what it is about."""
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    company = session.get(Company, row.company_id) if row.company_id else None
    deal = session.get(Deal, row.deal_id) if row.deal_id else None
    return {
        **contacts.flat(contact),
        **companies.flat(company),
        "deal_id": deal.id if deal else None,
        "deal_title": deal.title if deal else None,
    }


def refuse_nothing(row: Task | Note) -> None:
    """InvalidError where it is about no record."""
    if not any(getattr(row, name) for name in NAMES):
        raise InvalidError.at("contact_id", say("Choose a contact, a company or a deal that this is about."))
