"""The page of a hosted form, for anybody who has its link. The same address takes answers as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, make_response, request, url_for
from flask_babel import gettext as _

from flowapp import exact_json, tasks
from flowapp.data import forms
from flowapp.errors import InvalidError, MalformedError
from flowapp.extensions import db, limiter
from flowapp.models import Execution, Form, Organization, Submission
from flowapp.models.tenancy import system_session
from flowapp.web import page, public, to_url
from flowapp.web.access import enter_organization
from flowapp.web.forms.page import FieldsForm
from flowapp.web.forms.user_fields import answers_form
from flowapp.web.locale import speak
from flowapp.web.problems import problem
from flowapp.web.texts import localized_problems, translated

bp = Blueprint("hosted_form", __name__, url_prefix="/f")
HONEYPOT = "website_address"
SENT = "sent"  # in the address of the thanks page


@bp.get("/<key>")
@public("A hosted form is for whoever has its link")
def show(key: str) -> Response:
    """The form, or the thanks that an answer led to; closed ones say so."""
    form = _enter(key)
    if SENT in request.args:
        return _page(form, done=True)
    return _page(form) if form.is_open else _page(form, status=410)


@bp.post("/<key>")
@public("A hosted form is for whoever has its link; what is posted acts for nobody who is signed in")
@limiter.limit("30/minute")
def submit(key: str) -> Response:
    """Takes an answer: 202 for JSON; people are led to the thanks page, or see the form with what is wrong."""
    form = _enter(key)
    raw = _json() if request.is_json else request.form
    if raw.get(HONEYPOT) and HONEYPOT not in {field["key"] for field in form.fields}:
        # Only a robot fills what nobody sees. It is thanked, and nothing is kept.
        return _accepted(None, []) if request.is_json else _thanks(form)
    if not form.is_open:
        closed = _("This form no longer accepts answers.")
        return problem(410, _("Closed"), closed) if request.is_json else _page(form, status=410)
    answers = answers_form(form.fields, request.form)
    try:
        submission, executions = forms.submit(db.session(), form, raw if request.is_json else answers.typed)
    except InvalidError as error:
        db.session.rollback()
        if request.is_json:
            wrong = [wrong_field.as_json() for wrong_field in localized_problems(error.problems)]
            return problem(422, _("Invalid input"), translated(error.message), errors=wrong)
        return _page(form, answers.refused(error), status=422)
    tasks.commit_and_start(db.session(), *executions)
    return _accepted(submission, executions) if request.is_json else _thanks(form)


def _enter(key: str) -> Form:
    """The form, in its organization's session."""
    with system_session(db.engine) as system:
        organization_id = forms.by_key(system, key).organization_id
    enter_organization(organization_id)
    form = forms.by_key(db.session(), key)
    speak(form.locale.partition("-")[0])
    return form


def _json() -> Mapping[str, object]:
    """The answers of a JSON body: its `form_data`, or the body itself. MalformedError where it is no object."""
    try:
        body = exact_json.loads(request.get_data())
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("form_data"), dict):
        return {**body["form_data"], HONEYPOT: body.get(HONEYPOT)}
    if not isinstance(body, dict):
        raise MalformedError(_('The body must be a JSON object: {"form_data": {…}}.'))
    return body


def _accepted(submission: Submission | None, executions: list[Execution]) -> Response:
    body = {"execution_ids": [e.id for e in executions], "submission_id": submission.id if submission else None}
    return make_response(jsonify(body), 202)


def _thanks(form: Form) -> Response:
    """On to a page of its own: whoever reloads it sends nothing again."""
    return to_url(f"{url_for('hosted_form.show', key=form.key)}?{SENT}=")


def _page(form: Form, answers: FieldsForm | None = None, *, status: int = 200, done: bool = False) -> Response:
    return page(
        "data/forms/hosted.html",
        block="form",
        status=status,
        form=form,
        answers=answers or answers_form(form.fields),
        done=done,
        honeypot=HONEYPOT,
        host=db.session.get(Organization, form.organization_id),
    )
