"""Deals: the only writer of their rows. A change records deal.updated, and what it means: a stage, a value, won, lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from flowapp import events
from flowapp.crm import contacts, fields, owners, pipelines, reading
from flowapp.crm.changes import ChangedRows, change_together, put_values
from flowapp.crm.companies import read_company
from flowapp.crm.companies import view as company_view
from flowapp.crm.search.words import text_of
from flowapp.crm.writing import Changes, changed, made_before, save, touch
from flowapp.errors import InvalidError, NotFoundError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Deal, DealContact, Pipeline, Stage, by_reference, iso, utcnow
from flowapp.records.lock import lock
from flowapp.texts import say
from flowapp.values.lists import as_list

NOUN = "deal"
FIXED = (
    "id", "number", "title", "description", "currency", "status", "lost_reason", "owner_id", "company_id", "pipeline_id",
    "stage_id",
)  # fmt: skip
ALIASES = {
    "montant": "value", "name": "title", "owner": "owner_id", "company": "company_id", "organisation": "company_id",
    "organisation_id": "company_id",
}  # fmt: skip
MAX_CONTACTS = 100
BY_ITSELF = {
    "stage",
    "stage_id",
    "status",
    "pipeline",
    "pipeline_id",
    "contact",
    "contact_id",
    "contacts",
    "contact_ids",
}


def get(session: Session, deal_id: str, *, trashed: bool = False) -> Deal:
    """The deal of that id or number; `trashed`: also one in the trash. NotFoundError where there is none."""
    deal = by_reference(session, Deal, deal_id)
    if deal is None or (deal.deleted_at and not trashed):
        raise NotFoundError(say("There is no such deal."))
    return deal


def create(session: Session, data: Mapping[str, object], *, cause: Cause, source_key: str | None = None) -> Deal:
    """A new deal; `data` has title, and any of value (montant), stage, pipeline, contacts, what READERS reads and fields.

    Without a stage it begins in the first one of its pipeline. Records deal.created; one that is born won or lost says
    that too.
    """
    if (made := made_before(session, Deal, source_key)) is not None:
        return made
    data = named(data)
    values = reading.read(session, {"title": "", **data}, READERS)
    held = fields.read(session, NOUN, data.get("fields", {}), {}, new=True)
    deal = Deal(**values, fields=held, source_key=source_key)
    _enter(deal, _stage(session, data, None) or _first_stage(session, data))
    _refuse_silent_loss(deal)
    _write(session, deal, {})
    _set_contacts(session, deal, data)
    _record(session, "deal.created", deal, {}, cause)
    _tell_close(session, deal, {}, cause)
    return deal


def update(session: Session, deal: Deal, data: Mapping[str, object], *, cause: Cause) -> Deal:
    """Changes what `data` names: the stage (or status) too. InvalidError at `lost_reason` where it would be lost without one.

    Records deal.updated, and beside it deal.stage_changed, deal.value_changed, deal.won and deal.lost. Nothing changed: no
    event.
    """
    lock(session, deal)
    data = named(data)
    before, held = view(deal), deal.fields
    values = reading.read(session, data, READERS)
    if "fields" in data:
        values["fields"] = fields.read(session, NOUN, data["fields"], held)
    for name, value in values.items():
        setattr(deal, name, value)
    stage = _stage(session, data, deal)
    if stage is not None and stage.id != deal.stage_id:
        _enter(deal, stage)
    _refuse_silent_loss(deal)
    _set_contacts(session, deal, data)
    session.flush()
    session.refresh(deal, ["stage", "contacts"])
    if changes := changed(before, view(deal)):
        _write(session, deal, held)
        _record(session, "deal.updated", deal, changes, cause)
        _tell_meaning(session, deal, changes, cause)
    return deal


def update_together(
    session: Session, rows: Sequence[Deal], data: Mapping[str, object], *, cause: Cause
) -> ChangedRows[Deal]:
    """The same change of rows that the caller has locked. Each that is otherwise then records what `update` records.

    A move to another stage, or other contacts, is made deal by deal: it asks for a reason, and touches more than the deal.
    """
    data = named(data)
    if BY_ITSELF & set(data):
        return _update_each(session, rows, data, cause)
    put = put_values(session, NOUN, reading.read(session, data, READERS), data.get("fields"))

    def change(deal: Deal) -> None:
        put(deal)
        _refuse_silent_loss(deal)

    done = change_together(session, rows, change, view, search_of)
    session.flush()
    for deal, changes in done.changed:
        if "company_id" in changes:
            session.expire(deal, ["company"])
        touch(deal.company)
    told = [(deal.id, {**payload(deal), "changes": changes}) for deal, changes in done.changed]
    events.record_many(session, "deal.updated", told, cause=cause, entity_type=NOUN)
    for deal, changes in done.changed:
        _tell_meaning(session, deal, changes, cause)
    return done


def _update_each(
    session: Session, rows: Sequence[Deal], data: Mapping[str, object], cause: Cause
) -> ChangedRows[Deal]:  # fmt: skip
    done: ChangedRows[Deal] = ChangedRows()
    for deal in rows:
        before = view(deal)
        try:
            with session.begin_nested():
                update(session, deal, data, cause=cause)
        except InvalidError as error:
            done.refused.append((deal, error.problems[0].message))
            continue
        if changes := changed(before, view(deal)):
            done.changed.append((deal, changes))
    return done


def move(session: Session, deal: Deal, stage: str, *, cause: Cause, lost_reason: str = "") -> Deal:
    """Into another stage, by its id, slug or name. InvalidError at `lost_reason` where it is lost without one."""
    reason = {"lost_reason": lost_reason} if lost_reason else {}
    return update(session, deal, {"stage": stage, **reason}, cause=cause)


def delete(session: Session, deal: Deal, *, cause: Cause) -> None:
    """Puts it into the trash. Records deal.deleted."""
    if not deal.deleted_at:
        deal.deleted_at = utcnow()
        _record(session, "deal.deleted", deal, {}, cause)


def restore(session: Session, deal: Deal, *, cause: Cause) -> Deal:
    """Takes it out of the trash. Records deal.restored."""
    if deal.deleted_at:
        deal.deleted_at = None
        _record(session, "deal.restored", deal, {}, cause)
    return deal


def named(data: Mapping[str, object]) -> dict[str, object]:
    """`data` under the names of this service: `montant` is the value."""
    return {ALIASES.get(name, name): value for name, value in data.items()}


def view(deal: Deal) -> dict[str, object]:
    """The deal as expressions see it: its own fields beside the fixed ones; `montant` is its value, `stage` and `pipeline` are names."""
    return {**fields.shown(deal, NOUN), **_fixed(deal), "pipeline": deal.stage.pipeline.name}


def in_scope(deal: Deal) -> dict[str, object]:
    """The same for expressions, which may also say `deal.fields.budget`."""
    return {**view(deal), "fields": fields.shown(deal, NOUN)}


def deal_json(deal: Deal) -> dict[str, object]:
    """The deal as answers, messages and files print it."""
    times = ("closed_at", "created_at", "updated_at", "last_activity_at", "deleted_at")
    return {
        **_fixed(deal),
        "probability": deal.stage.probability,
        "fields": fields.shown(deal, NOUN),
        **{name: iso(getattr(deal, name)) for name in times},
    }


def search_of(deal: Deal) -> str:
    """The words that it is found by."""
    return text_of(deal.title)


def payload(deal: Deal) -> dict[str, object]:
    """What every event of a deal says of it, of its first contact, and of its company."""
    first = deal.contacts[0] if deal.contacts else None
    return {
        NOUN: view(deal),
        "deal_id": deal.id,
        "deal_title": deal.title,
        **contacts.flat(first),
        "company_id": deal.company_id,
        "owner_id": deal.owner_id,
        "contact": contacts.view(first) if first else None,
        "company": company_view(deal.company) if deal.company else None,
    }


def _fixed(deal: Deal) -> dict[str, object]:
    value = reading.shown(deal.value)
    return {
        **{name: getattr(deal, name) for name in FIXED},
        "value": value,
        "montant": value,
        "stage": deal.stage.name,
        "stage_entered_at": iso(deal.stage_entered_at),
        "expected_close": reading.shown(deal.expected_close),
        "contact_id": deal.contacts[0].id if deal.contacts else None,
        "contact_ids": [contact.id for contact in deal.contacts],
    }


def _pipeline(session: Session, data: Mapping[str, object]) -> Pipeline | None:
    named_so = data.get("pipeline") or data.get("pipeline_id")
    if not named_so:
        return None
    try:
        return pipelines.get(session, str(named_so))
    except NotFoundError as error:
        raise UnknownReferenceError.at("pipeline", error.message) from None


def _first_stage(session: Session, data: Mapping[str, object]) -> Stage:
    return (_pipeline(session, data) or pipelines.default(session)).stages[0]


def _stage(session: Session, data: Mapping[str, object], deal: Deal | None) -> Stage | None:
    """The stage that `data` asks for by `stage`, `stage_id`, `status` or `pipeline`; None where by none."""
    pipeline = _pipeline(session, data)
    own = session.get(Pipeline, deal.pipeline_id) if deal else None
    for name in ("stage", "stage_id"):
        if data.get(name):
            return _named_stage(session, data[name], name, pipeline, own)
    if data.get("status"):
        kind = str(data["status"]).strip().lower()
        if deal and deal.status == kind:
            return deal.stage
        stages = (pipeline or own or pipelines.default(session)).stages
        of_kind = next((stage for stage in stages if stage.kind == kind), None)
        if of_kind is None:
            raise InvalidError.at("status", say("No stage of the pipeline is of the kind “%(kind)s”.", kind=kind))
        return of_kind
    return pipeline.stages[0] if pipeline and (deal is None or pipeline.id != deal.pipeline_id) else None


def _named_stage(session: Session, value: object, path: str, pipeline: Pipeline | None, own: Pipeline | None) -> Stage:
    """Of the pipeline that is named; else of the deal's own, if it has one of this name."""
    if pipeline is None and own is not None and pipelines.find_stage(own.stages, str(value)) is not None:
        pipeline = own
    return pipelines.stage_of(session, value, path, pipeline=pipeline)


