"""The form builder, and the hosted page that visitors see."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from flowapp.engine.language.definition import Definition
from flowapp.extensions import db
from flowapp.models import Execution, Form, Submission, Trigger, Version, Workflow
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser

NEW = {
    "name": "Contact form 1", "title": "Write to us", "thanks": "Merci!", "order": ["0", "1", "2"],
    "fields-0-label": "Name", "fields-0-type": "text", "fields-0-required": "y",
    "fields-1-label": "E-mail", "fields-1-type": "email",
    "fields-2-label": "Topic", "fields-2-type": "select", "fields-2-options": "Sales\r\nHelp",
}  # fmt: skip


@pytest.fixture
def ada(app):
    return Browser(app).set_up()


@pytest.fixture
def form(app, ada):
    ada.post("/forms/new", NEW)
    return stored(app, Form)[0]


def stored(app, model):
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(model.id)))


def listen(app, form):
    with app.app_context(), system_session(db.engine) as system:
        own, definition = {"organization_id": form.organization_id}, Definition(name="W").canonical()
        workflow = Workflow(**own, name="W", status="active", project_id=form.project_id, draft=definition)
        system.add(workflow)
        system.flush()
        version = Version(**own, workflow_id=workflow.id, number=1, definition=definition, fingerprint="f")
        system.add(version)
        system.flush()
        workflow.published_version_id = version.id
        system.add(Trigger(**own, workflow_id=workflow.id, key="t", trigger_type="form_submit", source=form.slug))
        system.commit()


def test_a_form_is_built_shared_and_answered(app, ada, form):
    listen(app, form)
    page = ada.get(f"/forms/{form.id}").text
    assert f'value="http://localhost/f/{form.key}"' in page and "No answers yet" in page
    visitor = app.test_client()
    shown = visitor.get(f"/f/{form.key}").text
    assert "Write to us" in shown and 'type="email"' in shown and '<option value="Help"' in shown
    wrong = visitor.post(f"/f/{form.key}", data={"name": " ", "email": "x", "topic": "Help"})
    assert wrong.status_code == 422 and 'id="name-error"' in wrong.text and 'id="email-error"' in wrong.text
    assert 'value="x"' in wrong.text and stored(app, Submission) == []
    done = visitor.post(f"/f/{form.key}", data={"name": "Zoë", "email": "z@example.com", "topic": "Help"})
    assert (done.status_code, done.location) == (303, f"/f/{form.key}?sent=")
    for _reload in range(2):
        thanks = visitor.get(done.location)
        assert thanks.status_code == 200 and "Merci!" in thanks.text
    (execution,) = stored(app, Execution)
    (submission,) = stored(app, Submission)
    assert execution.input_data == {
        "form_data": {"name": "Zoë", "email": "z@example.com", "topic": "Help"},
        "form_id": "contact_form_1", "submission_id": submission.id,
    }  # fmt: skip
    page = ada.get(f"/forms/{form.id}").text
    assert "Zoë" in page and f"/executions/{execution.id}" in page


def test_what_looks_like_a_password_is_not_shown_among_the_answers(app, ada):
    ada.post("/forms/new", {**NEW, "fields-0-label": "Password", "fields-2-type": "text"})
    (form,) = stored(app, Form)
    app.test_client().post(f"/f/{form.key}", data={"password": "hunter2-x", "email": "z@example.com", "topic": "Help"})
    assert stored(app, Submission)[0].data["password"] == "hunter2-x"
    page = ada.get(f"/forms/{form.id}").text
    assert "Help" in page and "hunter2-x" not in page


@pytest.mark.parametrize("wrap", [True, False])
def test_answers_as_json(app, form, wrap):
    listen(app, form)
    answer = {"name": "Zoë"}
    done = app.test_client().post(f"/f/{form.key}", json={"form_data": answer} if wrap else answer)
    assert done.status_code == 202
    assert done.json["execution_ids"] == [execution.id for execution in stored(app, Execution)]
    assert done.json["submission_id"] == stored(app, Submission)[0].id


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 422), (b"{", 400), (b"[]", 400), (b"\xff", 400), (b'{"name": {"a": 1}}', 422), (b"[" * 100_000, 400)],
)
def test_wrong_json_is_said(app, form, body, status):
    done = app.test_client().post(f"/f/{form.key}", data=body, content_type="application/json")
    assert done.status_code == status and stored(app, Submission) == []


def test_robots_are_thanked_and_forgotten(app, form):
    done = app.test_client().post(f"/f/{form.key}", data={"name": "Bot", "website_address": "http://spam"})
    assert (done.status_code, done.location) == (303, f"/f/{form.key}?sent=") and stored(app, Submission) == []


def test_one_address_cannot_flood(app, form):
    visitor = app.test_client()
    statuses = [visitor.post(f"/f/{form.key}", data={"name": "x"}).status_code for _time in range(31)]
    assert statuses == [303] * 30 + [429]


def test_closed_and_unknown_forms(app, ada, form):
    ada.post(f"/forms/{form.id}/open", {"open": "no"})
    visitor = app.test_client()
    assert visitor.get(f"/f/{form.key}").status_code == 410
    assert visitor.post(f"/f/{form.key}", data={"name": "x"}).status_code == 410
    assert visitor.post(f"/f/{form.key}", json={"name": "x"}).status_code == 410
    assert visitor.get("/f/nothing").status_code == visitor.post("/f/nothing").status_code == 404
    assert stored(app, Submission) == []


def test_fields_are_added_removed_and_moved_without_saving(app, ada):
    def labels(more):
        page = ada.post("/forms/new", {**NEW, **more}, 200).text
        return re.findall(r'name="fields-\d+-label" value="([^"]*)"', page)

    assert labels({"_add": "fields"}) == ["Name", "E-mail", "Topic", ""]
    assert labels({"_remove": "fields-1"}) == ["Name", "Topic"]
    assert labels({"_down": "0"}) == ["E-mail", "Name", "Topic"]
    assert labels({"_up": "0"}) == ["Name", "E-mail", "Topic"]
    assert labels({"_order": "1", "order": ["2", "0", "1"]}) == ["Topic", "Name", "E-mail"]
    assert stored(app, Form) == []


def test_a_form_is_changed_and_deleted(app, ada, form):
    page = ada.get(f"/forms/{form.id}/edit").text
    assert "\nSales\nHelp</textarea>" in page
    wrong = ada.post(f"/forms/{form.id}/edit", {**NEW, "name": "", "fields-2-options": ""}, 422).text
    assert 'id="name-error"' in wrong and 'id="fields-2-options-error"' in wrong
    ada.post(f"/forms/{form.id}/edit", {**NEW, "name": "Renamed", "order": ["2", "1", "0"]})
    changed = stored(app, Form)[0]
    assert (changed.slug, changed.key) == (form.slug, form.key)
    assert [field["key"] for field in changed.fields] == ["topic", "email", "name"]
    ada.post(f"/forms/{form.id}/delete")
    assert stored(app, Form) == []
