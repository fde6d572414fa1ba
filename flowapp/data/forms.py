"""Hosted forms: what a person defines, what a visitor answers, and the workflows that an answer starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog import N_
from flowapp.data import stored
from flowapp.data.columns import Column, plain
from flowapp.data.rule_checks import is_email, is_phone
from flowapp.engine.store.event_matching.listeners import is_switched_on
from flowapp.engine.store.start import start
from flowapp.errors import ConflictError, InvalidError, NotFoundError, Problem
from flowapp.events import Cause
from flowapp.models import Execution, Form, Submission, Trigger, Version, Workflow, by_reference, conventions_of
from flowapp.models.definitions import FieldJson
from flowapp.texts import say
from flowapp.values.conventions import Conventions, checked_locale
from flowapp.values.dates import read_day
from flowapp.values.truth import read_truth
from flowapp.workflows import projects

TYPES = {
    "text": N_("Text"),
    "email": N_("E-mail"),
    "number": N_("Number"),
    "textarea": N_("Long text"),
    "select": N_("Choice"),
    "checkbox": N_("Checkbox"),
    "date": N_("Date"),
    "phone": N_("Phone"),
}
NUMBER = Column("number", "number", "number")
MAX_FIELDS = 60
MAX_KEY = 40
_LIMITS = {"textarea": 20_000}


def get(session: Session, form_id: str) -> Form:
    """By its id or number. NotFoundError for an unknown one, or another organization's."""
    form = by_reference(session, Form, form_id)
    if form is None:
        raise NotFoundError(say("This form does not exist, or was deleted."))
    return form


def by_key(session: Session, key: str) -> Form:
    """The form at /f/<key>, in a system session. NotFoundError where there is none."""
    form = session.scalars(select(Form).where(Form.key == key)).one_or_none()
    if form is None:
        raise NotFoundError(say("There is no form at this address."))
    return form


def create(session: Session, body: Mapping[str, object], *, project_id: str | None = None) -> Form:
    """A form from {"name", "title", "intro", "submit_label", "thanks", "locale", "fields": [...]}. InvalidError by path."""
    return stored.add(session, Form, read(body), project_id, key=secrets.token_urlsafe(12))


def update(session: Session, form: Form, body: Mapping[str, object]) -> Form:
    """Changes all but slug and address, by which workflows and links know the form."""
    return stored.change(session, form, read(body))


def delete(session: Session, form: Form) -> None:
    """Deletes a form with its submissions."""
    session.delete(form)
    session.flush()


def read(body: Mapping[str, Any]) -> dict[str, object]:
    """The checked definition of a form. InvalidError with paths such as `fields.0.label`."""
    texts = {"name": 200, "title": 200, "intro": 5000, "submit_label": 80, "thanks": 5000}
    values = {name: str(body.get(name) or "").strip() for name in texts}
    problems = [
        Problem(name, say("Enter at most %(limit)s characters.", limit=limit))
        for name, limit in texts.items()
        if len(values[name]) > limit or "\x00" in values[name]
    ]
    if not values["name"]:
        problems.append(Problem("name", say("Give the form a name.")))
    rows = list(body.get("fields") or [])
    fields: list[FieldJson] = []
    if not 0 < len(rows) <= MAX_FIELDS:
        problems.append(Problem("fields", say("A form needs 1 to %(limit)s fields.", limit=MAX_FIELDS)))
    for at, row in enumerate(rows[:MAX_FIELDS]):
        field, faults = _read_field(row, {known["key"] for known in fields})
        fields.append(field)
        problems += [Problem(f"fields.{at}.{name}", text) for name, text in faults]
    locale = ""
    try:
        locale = checked_locale(body.get("locale"))
    except InvalidError as error:
        problems += error.problems
    if problems:
        raise InvalidError(problems)
    return {**values, "fields": fields, "locale": locale}


def _read_field(row: Mapping[str, Any], used: set[str]) -> tuple[FieldJson, list[tuple[str, str]]]:
    label, type_ = str(row.get("label") or "").strip(), str(row.get("type") or "text")
    given = row.get("options") or []
    faults: list[tuple[str, str]] = []
    lines = given.splitlines() if isinstance(given, str) else given
    options = list(dict.fromkeys(text for line in lines if (text := str(line).strip())))
    if not label or len(label) > 200 or "\x00" in label:
        faults.append(("label", say("Give the field a label of at most 200 characters.")))
    if type_ not in TYPES:
        faults.append(("type", say("Choose one of: %(options)s.", options=", ".join(TYPES))))
    if type_ == "select" and not options:
        faults.append(("options", say("Enter the choices, one per line.")))
    asked = str(row.get("key") or "").strip()
    key = projects.slugify(asked or label, MAX_KEY, "field")
    if not asked:
        key = projects.free(key, used, MAX_KEY)
    elif key in used:
        faults.append(("key", say("There is already a field “%(key)s”.", key=key)))
    field: FieldJson = {
        "key": key, "label": label, "type": type_, "required": bool(row.get("required")),
        "options": options if type_ == "select" else [], "help": str(row.get("help") or "").strip()[:500],
    }  # fmt: skip
    return field, faults


