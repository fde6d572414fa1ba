"""Duplicates of contacts and companies: list, say that they are none, merge."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, g, jsonify

from flowapp import events
from flowapp.api.bodies import read_model, read_query
from flowapp.api.crm import company_schemas, schemas
from flowapp.api.crm.people.merge_schemas import MergeIn, MergePreviewOut, OtherIn, OtherQuery, PairsOut
from flowapp.api.crm.records import cause
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import companies, contacts
from flowapp.crm.merging import choices, followers, merge
from flowapp.crm.people import duplicates
from flowapp.crm.people.duplicates import Likeness, Party
from flowapp.errors import NotFoundError, UnknownReferenceError
from flowapp.extensions import db
from flowapp.models import Company, Contact
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("merging_api", __name__)
CONTACTS, COMPANIES = N_("Contacts"), N_("Companies")


@route(
    bp, "/contacts/duplicates/", "GET", tag=CONTACTS, summary=N_("List likely duplicates of contacts"), answer=PairsOut
)
@access(Role.VIEWER)
def contact_duplicates() -> Response:
    """Of one phone number or mailbox, or of similar names in one company; the likeliest first."""
    return _pairs(duplicates.every(db.session(), Contact))


@route(
    bp, "/companies/duplicates/", "GET", tag=COMPANIES, summary=N_("List likely duplicates of companies"), answer=PairsOut,
    aliases=("/organisations/duplicates/",),
)  # fmt: skip
@access(Role.VIEWER)
def company_duplicates() -> Response:
    """Of one domain, or of similar names; the likeliest first."""
    return _pairs(duplicates.every(db.session(), Company))


@route(
    bp, "/contacts/<contact_id>/not-duplicate/", "POST", tag=CONTACTS,
    summary=N_("Say that two contacts are not the same"), body=OtherIn, status=204,
)  # fmt: skip
@access(Role.OPERATOR)
def contact_is_distinct(contact_id: str) -> tuple[str, int]:
    """The pair is not listed any more."""
    row = contacts.get(db.session(), contact_id)
    return _apart(row, _contact(read_model(OtherIn).other))


@route(
    bp, "/companies/<company_id>/not-duplicate/", "POST", tag=COMPANIES,
    summary=N_("Say that two companies are not the same"), body=OtherIn, status=204,
    aliases=("/organisations/<company_id>/not-duplicate/",),
)  # fmt: skip
@access(Role.OPERATOR)
def company_is_distinct(company_id: str) -> tuple[str, int]:
    """The pair is not listed any more."""
    row = companies.get(db.session(), company_id)
    return _apart(row, _company(read_model(OtherIn).other))


@route(
    bp, "/contacts/<contact_id>/merge/", "GET", tag=CONTACTS, summary=N_("Preview a merge of contacts"), query=OtherQuery,
    answer=MergePreviewOut,
)  # fmt: skip
@access(Role.VIEWER)
def preview_contact_merge(contact_id: str) -> Response:
    """Both values of each field, and what would go over."""
    kept, gone = contacts.get(db.session(), contact_id), _contact(read_query(OtherQuery).other)
    return _preview("contact", (kept, gone))


@route(
    bp, "/companies/<company_id>/merge/", "GET", tag=COMPANIES, summary=N_("Preview a merge of companies"), query=OtherQuery,
    answer=MergePreviewOut, aliases=("/organisations/<company_id>/merge/",),
)  # fmt: skip
@access(Role.VIEWER)
def preview_company_merge(company_id: str) -> Response:
    """Both values of each field, and what would go over."""
    kept, gone = companies.get(db.session(), company_id), _company(read_query(OtherQuery).other)
    return _preview("company", (kept, gone))


@route(
    bp, "/contacts/<contact_id>/merge/", "POST", tag=CONTACTS, summary=N_("Merge a contact into this one"), body=MergeIn,
    answer=schemas.ContactOut,
)  # fmt: skip
@access(Role.OPERATOR)
def merge_contact(contact_id: str) -> Response:
    """Tags, lists, deals, tasks, notes, timeline and waiting executions go over; the other one's id leads here from now on. No workflow starts."""
    kept = contacts.get(db.session(), contact_id)
    asked = read_model(MergeIn)
    gone = _contact(asked.other)
    target = ("contact", gone.id, contacts.name_of(gone))
    merge.contact(db.session(), kept, gone, asked.take, cause=cause())
    _audit("contact.merged", target, kept.id)
    answer = jsonify(contacts.contact_json(kept))
    db.session().commit()
    return answer


@route(
    bp, "/companies/<company_id>/merge/", "POST", tag=COMPANIES, summary=N_("Merge a company into this one"), body=MergeIn,
    answer=company_schemas.CompanyOut, aliases=("/organisations/<company_id>/merge/",),
)  # fmt: skip
@access(Role.OPERATOR)
def merge_company(company_id: str) -> Response:
    """Tags, contacts, deals, tasks, notes and timeline go over; the other one's id leads here from now on. No workflow starts."""
    kept = companies.get(db.session(), company_id)
    asked = read_model(MergeIn)
    gone = _company(asked.other)
    target = ("company", gone.id, gone.name)
    merge.company(db.session(), kept, gone, asked.take, cause=cause())
    _audit("company.merged", target, kept.id)
    answer = jsonify(companies.company_json(kept))
    db.session().commit()
    return answer


def _pairs(found: list[Likeness]) -> Response:
    rows = [duplicates.pair_json(one) for one in found]
    return jsonify({"count": len(rows), "results": rows})


def _apart(one: Party, other: Party) -> tuple[str, int]:
    duplicates.keep_apart(db.session(), one, other)
    db.session().commit()
    return "", 204


def _preview(noun: Literal["contact", "company"], pair: choices.Pair) -> Response:
    fields = [choices.choice_json(choice) for choice in choices.of(noun, pair)]
    return jsonify({"fields": fields, "moves": followers.counted(db.session(), noun, pair[1].id)})


def _contact(reference: str) -> Contact:
    try:
        return contacts.find(db.session(), reference)
    except NotFoundError as error:
        raise UnknownReferenceError.at("other", error.message) from None


def _company(reference: str) -> Company:
    try:
        return companies.find(db.session(), reference)
    except NotFoundError as error:
        raise UnknownReferenceError.at("other", error.message) from None


def _audit(action: str, target: tuple[str, str, str], into: str) -> None:
    events.audit(db.session(), action, actor=g.actor.audit, target=target, details={"into": into})
