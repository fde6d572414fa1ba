"""Forms: definitions, answers, and the workflows that an answer starts."""

from __future__ import annotations

import pytest

from flowapp.data import forms
from flowapp.errors import ConflictError, InvalidError
from flowapp.models import Event, Submission, Trigger, Version, Workflow
from flowapp.values.conventions import UNSTATED

CONTACT = {
    "name": "Contact form 1",
    "title": "Write to us",
    "fields": [
        {"label": "Name", "required": True},
        {"label": "E-mail", "key": "email", "type": "email", "required": True},
        {"label": "How many", "type": "number"},
        {"label": "Message", "type": "textarea"},
        {"label": "Topic", "type": "select", "options": "Sales\nHelp"},
        {"label": "I agree", "type": "checkbox", "required": True},
        {"label": "When", "type": "date"},
        {"label": "Phone", "type": "phone"},
    ],
}
ANSWER = {"name": "Zoë", "email": "zoe@example.com", "i_agree": "y"}


@pytest.fixture
def form(session, project):
    made = forms.create(session, CONTACT)
    session.commit()
    return made


def listen(session, project, source, *, status="active", active=True, conditions=None, switched_on=False):
    workflow = Workflow(name="W", status=status, project_id=project.id, draft={})
    session.add(workflow)
    session.flush()
    version = Version(
        workflow_id=workflow.id,
        number=1,
        definition={"steps": [], "triggers": [{"key": "t", "is_active": switched_on}]},
        fingerprint="f",
    )
    session.add(version)
    session.flush()
    workflow.published_version_id = version.id
    session.add(
        Trigger(
            workflow_id=workflow.id, key="t", trigger_type="form_submit", source=source, is_active=active,
            conditions=conditions,
        )
    )  # fmt: skip
    session.commit()
    return workflow


def test_a_form_has_a_slug_and_keys(form):
    assert form.slug == "contact_form_1" and len(form.key) >= 16
    keys = [field["key"] for field in form.fields]
    assert keys == ["name", "email", "how_many", "message", "topic", "i_agree", "when", "phone"]


def test_a_field_s_key_keeps_every_letter_of_its_label(session, project):
    made = forms.create(session, {"name": "Größen", "fields": [{"label": "Größe", "type": "text"}]})
    assert (made.slug, made.fields[0]["key"]) == ("groessen", "groesse")


def test_answers_are_typed(form):
    given = {**ANSWER, "how_many": "2,5", "topic": "Help", "when": "2026-03-31", "phone": "+33 6 12 34 56 78", "x": "y"}
    assert forms.answers(form, given, UNSTATED) == {
        "name": "Zoë", "email": "zoe@example.com", "how_many": 2.5, "message": None, "topic": "Help", "i_agree": True,
        "when": "2026-03-31", "phone": "+33 6 12 34 56 78",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "), ("name", "x" * 1001), ("name", "a\x00"), ("name", "\udc00"), ("name", ["a"]), ("email", "zoe"),
        ("email", "a@b"), ("how_many", "many"), ("topic", "Else"), ("i_agree", ""), ("when", "tomorrow"), ("phone", "12"),
        ("message", "x" * 20_001),
    ],
)  # fmt: skip
def test_wrong_answers_are_named_by_field_and_nothing_is_kept(session, form, field, value):
    with pytest.raises(InvalidError) as caught:
        forms.submit(session, form, {**ANSWER, field: value})
    assert [p.path for p in caught.value.problems] == [field]
    assert session.query(Submission).count() == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": " "}, "name"),
        ({"title": "x" * 201}, "title"),
        ({"fields": []}, "fields"),
        ({"fields": [{"label": ""}]}, "fields.0.label"),
        ({"fields": [{"label": "a", "type": "file"}]}, "fields.0.type"),
        ({"fields": [{"label": "a", "type": "select"}]}, "fields.0.options"),
        ({"fields": [{"label": "a"}, {"label": "b", "key": "a"}]}, "fields.1.key"),
    ],
)
def test_wrong_definitions_are_refused_by_path(session, project, change, path):
    with pytest.raises(InvalidError) as caught:
        forms.create(session, {**CONTACT, **change})
    assert [p.path for p in caught.value.problems] == [path]


def test_an_answer_starts_every_active_workflow_that_waits_for_it(session, project, form):
    by_slug, by_id = listen(session, project, form.slug), listen(session, project, form.id)
    listen(session, project, "another_form")
    paused = listen(session, project, form.slug, status="paused", active=False, switched_on=True)
    listen(session, project, form.slug, status="paused", active=False)
    listen(session, project, form.slug, active=False)
    submission, executions = forms.submit(session, form, ANSWER)
    session.commit()
    assert {e.workflow_id for e in executions} == {by_slug.id, by_id.id, paused.id}
    assert [e.status for e in executions if e.workflow_id == paused.id] == ["skipped"], "it is kept, with the answers"
    assert submission.execution_ids == [e.id for e in executions]
    first = executions[0]
    assert (first.status, first.trigger_type) == ("pending", "form_submit")
    assert first.input_data["form_data"]["name"] == "Zoë"
    assert first.input_data["form_id"] == "contact_form_1" and first.input_data["submission_id"] == submission.id


def test_conditions_of_the_trigger_are_asked(session, project, form):
    condition = {"all": [{"field": "form_data.name", "operator": "==", "value": "Ann"}]}
    listen(session, project, form.slug, conditions=condition)
    _, executions = forms.submit(session, form, ANSWER)
    assert [e.status for e in executions] == ["skipped"]


def test_a_closed_form_takes_nothing(session, form):
    form.is_open = False
    with pytest.raises(ConflictError):
        forms.submit(session, form, ANSWER)


def test_an_answer_is_a_fact(session, project, form):
    submission, _ = forms.submit(session, form, ANSWER)
    session.commit()
    event = session.query(Event).filter_by(type="form.submitted").one()
    assert (event.entity_id, event.origin) == (submission.id, "form:contact_form_1")
    assert event.payload["form_data"]["email"] == "zoe@example.com"
    assert event.payload["project_id"] == project.id