def answers(form: Form, raw: Mapping[str, object], conventions: Conventions) -> dict[str, object]:
    """The answers by field key: texts, numbers as JSON numbers, checkboxes as true or false; None where left empty.

    InvalidError by the key of the field. What is no field of the form is left out.
    """
    values: dict[str, object] = {}
    problems: list[Problem] = []
    if form.locale:
        conventions = replace(conventions, locale=form.locale)
    for field in form.fields:
        try:
            values[field["key"]] = _answer(field, raw.get(field["key"]), conventions)
        except InvalidError as error:
            problems.append(Problem(field["key"], error.message))
    if problems:
        raise InvalidError(problems)
    return values


def _answer(field: FieldJson, raw: object, conventions: Conventions) -> object:
    if isinstance(raw, list | dict):
        raise InvalidError.at("", say("Enter a single value."))
    text = "" if raw is None else str(raw).strip()
    if field["type"] == "checkbox":
        ticked = bool(text) and read_truth(text)
        if field["required"] and not ticked:
            raise InvalidError.at("", say("Check this box to continue."))
        return ticked
    if not text:
        if field["required"]:
            raise InvalidError.at("", say("This field is required."))
        return None
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidError.at("", say("This contains a character that is not text."))
    limit = _LIMITS.get(field["type"], 1000)
    if len(text) > limit:
        raise InvalidError.at("", say("Enter at most %(limit)s characters.", limit=limit))
    if field["type"] == "number":
        return plain(NUMBER.coerce(raw if isinstance(raw, int | float) else text, conventions))
    if field["type"] == "date":
        return read_day(raw if isinstance(raw, int | float) else text, conventions).isoformat()
    return _typed(field, text)


def _typed(field: FieldJson, text: str) -> str:
    if field["type"] == "email" and not is_email(text):
        raise InvalidError.at("", say("Enter an e-mail address, for example ann@example.com."))
    if field["type"] == "phone" and not is_phone(text):
        raise InvalidError.at("", say("Enter a phone number, for example +33 6 12 34 56 78."))
    if field["type"] == "select" and text not in field["options"]:
        raise InvalidError.at("", say("Choose one of the answers."))
    return text


def submit(session: Session, form: Form, raw: Mapping[str, object]) -> tuple[Submission, list[Execution]]:
    """Stores an answer and starts every active workflow that waits for this form. The caller commits, then wakes it.

    InvalidError by field; ConflictError where the form is closed.
    """
    if not form.is_open:
        raise ConflictError(say("This form no longer accepts answers."))
    data = answers(form, raw, conventions_of(session))
    submission = Submission(form_id=form.id, data=data)
    session.add(submission)
    session.flush()
    given = {"form_data": data, "form_id": form.slug, "submission_id": submission.id}
    events.record(
        session, "form.submitted", entity=("submission", submission.id), cause=Cause(origin=f"form:{form.slug}"),
        payload={**given, "form_name": form.name, "project_id": form.project_id},
    )  # fmt: skip
    executions = [
        start(
            session, workflow, version, trigger_type="form_submit", trigger=trigger, input_data=given,
            entity=("submission", submission.id),
        )[0]
        for trigger, workflow, version in _listening(session, form)
    ]  # fmt: skip
    submission.execution_ids = [execution.id for execution in executions]
    session.flush()
    return submission, executions


def _listening(session: Session, form: Form) -> Sequence[tuple[Trigger, Workflow, Version]]:
    """The triggers in the form's project that wait for it, with the version to run; of paused workflows too: they keep it."""
    rows = session.execute(
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(
            Trigger.trigger_type == "form_submit",
            or_(Trigger.is_active.is_(True), Workflow.status == "paused"),
            Trigger.source.in_((form.slug, form.id, form.name, str(form.number))),
            Workflow.status.in_(("active", "paused")),
            Workflow.project_id == form.project_id,
        )
        .order_by(Trigger.id)
    )
    return [
        (trigger, workflow, version)
        for trigger, workflow, version in rows
        if workflow.status == "active" or is_switched_on(trigger, version)
    ]
