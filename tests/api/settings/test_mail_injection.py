"""Whoever writes what a mail says cannot write its headers: steps, approvals, invitations, alerts, notifications."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowapp import tasks
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import StepError
from flowapp.extensions import db
from flowapp.models import CaughtMail, Notification, Organization, User, Workflow, new_id
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import jobs
from flowapp.tasks.mail import catch
from flowapp.tasks.people import Members
from flowapp.tasks.services import open_services
from tests.api.conftest import Api
from tests.api.waiting import ended, started, wait_event
from tests.connectors.email.test_header_injection import ATTACKS, HEADERS, email
from tests.support.browser import PASSWORD, Browser
from tests.support.servers.smtp import SmtpServer

ATTACK = ATTACKS["as the issue has it"]


def send(**params: Any) -> dict[str, Any]:
    words = {"to": "{{ input.to }}", "subject": "For {{ input.name }}", "message": "Hi {{ input.name }}", **params}
    return {"step_id": "send", "action_type": "send_email", "params": words}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    "data",
    [
        {"name": ATTACK, "to": "ada@example.com"},
        {"name": "Ann", "to": f'"{ATTACK}" <ada@example.com>'},
        {"name": ATTACKS["base64"], "to": "ada@example.com"},
        {"name": "Ann", "to": "ada@example.com\nBcc: evil@example.com"},
    ],
)
def test_a_step(api: Api, smtp: SmtpServer, data: dict[str, str]) -> None:
    done = ended(api, started(api, send(), input_data=data))
    assert done["status"] == "failed"
    assert "single line" in done["error_message"]
    fine = ended(api, started(api, send(), input_data={"name": "Jörg", "to": "Ann <ada@example.com>"}))
    assert fine["status"] == "completed", fine["error_message"]
    (got,) = smtp.inbox
    assert (set(got.message.keys()), got.recipients) == (HEADERS, ["ada@example.com"])
    assert got.message["Subject"] == "For Jörg"


@pytest.mark.usefixtures("worker")
def test_a_name_with_quotes_adds_no_recipient(api: Api, smtp: SmtpServer) -> None:
    """Its quotes once ended the name where the address is written again."""
    to = '"Ann\\" <evil@example.com>, \\"Lee" <ada@example.com>'
    done = ended(api, started(api, send(), input_data={"name": "Ann", "to": to}))
    assert done["status"] == "completed", done["error_message"]
    assert smtp.inbox[0].recipients == ["ada@example.com"]


@pytest.mark.usefixtures("worker")
def test_an_approval(api: Api, smtp: SmtpServer) -> None:
    ask = wait_event(kind="approval", role="editor", title="{{ input.title }}", message="m", by_email=True)
    done = ended(api, started(api, ask, input_data={"title": ATTACK}))
    assert (done["status"], smtp.inbox) == ("failed", [])
    assert "single line" in done["error_message"]


def test_an_invitation(app: Any, smtp: SmtpServer) -> None:
    browser = Browser(app).set_up(name=f"Ann {ATTACK}", password=PASSWORD)
    browser.get("/settings/members/invite")
    browser.post_and_open("/settings/members/invite", {"email": "bob@example.com", "role": "viewer"})
    assert "must be a single line of text" in browser.text
    assert "/invite/" in browser.text, "the link can be passed on by hand"
    assert smtp.inbox == []


def test_an_alert(app: Any, api: Api, smtp: SmtpServer) -> None:
    workflow = api.post("/workflows/", {"name": "Broken", "steps": []}, 201)["id"]
    with app.app_context():
        jobs.load()
        assert jobs.perform("send_workflow_notification", workflow_id=workflow)["sent"] == 3
        with system_session(db.engine) as system:
            system.get_one(Workflow, workflow).name = f"Broken {ATTACK}"
            system.commit()
        assert jobs.perform("send_workflow_notification", workflow_id=workflow) == {
            "sent": 0,
            "caught": 0,
            "refused": 3,
        }
        with system_session(db.engine) as system:
            system.get_one(Workflow, workflow).name = "Broken"
            system.get_one(Organization, api.place.id).name = ATTACKS["base64"]
            system.commit()
        assert jobs.perform("send_workflow_notification", workflow_id=workflow) == {
            "sent": 0,
            "caught": 0,
            "refused": 3,
        }
    assert all(set(mail.message.keys()) == HEADERS for mail in smtp.inbox)
    assert len(smtp.inbox) == 3


@pytest.mark.parametrize(("title", "email"), [(ATTACK, "ada@example.com"), ("Hi", f'"{ATTACK}" <ada@example.com>')])
def test_a_notification(app: Any, api: Api, smtp: SmtpServer, title: str, email: str) -> None:
    with app.app_context():
        services = open_services(tasks.runtime(), api.place.id, api.place.project_id, "UTC")
        visit: Visit = SimpleNamespace(execution_id=new_id())  # type: ignore[assignment]
        members = Members(services, visit, "tell", "key")
        with pytest.raises(StepError, match="single line"):
            members.notify("owner", title, "body", "/", emails=[email])
        assert members.notify("owner", "Hi", "body", "/", emails=["ada@example.com"]) == 2
        with system_session(db.engine) as system:
            # One visit, so the owner is told once, though its first attempt could send no e-mail.
            assert system.query(Notification).join(User).count() == 1
    assert [mail.recipients for mail in smtp.inbox] == [["ada@example.com"]]


@pytest.mark.parametrize("values", [{"subject": ATTACK}, {"to": [f'"{ATTACK}" <ada@example.com>']}, {"to": ["nobody"]}])
def test_the_mail_catcher_takes_what_a_server_would_be_given(app: Any, api: Api, values: dict[str, Any]) -> None:
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        with pytest.raises(StepError):
            catch(session, email(**values), "flow@example.com")
        catch(session, email(), "flow@example.com")
        session.commit()
        assert session.query(CaughtMail).count() == 1


WRONG_SETTINGS = [
    ("from_email", f"{ATTACK}@example.com", "Enter one address"),
    ("from_email", "a@example.com, b@example.com", "Enter one address"),
    ("from_email", "nobody", "Enter one address"),
    ("from_name", ATTACK, "Enter a single line of text"),
    ("username", "ann\x1b", "Enter a single line of text"),
]


def test_the_settings_of_a_mail_server(app: Any) -> None:
    browser = Browser(app).set_up()
    data = {"name": "Post", "config-provider": "smtp", "config-host": "mail.example", "config-port": "25"}
    for field, value, words in WRONG_SETTINGS:
        browser.post("/integrations/new/email", {**data, f"config-{field}": value}, 422)
        at = browser.text.index(f'id="config-{field}-error"')
        assert words in browser.text[at : at + 300], field