def _enter(deal: Deal, stage: Stage) -> None:
    now = utcnow()
    set_committed_value(deal, "stage", stage)
    deal.stage_id, deal.pipeline_id, deal.stage_entered_at = stage.id, stage.pipeline_id, now
    if stage.kind != deal.status or stage.kind == "open":
        deal.closed_at = None if stage.kind == "open" else now
    deal.status = stage.kind


def _refuse_silent_loss(deal: Deal) -> None:
    """A lost deal says why; one that is not lost says nothing."""
    if deal.status != "lost":
        deal.lost_reason = ""
    elif not deal.lost_reason:
        raise InvalidError.at("lost_reason", say("Say why the deal is lost."), "required")


def _set_contacts(session: Session, deal: Deal, data: Mapping[str, object]) -> None:
    """`contacts` (or contact_ids) are all of them, the first one first; `contact` (or contact_id) comes to the front."""
    given = next((as_list(data[name] or []) for name in ("contacts", "contact_ids") if name in data), None)
    first = data.get("contact") or data.get("contact_id")
    if given is None and not first:
        session.refresh(deal, ["contacts"])
        return
    path = "contacts" if given is not None else "contact"
    _refuse_many(given or [], path)
    known = [contact.id for contact in deal.contacts] if given is None and deal.contacts else []
    asked = [contacts.read_contact(session, one, path) for one in ([first] if given is None else given)]
    ids = list(dict.fromkeys(contact_id for contact_id in [*asked, *known] if contact_id))
    _refuse_many(ids, path)
    session.execute(delete_rows(DealContact).where(DealContact.deal_id == deal.id))
    session.add_all(DealContact(deal_id=deal.id, contact_id=one, position=at) for at, one in enumerate(ids))
    session.flush()
    session.refresh(deal, ["contacts"])


