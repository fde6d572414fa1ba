"""What only the rows of contacts have: addresses, of which no two contacts share one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from flowapp.crm.imports.rows import Row
from flowapp.crm.people import addresses
from flowapp.errors import InvalidError, Problem
from flowapp.models import Contact, ContactEmail


def arrange(row: Row) -> None:
    """The row's addresses as the columns of its contact. One that the contact has already stays where it is."""
    contact = cast(Contact | None, row.record)
    if contact is not None and row.data.get("email") in contact.emails:
        del row.data["email"]
    try:
        row.data = addresses.arranged(row.data, contact)
    except InvalidError as error:
        row.fail(*error.problems)


def refuse_taken(session: Session, rows: Sequence[Row]) -> None:
    """Fails the rows that would take an address of another contact."""
    wanted = [(email, row) for row in rows for email in _new(row)]
    theirs = addresses.owners(session, [email for email, _ in wanted]) if wanted else {}
    for email, row in wanted:
        if theirs.setdefault(email, row.id) != row.id:
            row.fail(Problem("email" if email == row.data.get("email") else "emails", addresses.TAKEN, code="taken"))


def write(session: Session, rows: Sequence[Row]) -> None:
    """Holds the addresses of written contacts for them."""
    people = [cast(Contact, row.record) for row in rows if "email" in row.data or "other_emails" in row.data]
    if not people:
        return
    mine = ContactEmail.contact_id.in_([contact.id for contact in people])
    held = {
        (row[0], row[1]) for row in session.execute(select(ContactEmail.contact_id, ContactEmail.email).where(mine))
    }
    wanted = {(contact.id, email) for contact in people for email in contact.emails}
    if gone := held - wanted:
        pair = tuple_(ContactEmail.contact_id, ContactEmail.email)
        session.execute(delete(ContactEmail).where(pair.in_(gone)))
    session.add_all(ContactEmail(contact_id=contact_id, email=email) for contact_id, email in wanted - held)


def _new(row: Row) -> list[str]:
    # Nobody has what a new contact was looked up by.
    has = cast(Contact, row.record).emails if row.record is not None else [value for _, value in row.keys]
    given = [row.data.get("email"), *cast(list[str], row.data.get("other_emails") or [])]
    return [str(email) for email in given if email and email not in has]
