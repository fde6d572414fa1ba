"""Companies: list, read, make, change, delete, restore."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import company_schemas as schemas
from flowapp.api.crm.records import RecordTagsOut, TagsIn, TimelineOut, cause, page_of, told_timeline, warned
from flowapp.api.routes import route
from flowapp.api.schemas import PageQuery
from flowapp.catalog import N_
from flowapp.crm import companies, tags
from flowapp.extensions import db
from flowapp.models import Company
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("companies_api", __name__)
TAG = N_("Companies")
ONE = "/companies/<company_id>/"


@route(
    bp, "/companies/", "GET", tag=TAG, summary=N_("List companies"),
    query=schemas.CompanyQuery, answer=schemas.CompaniesOut, aliases=("/organisations/",),
)  # fmt: skip
@access(Role.VIEWER)
def list_companies() -> Response:
    """The newest first, or as `sort` says."""
    query = read_query(schemas.CompanyQuery)
    page = page_of(Company, query)
    return jsonify(list_of(page, [companies.company_json(row) for row in page.rows]))


@route(
    bp,
    ONE,
    "GET",
    tag=TAG,
    summary=N_("Get a company"),
    answer=schemas.CompanyOut,
    aliases=("/organisations/<company_id>/",),
)
@access(Role.VIEWER)
def get_company(company_id: str) -> Response:
    """By its id or number."""
    return jsonify(companies.company_json(companies.get(db.session(), company_id)))


@route(
    bp, "/companies/", "POST", tag=TAG, summary=N_("Create a company"),
    body=schemas.CompanyIn, answer=schemas.CompanyCreatedOut, status=201, aliases=("/organisations/",),
)  # fmt: skip
@access(Role.OPERATOR)
def create_company() -> tuple[Response, int]:
    """Tells workflows of it (company.created)."""
    data = read_model(schemas.CompanyIn).model_dump(mode="json", exclude_unset=True)
    row = companies.create(db.session(), data, cause=cause())
    db.session().flush()
    answer = jsonify(warned(row, companies.company_json(row)))
    db.session().commit()
    return answer, 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a company"),
    body=schemas.CompanyChangeIn, answer=schemas.CompanyOut, aliases=("/organisations/<company_id>/",),
)  # fmt: skip
@access(Role.OPERATOR)
def update_company(company_id: str) -> Response:
    """What is named is changed. Tells workflows of it."""
    row = companies.get(db.session(), company_id)
    data = read_model(schemas.CompanyChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(companies.update(db.session(), row, data, cause=cause()))


@route(
    bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a company"), status=204, aliases=("/organisations/<company_id>/",)
)
@access(Role.OPERATOR)
def delete_company(company_id: str) -> tuple[str, int]:
    """Into the trash, from where it can be restored."""
    companies.delete(db.session(), companies.get(db.session(), company_id), cause=cause())
    db.session().commit()
    return "", 204


@route(bp, f"{ONE}restore/", "POST", tag=TAG, summary=N_("Restore a company"), answer=schemas.CompanyOut)
@access(Role.OPERATOR)
def restore_company(company_id: str) -> Response:
    """Out of the trash."""
    row = companies.get(db.session(), company_id, trashed=True)
    return _answer(companies.restore(db.session(), row, cause=cause()))


@route(
    bp, f"{ONE}timeline/", "GET", tag=TAG, summary=N_("Timeline of a company"), query=PageQuery, answer=TimelineOut
)  # fmt: skip
@access(Role.VIEWER)
def company_timeline(company_id: str) -> Response:
    """Which person, import, form, or workflow and step changed which field, from what to what."""
    return told_timeline(companies.get(db.session(), company_id))


@route(bp, f"{ONE}tags/", "GET", tag=TAG, summary=N_("Tags of a company"), answer=RecordTagsOut)
@access(Role.VIEWER)
def company_tags(company_id: str) -> Response:
    """As they were first written."""
    return jsonify({"tags": tags.of(db.session(), companies.get(db.session(), company_id))})


@route(bp, f"{ONE}tags/", "PUT", tag=TAG, summary=N_("Set the tags of a company"), body=TagsIn, answer=RecordTagsOut)
@access(Role.OPERATOR)
def put_company_tags(company_id: str) -> Response:
    """Exactly these; those that are new are made. Tells workflows of each that comes or goes."""
    row = companies.get(db.session(), company_id)
    tags.put(db.session(), row, read_model(TagsIn).tags, cause=cause())
    answer = jsonify({"tags": tags.of(db.session(), row)})
    db.session().commit()
    return answer


def _answer(row: Company) -> Response:
    db.session().flush()
    answer = jsonify(companies.company_json(row))
    db.session().commit()
    return answer
