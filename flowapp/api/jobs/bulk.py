"""One change of many records: POST /contacts/bulk/, /companies/bulk/, /deals/bulk/, /tasks/bulk/ answer with a job."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from flowapp.api.bodies import read_model
from flowapp.api.jobs.bulk_schemas import AnyBulkIn, BulkIn, ContactsBulkIn, FilterIn, TasksBulkIn
from flowapp.api.jobs.job_schemas import JobOut
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import finding
from flowapp.crm.bulk import NOUNS, Asked, begin
from flowapp.crm.jobs import upsert_contacts
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Job
from flowapp.records.jobs import service
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.crm import jobs

bp = Blueprint("bulk_api", __name__)
_OWN = {"tag", "list", "owner", "data", "workflow"}


@route(
    bp, "/contacts/bulk/", "POST", tag=N_("Contacts"), summary=N_("Change many contacts"),
    body=ContactsBulkIn, answer=JobOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def change_contacts() -> tuple[Response, int]:
    """In the background: the answer is a job. The set is frozen: what matches later is not in it."""
    body = read_model(ContactsBulkIn)
    if body.records is None:
        return _changed("contact", body)
    if body.action is not None or body.ids is not None or body.filter is not None:
        raise InvalidError.at("records", say("Give records, or an action with ids or a filter."))
    session = db.session()
    return _answer(
        upsert_contacts.begin(
            session, body.records, created_by=g.actor.user.id, start_workflows=body.start_workflows
        )
    )  # fmt: skip


@route(
    bp, "/companies/bulk/", "POST", tag=N_("Companies"), summary=N_("Change many companies"),
    body=BulkIn, answer=JobOut, status=202, aliases=("/organisations/bulk/",),
)  # fmt: skip
@access(Role.OPERATOR)
def change_companies() -> tuple[Response, int]:
    """In the background: the answer is a job."""
    return _changed("company", read_model(BulkIn))


@route(
    bp, "/deals/bulk/", "POST", tag=N_("Deals"), summary=N_("Change many deals"),
    body=BulkIn, answer=JobOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def change_deals() -> tuple[Response, int]:
    """In the background: the answer is a job."""
    return _changed("deal", read_model(BulkIn))


@route(
    bp, "/tasks/bulk/", "POST", tag=N_("Tasks"), summary=N_("Change many tasks"),
    body=TasksBulkIn, answer=JobOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def change_tasks() -> tuple[Response, int]:
    """In the background: the answer is a job."""
    return _changed("task", read_model(TasksBulkIn))


def _changed(noun: str, body: AnyBulkIn) -> tuple[Response, int]:
    if (body.ids is None) == (body.filter is None):
        raise InvalidError.at("ids", say("Give ids, or a filter: one of the two."))
    asked = Asked(
        noun,
        str(body.action or ""),
        body.ids or (),
        _search(noun, body.filter) if body.filter is not None else None,
        body.model_dump(include=_OWN & body.model_fields_set),
        body.start_workflows,
    )
    return _answer(begin(db.session(), asked, created_by=g.actor.user.id))


def _search(noun: str, given: FilterIn) -> finding.Search:
    asked = given.model_dump(exclude_defaults=True)
    asked["q"] = asked.pop("search", "")
    return finding.read(db.session(), NOUNS[noun].model, asked, g.actor.user.id)


def _answer(job: Job) -> tuple[Response, int]:
    return jobs.begin(job, lambda: jsonify(service.job_json(job))), 202
