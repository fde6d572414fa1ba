"""Companies, `organisation` in expressions: the only writer of their rows. Each change records its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import fields, owners, pipelines, reading
from flowapp.crm.changes import ChangedRows, change_together, put_values
from flowapp.crm.merging import redirects
from flowapp.crm.search.words import text_of
from flowapp.crm.writing import changed, made_before, save, touch
from flowapp.errors import NotFoundError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Company, iso, utcnow
from flowapp.models.folding import same
from flowapp.records.lock import lock
from flowapp.texts import say

NOUN = "company"
FIXED = ("id", "number", "name", "domain", "pipeline_stage", "currency", "owner_id")
ALIASES = {"nom": "name", "owner": "owner_id"}


def get(session: Session, company_id: str, *, trashed: bool = False) -> Company:
    """The company of that id or number, or the one that this one was merged into; `trashed`: also one in the trash.
    NotFoundError where there is none."""
    company = redirects.find(session, Company, company_id)
    if company is None or (company.deleted_at and not trashed):
        raise NotFoundError(say("There is no such company."))
    return company


def find(session: Session, reference: str) -> Company:
    """The company with that id, number, domain or name, in any case. NotFoundError where there is none."""
    wanted = reference.strip()
    company = redirects.find(session, Company, wanted)
    for which in (Company.domain == wanted.lower(), same(Company.name, wanted)):
        if company is None and wanted:  # most have no domain: nothing names none of them
            open_ones = select(Company).where(which, Company.deleted_at.is_(None)).order_by(Company.id).limit(1)
            company = session.scalars(open_ones).first()
    if company is None or company.deleted_at:
        raise NotFoundError(say("There is no company “%(name)s”.", name=wanted[:200]))
    return company


def create(session: Session, data: Mapping[str, object], *, cause: Cause, source_key: str | None = None) -> Company:
    """A new company; `data` has name (or nom), and any of what READERS reads and fields. Records company.created."""
    if (made := made_before(session, Company, source_key)) is not None:
        return made
    values = reading.read(session, {"name": "", **named(data)}, READERS)
    held = fields.read(session, NOUN, data.get("fields", {}), {}, new=True)
    company = Company(**values, fields=held, source_key=source_key)
    write(session, company, {})
    _record(session, "company.created", company, {}, cause)
    return company


def update(session: Session, company: Company, data: Mapping[str, object], *, cause: Cause) -> Company:
    """Changes what `data` names; in `fields`, those that it names. Records company.updated, unless nothing changed."""
    lock(session, company)
    before, held = view(company), company.fields
    values = reading.read(session, named(data), READERS)
    if "fields" in data:
        values["fields"] = fields.read(session, NOUN, data["fields"], held)
    for name, value in values.items():
        setattr(company, name, value)
    if changes := changed(before, view(company)):
        write(session, company, held)
        _record(session, "company.updated", company, changes, cause)
    return company


def update_together(
    session: Session, rows: Sequence[Company], data: Mapping[str, object], *, cause: Cause
) -> ChangedRows[Company]:
    """The same change of rows that the caller has locked. Each that is otherwise then records company.updated."""
    values = reading.read(session, named(data), READERS)
    put = put_values(session, NOUN, values, data.get("fields"))
    done = change_together(session, rows, put, view, search_of)
    session.flush()
    told = [(company.id, {**payload(company), "changes": changes}) for company, changes in done.changed]
    events.record_many(session, "company.updated", told, cause=cause, entity_type=NOUN)
    return done


def delete(session: Session, company: Company, *, cause: Cause) -> None:
    """Puts it into the trash. Records company.deleted."""
    if not company.deleted_at:
        company.deleted_at = utcnow()
        _record(session, "company.deleted", company, {}, cause)


def restore(session: Session, company: Company, *, cause: Cause) -> Company:
    """Takes it out of the trash. Records company.restored."""
    if company.deleted_at:
        company.deleted_at = None
        _record(session, "company.restored", company, {}, cause)
    return company


def named(data: Mapping[str, object]) -> dict[str, object]:
    """`data` under the names of this service: `nom` is the name."""
    return {ALIASES.get(name, name): value for name, value in data.items()}


def view(company: Company) -> dict[str, object]:
    """The company as expressions see it: its own fields beside the fixed ones; `nom` is its name."""
    return {**fields.shown(company, NOUN), **_fixed(company)}


def in_scope(company: Company) -> dict[str, object]:
    """The same for expressions, which may also say `company.fields.size`."""
    return {**view(company), "fields": fields.shown(company, NOUN)}


def company_json(company: Company) -> dict[str, object]:
    """The company as answers, messages and files print it."""
    return {
        **_fixed(company),
        "fields": fields.shown(company, NOUN),
        **{
            name: iso(getattr(company, name)) for name in ("created_at", "updated_at", "last_activity_at", "deleted_at")
        },
    }


def flat(company: Company | None) -> dict[str, object]:
    """The flat names of events that are about a company, or about something of its."""
    return {"company_id": company and company.id, "company_name": company and company.name}


def read_company(session: Session, value: object, path: str) -> str | None:
    """The id of the company that a value names by id, number, domain or name; None for nothing."""
    reference = reading.plain_text(value, path).strip()
    if not reference:
        return None
    try:
        return find(session, reference).id
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None


def search_of(company: Company) -> str:
    """The words that it is found by."""
    return text_of(company.name, addresses=[company.domain])


def payload(company: Company) -> dict[str, object]:
    """What every event of a company says of it."""
    return {NOUN: view(company), **flat(company), "owner_id": company.owner_id}


def _fixed(company: Company) -> dict[str, object]:
    fixed = {name: getattr(company, name) for name in FIXED}
    return {**fixed, "nom": company.name, "montant_potentiel": reading.shown(company.montant_potentiel)}


def index(company: Company) -> None:
    """Something happened with the company; by what it is found then."""
    touch(company)
    company.search = search_of(company)


def write(session: Session, company: Company, held: Mapping[str, object]) -> None:
    """Writes the company, by what it is found and what it alone may have; `held` were its custom fields."""
    index(company)
    save(session, company)
    fields.claim(session, NOUN, company, held)


def _record(session: Session, kind: str, company: Company, changes: Mapping[str, object], cause: Cause) -> None:
    told = {**payload(company), "changes": changes}
    events.record(session, kind, entity=(NOUN, company.id), payload=told, cause=cause)


READERS: Mapping[str, reading.Reader] = {
    "name": reading.text_of(200, required=True),
    "domain": reading.domain,
    "pipeline_stage": pipelines.read_stage_name,
    "montant_potentiel": reading.amount,
    "currency": reading.currency,
    "owner_id": owners.read,
}
