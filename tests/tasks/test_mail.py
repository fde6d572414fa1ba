"""The mail server that an organization connected takes every mail; without one, each is caught and the log says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import tasks
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.models import CaughtMail, Integration
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import jobs
from tests.api.conftest import Api
from tests.api.conftest import place as _place
from tests.api.crm.people import Place, working
from tests.api.waiting import ended, started, wait_event, waiting
from tests.support.applications import running
from tests.support.browser import Browser
from tests.support.servers.smtp import SmtpServer

place = _place


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    """An application without SMTP_URL."""
    with running(dataclasses.replace(settings, smtp_url="")) as application:
        yield application


@pytest.fixture
def api(app: Any, place: Place) -> Iterator[Api]:
    with working():
        yield Api(app.test_client(), place)


def connect(app: Any, organization_id: str, smtp: SmtpServer, name: str = "Post", **config: Any) -> None:
    settings = {"host": "127.0.0.1", "port": smtp.port, "security": "none", "from_email": "desk@acme.example", **config}
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        row = Integration(integration_type="email")
        integrations.save(session, tasks.runtime().vault, row, name=name, config=settings, credentials={}, cause=SYSTEM)
        session.commit()


def send(**params: Any) -> dict[str, Any]:
    words = {"to": "ada@example.com", "subject": "Hello", "message": "Hi", **params}
    return {"step_id": "send", "action_type": "send_email", "params": words}


def lines(api: Api, execution_id: str) -> str:
    return "\n".join(line["message"] for line in api.get(f"/executions/{execution_id}/")["execution_logs"])


def caught(app: Any) -> list[str]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(CaughtMail.subject)))


ASK = wait_event(kind="approval", role="owner", title="Pay?", message="1,000 €", by_email=True)


def test_the_connected_server_takes_the_mails_of_steps_and_approvals(app: Any, api: Api, smtp: SmtpServer) -> None:
    connect(app, api.place.id, smtp)
    connect(app, api.place.id, smtp, "Another", from_email="other@acme.example")
    done = ended(api, started(api, send()))
    assert (done["status"], done["output_data"]["caught"]) == ("completed", False), done["error_message"]
    waiting(api, ASK)
    mail, question = smtp.wait_for(2)
    assert mail.sender == question.sender == "desk@acme.example"
    assert question.message["From"] == "Acme <desk@acme.example>"
    assert caught(app) == []
    assert "Sent “Hello” to ada@example.com." in lines(api, done["id"])


def test_without_one_they_are_caught_and_the_log_says_so(app: Any, api: Api, smtp: SmtpServer) -> None:
    done = ended(api, started(api, send(subject=" Hello ")))
    assert (done["status"], done["output_data"]["caught"]) == ("completed", True)
    asked = waiting(api, ASK)
    assert (caught(app), smtp.inbox) == (["Hello", "Pay?"], [])
    assert "Caught, not sent: “Hello” to ada@example.com. Connect a mail server" in lines(api, done["id"])
    assert "The e-mails were caught, not sent" in lines(api, asked)


def test_a_server_that_is_switched_off_takes_none(app: Any, api: Api, smtp: SmtpServer) -> None:
    connect(app, api.place.id, smtp)
    asked = wait_event(kind="approval", role="owner", title="Send it?", by_email=False)
    named = waiting(api, asked, send(integration="Post"))
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(Integration)).one().is_active = False
        system.commit()
    assert ended(api, started(api, send()))["output_data"]["caught"]
    api.post(f"/executions/{named}/approve/")
    assert "There is no active integration “Post”" in ended(api, named)["error_message"]
    assert not smtp.inbox


def test_there_is_one_way_for_every_mail() -> None:
    """Nothing hands a mail to a server but the mailer that knows which: the doctor only asks whether it is there."""
    users = {str(path) for path in Path("flowapp").rglob("*.py") if "import SmtpMail" in path.read_text("utf-8")}
    assert {user for user in users if "/connectors/email/" not in user} == {
        "flowapp/tasks/mail.py", "flowapp/cli/doctor.py",
    }  # fmt: skip


def test_alerts(app: Any, api: Api, smtp: SmtpServer, caplog: pytest.LogCaptureFixture) -> None:
    workflow = api.post("/workflows/", {"name": "Broken", "steps": []}, 201)["id"]
    with app.app_context():
        jobs.load()
        done = jobs.perform("send_workflow_notification", workflow_id=workflow)
        assert done == {"sent": 0, "caught": 3, "refused": 0}
        assert caplog.text.count("Caught, not sent: no mail server is connected") == 3
        assert len(caught(app)) == 3
        connect(app, api.place.id, smtp)
        assert jobs.perform("send_workflow_notification", workflow_id=workflow)["sent"] == 3
    assert {str(mail.message["From"]) for mail in smtp.wait_for(3)} == {"Acme <desk@acme.example>"}
    assert len(caught(app)) == 3


def test_invitations(app: Any, smtp: SmtpServer) -> None:
    browser = Browser(app).set_up()
    browser.get("/settings/members/invite")
    browser.post_and_open("/settings/members/invite", {"email": "bob@example.com", "role": "viewer"})
    assert smtp.inbox == [] and "/invite/" in browser.text
    with app.app_context(), system_session(db.engine) as system:
        organization_id = system.execute(
            select(Integration.__table__.metadata.tables["organizations"].c.id)
        ).scalar_one()
    connect(app, organization_id, smtp)
    browser.get("/mail")
    assert "A mail server is connected" in browser.text
    browser.get("/settings/members/invite")
    browser.post_and_open("/settings/members/invite", {"email": "carl@example.com", "role": "viewer"})
    (mail,) = smtp.wait_for(1)
    assert (mail.recipients, mail.sender) == (["carl@example.com"], "desk@acme.example")
