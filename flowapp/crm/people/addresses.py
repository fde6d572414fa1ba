"""The addresses of contacts: any of them finds the contact, everywhere, and no two contacts share one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, delete, literal, or_, select, union_all
from sqlalchemy.orm import Session

from flowapp.accounts.members import clean_email
from flowapp.crm import reading
from flowapp.crm.writing import save
from flowapp.errors import InvalidError, UnsuitableError
from flowapp.models import Contact, ContactEmail
from flowapp.texts import say
from flowapp.values.lists import as_list

MOST = 20  # of one contact
AT_ONCE = 500  # of a question to the database
TAKEN = say("A contact with this e-mail address already exists.")


def by_email(session: Session, email: str, *, trashed: bool = False) -> Contact | None:
    """The contact with that address, be it the primary one or another, in any case; None where there is none."""
    key = email.strip().lower()
    contact_id = owners(session, [key]).get(key)
    contact = session.get(Contact, contact_id) if contact_id else None
    return contact if contact and (trashed or not contact.deleted_at) else None


def owners(session: Session, emails: Iterable[str]) -> dict[str, str]:
    """Whose these addresses are, contacts in the trash too: contact ids by address, in small letters."""
    wanted = list(dict.fromkeys(key for email in emails if (key := email.strip().lower())))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        # The release before knows contacts.email only: where the two differ, contact_emails is right.
        primary = select(Contact.email, Contact.id, literal(0).label("rank")).where(Contact.email.in_(some))
        held = select(ContactEmail.email, ContactEmail.contact_id, literal(1)).where(ContactEmail.email.in_(some))
        found.update((row[0], row[1]) for row in session.execute(union_all(primary, held).order_by("rank")))
    return found


def holding(email: str) -> ColumnElement[bool]:
    """The condition that a contact has that address."""
    key = email.strip().lower()
    others = select(ContactEmail.contact_id).where(ContactEmail.email == key)
    return or_(Contact.email == key, Contact.id.in_(others)) if key else Contact.email == ""


def arranged(values: Mapping[str, object], contact: Contact | None = None) -> dict[str, object]:
    """`values` with what they say of addresses as the columns `email` and `other_emails`.

    `emails` are all of them, the primary one first; `other_emails` all but that one. `email` is the primary one: what was it
    before gives way, unless the contact has both already.
    """
    rest = {name: value for name, value in values.items() if name not in READERS}
    if len(rest) == len(values):
        return rest
    first, others = (contact.email, list(contact.other_emails)) if contact else ("", [])
    if "emails" in values:
        every = [str(email) for email in as_list(values["emails"])]
        first, others = (every[0], every[1:]) if every else ("", [])
    if "other_emails" in values:
        others = [str(email) for email in as_list(values["other_emails"])]
    if "email" in values:
        wanted = str(values["email"])
        first, others = wanted, [first, *others] if wanted in others else others
    every = [email for email in dict.fromkeys([first, *others]) if email]
    if len(every) > MOST:
        raise InvalidError.at("emails", say("Give at most %(max)s addresses.", max=MOST))
    return {**rest, "email": every[0] if every else "", "other_emails": every[1:]}


def write(session: Session, contact: Contact) -> None:
    """Writes the contact and holds its addresses for it. UnsuitableError where somebody else has one."""
    mine = contact.emails
    with session.no_autoflush:
        _refuse_others(session, contact, owners(session, mine))
    known = _held(session, contact)
    if gone := known - set(mine):
        mine_no_more = (ContactEmail.contact_id == contact.id, ContactEmail.email.in_(gone))
        session.execute(delete(ContactEmail).where(*mine_no_more))
    new = [ContactEmail(email=email, contact=contact) for email in mine if email not in known]
    save(session, [contact, *new], ("email", TAKEN))


def _held(session: Session, contact: Contact) -> set[str]:
    if contact.id is None:
        return set()
    with session.no_autoflush:
        return set(session.scalars(select(ContactEmail.email).where(ContactEmail.contact_id == contact.id)))


def _refuse_others(session: Session, contact: Contact, found: Mapping[str, str]) -> None:
    for email, contact_id in found.items():
        if contact_id == contact.id:
            continue
        path = "email" if email == contact.email else "emails"
        other = session.get(Contact, contact_id)
        if other is not None and other.deleted_at:
            in_trash = say("A contact with this e-mail address is in the trash: restore it.")
            raise UnsuitableError.at(path, in_trash, "taken")
        raise UnsuitableError.at(path, TAKEN, "taken")


def _email(_session: Session, value: object, path: str) -> str:
    text = reading.plain_text(value, path).strip()
    return reading.at(path, lambda: clean_email(text)) if text else ""


def _emails(session: Session, value: object, path: str) -> list[str]:
    given: Sequence[object] = (
        value if isinstance(value, list) else reading.plain_text(value, path).replace(",", "\n").split()
    )
    return [email for one in given if (email := _email(session, one, path))]


READERS: Mapping[str, reading.Reader] = {"email": _email, "emails": _emails, "other_emails": _emails}
