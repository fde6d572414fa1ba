"""E-mail templates at the browser."""

from __future__ import annotations

import html
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models import EmailTemplate, Organization
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.browser import Browser, Tab
from tests.support.servers.smtp import SmtpServer

FORM = "template-form"


@pytest.fixture
def ada(app: Flask) -> Browser:
    return Browser(app).set_up()


def make(ada: Browser, **typed: Any) -> str:
    tab = Tab(ada.client, "/email-templates/new", FORM)
    tab.type(**{"name": "Welcome", "subject": "Hi {{ contact.first_name }}", "html": "<p>Hello</p>", **typed})
    return str(tab.send().location)


def test_made_seen_and_changed(ada: Browser) -> None:
    path = make(ada, html="<p>{{ contact.last_name }}</p><script>alert(1)</script>")
    shown = ada.get(path).text
    assert "Hi Ada" in shown and "alert(1)</script>" not in shown and 'sandbox src="' in shown
    framed = ada.get(f"{path}/html")
    assert framed.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "<p>Lovelace</p>" in framed.text
    tab = Tab(ada.client, path, FORM)
    tab.type(subject="").send(422)
    assert 'id="subject-error"' in tab.html
    tab.type(subject="{{ contact.").send(422)
    assert 'id="subject-error"' in tab.html
    tab.type(subject="Hello {{ order }}").send()
    assert "Hello [order]" in ada.get(path).text
    assert "Hello {{ order }}" in html.unescape(ada.get("/email-templates").text)


def test_a_test_goes_to_whoever_asks(ada: Browser, smtp: SmtpServer) -> None:
    path = make(ada)
    assert "The test was sent to ada@example.com." in ada.post_and_open(f"{path}/test").text
    (mail,) = smtp.inbox
    assert (mail.recipients, mail.message["Subject"], mail.text.strip()) == (["ada@example.com"], "Hi Ada", "Hello")


def test_what_cannot_be_filled_in_is_said_in_place_of_the_preview(ada: Browser) -> None:
    path = make(ada, text="{{ contact.nothing.at.all | sum }}")
    assert "cannot be filled in" in ada.get(path).text
    assert "cannot be filled in" in ada.post_and_open(f"{path}/test").text


def test_two_people_who_change_one_are_asked(ada: Browser) -> None:
    path = make(ada)
    first, second = (Tab(ada.client, path, FORM) for _ in range(2))
    first.type(subject="One").send()
    second.type(subject="Two").send(422)
    assert "One" in second.html


def test_one_that_is_used_stays(app: Flask, ada: Browser) -> None:
    path = make(ada)
    step = {
        "step_id": "mail",
        "name": "Mail",
        "action_type": "send_email",
        "params": {"to": "a@b.example", "template": "welcome"},
    }
    with app.app_context():
        with system_session(db.engine) as system:
            organization_id = system.scalars(select(Organization.id)).one()
        with tenant_session(db.engine, organization_id) as session:
            made = workflows.create(session, {"name": "Greets", "steps": [step]}, actor_id=None)
            session.commit()
    assert "Used by “Greets” (Mail)." in html.unescape(ada.get("/email-templates").text)
    assert "still used by “Greets”" in html.unescape(ada.post_and_open(f"{path}/delete").text)
    editor = html.unescape(ada.get(f"/workflows/{made.id}/steps/mail").text)
    assert '<option value="welcome" selected>Welcome</option>' in editor
    ada.post(f"/workflows/{made.id}/delete")
    assert ada.post(f"{path}/delete").location == "/email-templates"
    with app.app_context(), system_session(db.engine) as system:
        assert system.scalars(select(EmailTemplate)).all() == []
