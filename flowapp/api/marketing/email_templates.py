"""E-mail templates: list, read, make, change, delete, see them filled in, send one to oneself."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, g, jsonify
from pydantic import Field
from sqlalchemy import or_, select
from sqlalchemy.orm import defer

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.routes import route
from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.catalog import N_, FilledTemplate
from flowapp.errors import ExpressionError, InvalidError, StepError, UnavailableError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.marketing import email_templates as templates
from flowapp.marketing.rendering import example
from flowapp.models import EmailTemplate
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.tasks.mail import send_example
from flowapp.web.access import access

bp = Blueprint("email_templates_api", __name__)
TAG = N_("E-mail templates")
ONE = "/email-templates/<template_id>/"
_HTML = "<p>Hello {{ contact.first_name }},</p><p>welcome to {{ company.name }}!</p>"


class TemplateQuery(PageQuery):
    """Which templates."""

    search: str = Field(default="", max_length=200, description="Part of the name or the subject.")


class TemplateChangeIn(In):
    """What changes. Values are inserted as `{{ contact.first_name }}`; those in `html` are escaped."""

    name: str = Field(default="", max_length=200)
    subject: str = Field(default="", max_length=998)
    html: str = Field(default="", max_length=500_000, examples=[_HTML])
    text: str = Field(default="", max_length=200_000, description="Empty: made from the HTML when it is sent.")


class TemplateIn(TemplateChangeIn):
    """An e-mail template: at least `html` or `text`."""

    name: str = Field(max_length=200, examples=["Welcome"])
    subject: str = Field(max_length=998, examples=["Welcome, {{ contact.first_name }}"])


class TemplateItemOut(Out):
    """A template in a list."""

    id: str
    number: int | None
    name: str
    slug: str
    subject: str
    organization: str
    project: str
    created_at: datetime
    updated_at: datetime


class EmailTemplateOut(TemplateItemOut):
    """An e-mail template."""

    html: str
    text: str


class EmailTemplatesOut(ListOut):
    results: list[TemplateItemOut]


class SampleIn(In):
    """Values by name, as a step's `data` gives them; what is not named gets a sample."""

    data: dict[str, object] = Field(default_factory=dict, examples=[{"order_id": "A-17"}])


class FilledOut(Out):
    """A template with values in it."""

    subject: str
    html: str
    text: str


class TestSentOut(Out):
    """To whom it went; `caught`: no mail server is connected, so it is on the page Mail."""

    to: str
    caught: bool


@route(
    bp, "/email-templates/", "GET", tag=TAG, summary=N_("List e-mail templates"), query=TemplateQuery, answer=EmailTemplatesOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_email_templates() -> Response:
    """All of the organization, without their content."""
    statement = select(EmailTemplate).options(defer(EmailTemplate.html), defer(EmailTemplate.text))
    query, key = read_query(TemplateQuery), EmailTemplate.id
    if query.search:
        shown = (EmailTemplate.name, EmailTemplate.subject)
        statement = statement.where(or_(*(part.icontains(query.search, autoescape=True) for part in shown)))
    page = paginate(db.session(), statement, query.at, key=key, id_column=key, descending=False)
    return jsonify(list_of(page, [templates.template_json(row, light=True) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get an e-mail template"), answer=EmailTemplateOut)
@access(Role.VIEWER)
def get_email_template(template_id: str) -> Response:
    """By its id, number, slug or name."""
    return jsonify(templates.template_json(templates.get(db.session(), template_id)))


@route(
    bp, "/email-templates/", "POST", tag=TAG, summary=N_("Create an e-mail template"),
    body=TemplateIn, answer=EmailTemplateOut, status=201,
)  # fmt: skip
@access(Role.EDITOR)
def create_email_template() -> tuple[Response, int]:
    """Its slug, by which steps call it, is made from the name."""
    data = read_model(TemplateIn).model_dump(exclude_unset=True)
    return _answer(templates.create(db.session(), data), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update an e-mail template"), body=TemplateChangeIn, answer=EmailTemplateOut,
)  # fmt: skip
@access(Role.EDITOR)
def update_email_template(template_id: str) -> Response:
    """What is named is changed; the slug stays."""
    row = templates.get(db.session(), template_id)
    data = read_model(TemplateChangeIn).model_dump(exclude_unset=True)
    return _answer(templates.update(db.session(), row, data), "changed")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete an e-mail template"), status=204)
@access(Role.EDITOR)
def delete_email_template(template_id: str) -> tuple[str, int]:
    """409 while a workflow uses it."""
    row = templates.get(db.session(), template_id)
    templates.delete(db.session(), row)
    audit(db.session(), "email_template.deleted", actor=g.actor.audit, target=("email_template", row.id, row.name))
    db.session().commit()
    return "", 204


@route(
    bp, f"{ONE}preview/", "POST", tag=TAG, summary=N_("See an e-mail template with sample values"), body=SampleIn, answer=FilledOut,
)  # fmt: skip
@access(Role.VIEWER)
def preview_email_template(template_id: str) -> Response:
    """Nothing is sent."""
    return jsonify(_filled(template_id)._asdict())


@route(
    bp, f"{ONE}test/", "POST", tag=TAG, summary=N_("Send an e-mail template to yourself"), body=SampleIn, answer=TestSentOut,
)  # fmt: skip
@access(Role.EDITOR)
def test_email_template(template_id: str) -> Response:
    """With sample values, to the address of whoever calls."""
    to = g.actor.user.email
    try:
        sent = send_example(g.organization.id, to, _filled(template_id))
    except StepError as error:
        raise UnavailableError(error.message) from None
    return jsonify({"to": to, "caught": sent.caught})


def _filled(template_id: str) -> FilledTemplate:
    row = templates.get(db.session(), template_id)
    try:
        return example(row, read_model(SampleIn).data)
    except ExpressionError as error:
        raise InvalidError.at("data", error.message) from None


def _answer(row: EmailTemplate, verb: str) -> Response:
    audit(db.session(), f"email_template.{verb}", actor=g.actor.audit, target=("email_template", row.id, row.name))
    answer = jsonify(templates.template_json(row))
    db.session().commit()
    return answer
