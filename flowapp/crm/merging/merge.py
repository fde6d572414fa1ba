"""Merges two contacts or two companies, in the caller's transaction. No workflow starts for it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog.entities import Departure, follow
from flowapp.crm import companies, contacts
from flowapp.crm.merging import choices
from flowapp.crm.merging.redirects import redirect
from flowapp.crm.people import addresses
from flowapp.crm.writing import changed
from flowapp.errors import UnsuitableError
from flowapp.events import Cause
from flowapp.models import Company, Contact, FieldValue, utcnow
from flowapp.records.lock import lock
from flowapp.texts import say


def contact(session: Session, kept: Contact, gone: Contact, take: Collection[str] = (), *, cause: Cause) -> Contact:
    """What `gone` is and has goes over to `kept`; of the fields that `take` names, its values win. Records contact.merged."""
    chosen = _begin(session, contacts.NOUN, (kept, gone), take)
    before, told = contacts.view(kept), _told(contacts.name_of(gone), gone)
    emails = [str(chosen.pop("email")), *list(chosen.pop("emails"))]  # type: ignore[call-overload]
    _become_one(session, contacts.NOUN, kept, gone, chosen, told)
    for name, value in addresses.arranged({"emails": emails}, kept).items():
        setattr(kept, name, value)
    contacts.write(session, kept, {})
    payload = {**contacts.payload(kept), **told, "changes": changed(before, contacts.view(kept))}
    _record(session, contacts.NOUN, kept, payload, cause)
    return kept


def company(session: Session, kept: Company, gone: Company, take: Collection[str] = (), *, cause: Cause) -> Company:
    """The same of companies. Records company.merged."""
    chosen = _begin(session, companies.NOUN, (kept, gone), take)
    before, told = companies.view(kept), _told(gone.name, gone)
    if chosen["montant_potentiel"] == gone.montant_potentiel:
        chosen["currency"] = gone.currency
    _become_one(session, companies.NOUN, kept, gone, chosen, told)
    companies.write(session, kept, {})
    payload = {**companies.payload(kept), **told, "changes": changed(before, companies.view(kept))}
    _record(session, companies.NOUN, kept, payload, cause)
    return kept


def _refuse(kept: Contact | Company, gone: Contact | Company) -> None:
    if kept.id == gone.id:
        raise UnsuitableError.at("other", say("Choose another record than this one."))
    if kept.deleted_at or gone.deleted_at:
        raise UnsuitableError.at("other", say("It is in the trash: restore it first."))


def _begin(session: Session, noun: str, pair: choices.Pair, take: Collection[str]) -> dict[str, object]:
    """Holds both, in one order whoever begins, and reads what the merged one has."""
    kept, gone = pair
    for row in (kept, gone) if kept.id < gone.id else (gone, kept):
        lock(session, row)
    _refuse(kept, gone)  # as they are now: somebody may have deleted one meanwhile
    return {choice.name: choice.value for choice in choices.of(noun, pair, take)}


def _told(name: str, gone: Contact | Company) -> dict[str, object]:
    return {"merged_id": gone.id, "merged_number": gone.number, "merged_name": name}


def _become_one(
    session: Session,
    noun: str,
    kept: Contact | Company,
    gone: Contact | Company,
    chosen: dict[str, object],
    told: dict[str, object],
) -> None:
    follow(session, Departure("merged", noun, gone.id, name=str(told["merged_name"]), into=kept.id))
    redirect(session, noun, gone, kept.id)
    session.flush()
    session.execute(delete(FieldValue).where(FieldValue.record_id.in_((kept.id, gone.id))))
    model = type(gone)
    session.execute(delete(model).where(model.id == gone.id).execution_options(synchronize_session=False))
    session.expire_all()  # what was read before may name the one that is gone
    own = {name.removeprefix("fields."): value for name, value in chosen.items() if name.startswith("fields.")}
    kept.fields = {name: value for name, value in own.items() if value is not None}
    for name, value in chosen.items():
        if not name.startswith("fields."):
            setattr(kept, name, value)


def _record(session: Session, noun: str, kept: Contact | Company, payload: dict[str, object], cause: Cause) -> None:
    """It is handed on already: nothing starts."""
    event = events.record(session, f"{noun}.merged", entity=(noun, kept.id), payload=payload, cause=cause)
    event.published_at = utcnow()