def _refuse_many(people: Sequence[object], path: str) -> None:
    """Before they are looked up, each by a query of its own, too."""
    if len(people) > MAX_CONTACTS:
        raise InvalidError.at(path, say("A deal has at most %(max)s contacts.", max=MAX_CONTACTS))


def _write(session: Session, deal: Deal, held: Mapping[str, object]) -> None:
    touch(deal)
    deal.search = search_of(deal)
    save(session, deal)
    session.refresh(deal, ["stage", "company"])
    touch(deal.company)
    fields.claim(session, NOUN, deal, held)


def _tell_meaning(session: Session, deal: Deal, changes: Changes, cause: Cause) -> None:
    if "stage_id" in changes:
        stages = {name: changes.get(name, {}) for name in ("stage", "stage_id")}
        more = {
            "old_stage": stages["stage"].get("old", deal.stage.name),
            "new_stage": deal.stage.name,
            "old_stage_id": stages["stage_id"]["old"],
            "new_stage_id": deal.stage_id,
        }
        _record(session, "deal.stage_changed", deal, changes, cause, more)
    if "value" in changes or "currency" in changes:
        _record(session, "deal.value_changed", deal, changes, cause)
    if "status" in changes:
        _tell_close(session, deal, changes, cause)


def _tell_close(session: Session, deal: Deal, changes: Changes, cause: Cause) -> None:
    if deal.status != "open":
        _record(session, f"deal.{deal.status}", deal, changes, cause)


def _record(
    session: Session, kind: str, deal: Deal, changes: Mapping[str, object], cause: Cause,
    more: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    told = {**payload(deal), "changes": changes, **(more or {})}
    events.record(session, kind, entity=(NOUN, deal.id), payload=told, cause=cause)


READERS: Mapping[str, reading.Reader] = {
    "title": reading.text_of(300, required=True),
    "description": reading.text_of(20_000, lines=True),
    "value": reading.amount,
    "currency": reading.currency,
    "lost_reason": reading.text_of(500),
    "expected_close": reading.column("date"),
    "owner_id": owners.read,
    "company_id": read_company,
}
