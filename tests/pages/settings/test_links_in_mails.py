"""Links that act in somebody's name: shown to whom they were sent, and what is done by them alone is recorded so."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import AuditEntry, CaughtMail, Organization, User
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.conftest import place as _place
from tests.api.crm.people import working
from tests.api.waiting import ended, status_of, wait_event, waiting
from tests.pages.executions.test_approvals import sign_in
from tests.support.applications import running
from tests.support.browser import Browser

place = _place
LINK = re.compile(r"/approvals/([A-Za-z0-9_.-]{30,})")


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    """An application without a mail server: e-mails land in the catcher."""
    with running(dataclasses.replace(settings, smtp_url="")) as application:
        yield application


@pytest.fixture
def api(app: Any, place: Any) -> Iterator[Api]:
    with working():
        yield Api(app.test_client(), place)


def ask(api: Api) -> str:
    return waiting(api, wait_event(kind="approval", role="owner", title="Pay?", message="1,000 €", by_email=True))


def pages_of_mails(app: Any, reader: Browser) -> str:
    """Everything that a reader sees of all mails."""
    with app.app_context(), system_session(db.engine) as system:
        ids = system.scalars(select(CaughtMail.id)).all()
    parts = [reader.get("/mail").text]
    for mail_id in ids:
        parts += [reader.get(f"/mail/{mail_id}").text, reader.get(f"/mail/{mail_id}/html").text]
    return "\n".join(parts)


def links(app: Any) -> dict[str, str]:
    """The link of each addressee's e-mail, by their role."""
    with app.app_context(), system_session(db.engine) as system:
        mails = system.scalars(select(CaughtMail)).all()
        return {mail.recipients[0].partition("@")[0]: LINK.search(mail.text)[0] for mail in mails}  # type: ignore[index]


def test_the_catcher_shows_a_link_to_its_addressee_alone(app: Any, api: Api) -> None:
    ask(api)
    owner, operator = sign_in(app, api, "owner"), sign_in(app, api, "operator")
    seen = pages_of_mails(app, operator)
    assert "Pay?" in seen and "visible only to the recipient of this e-mail" in seen
    assert "/approvals/••••••?decision=approved" in seen
    assert not LINK.search(seen)
    assert LINK.search(pages_of_mails(app, owner))


@pytest.mark.parametrize(("own", "organization"), [("fr", "en-GB"), ("", "fr-CH")])
def test_the_e_mail_is_in_its_readers_language(app: Any, api: Api, own: str, organization: str) -> None:
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(User).where(User.email == f"owner@{api.place.id}.example")).one().locale = own
        system.get_one(Organization, api.place.id).locale = organization
        system.commit()
    ask(api)
    with app.app_context(), system_session(db.engine) as system:
        (mail,) = system.scalars(select(CaughtMail)).all()
    lines = mail.text.splitlines()
    assert [line.partition("http")[0] for line in lines if "?decision=" in line] == [
        "Approuver\N{NO-BREAK SPACE}: ", "Refuser\N{NO-BREAK SPACE}: ",
    ]  # fmt: skip
    assert mail.html is not None
    assert ">Approuver</a>" in mail.html
    assert "Pay?" in mail.subject


def test_other_links_that_act_for_somebody(app: Any, api: Api) -> None:
    owner = sign_in(app, api, "owner")
    secret = "eyJhbGciOi_J9.abc-DEF_ghi.0123456789"
    with app.app_context(), system_session(db.engine) as system:
        for name, form in enumerate(
            ("/resume/{}", "/invite/{}", "?to=https%3A%2F%2Fa.example%2Fresume%2F{}&x=1", '\\"/resume\\/{}')
        ):
            body = f"Go on: https://a.example{form.format(secret)}"
            row = {
                "organization_id": api.place.id,
                "message_id": f"<{name}>",
                "subject": body,
                "text": body,
                "html": f"<a href='{body}'>x</a>",
            }
            system.add(CaughtMail(**row, recipients=["Guest <guest@example.com>"]))
        system.commit()
    assert secret not in pages_of_mails(app, owner)
    with app.app_context(), system_session(db.engine) as system:
        for mail in system.scalars(select(CaughtMail)):
            mail.recipients = [f"The owner <OWNER@{api.place.id}.example>"]
        system.commit()
    assert secret in pages_of_mails(app, owner)


def test_a_decision_by_link_is_recorded_as_such(app: Any, api: Api) -> None:
    execution_id = ask(api)
    nobody = Browser(app)
    page = nobody.get(links(app)["owner"]).text
    assert "You are not signed in. The history will show that it was decided by the link." in page
    nobody.post(links(app)["owner"], {"decision": "approved"})
    done = ended(api, execution_id)
    owner = f"owner@{api.place.id}.example"
    output = done["steps"][0]["output"]
    assert (output["by"], output["by_link"]) == (owner, True)
    assert f"Approved by {owner}, by the link in the e-mail." in [line["message"] for line in done["execution_logs"]]
    shown = sign_in(app, api, "viewer").get(f"/executions/{execution_id}").text
    assert "Decided by the link in the e-mail, without signing in." in shown
    nobody.get(links(app)["owner"])
    assert "Decided by the link in the e-mail, without signing in." in nobody.text
    assert audited(app) == [(owner, True)]


def test_a_decision_of_the_addressee_signed_in(app: Any, api: Api) -> None:
    execution_id = ask(api)
    person = sign_in(app, api, "owner")
    assert "You are not signed in" not in person.get(links(app)["owner"]).text
    person.post(links(app)["owner"], {"decision": "rejected"})
    done = ended(api, execution_id)
    assert done["steps"][0]["output"]["by_link"] is False
    assert "without signing in" not in person.get(f"/executions/{execution_id}").text
    assert audited(app) == [(f"owner@{api.place.id}.example", False)]


def test_somebody_else_who_is_signed_in_cannot_use_it(app: Any, api: Api) -> None:
    execution_id = ask(api)
    operator = sign_in(app, api, "operator")
    operator.get(links(app)["owner"])
    assert "but you are signed in as operator@" in operator.text and 'value="approved"' not in operator.text
    operator.post(links(app)["owner"], {"decision": "approved"}, 403)
    assert status_of(api, execution_id) == "waiting" and audited(app) == []


def test_the_api_and_the_page_are_no_links(app: Any, api: Api) -> None:
    execution_id = ask(api)
    api.post(f"/executions/{execution_id}/approve/", {})
    assert ended(api, execution_id)["steps"][0]["output"]["by_link"] is False
    assert [by_link for _, by_link in audited(app)] == [False]


def audited(app: Any) -> list[tuple[str, bool]]:
    with app.app_context(), system_session(db.engine) as system:
        rows = system.scalars(select(AuditEntry).where(AuditEntry.action.startswith("approval.")))
        return [(row.actor_label, row.details["by_link"]) for row in rows]


def test_a_way_to_go_on_is_shown_nowhere(app: Any, api: Api) -> None:
    """{{ resume_url }} in what steps get and give, in lines, in a test of a step and in the values to choose from."""
    keep = {"step_id": "keep", "action_type": "transform_data", "params": {"set": {"link": "{{ resume_url }}"}}}
    say = {"step_id": "say", "action_type": "log", "params": {"message": "call {{ resume_url }}"}}
    execution_id = waiting(api, keep, say, wait_event("wait", kind="url"))
    with app.app_context():
        from flowapp.live.execution import ExecutionFeed

        live = str(ExecutionFeed(db.engine, api.place.id, execution_id, after=0).begin())
    viewer, editor = api.as_("viewer"), sign_in(app, api, "editor")
    workflow_id = viewer.get(f"/executions/{execution_id}/")["workflow"]
    seen = [
        viewer("GET", f"/executions/{execution_id}/logs/export/?export_format={kind}").text for kind in ("json", "csv")
    ]
    seen += [viewer("GET", f"/executions/{execution_id}/").text, live, editor.get(f"/executions/{execution_id}").text]
    seen += [editor.get(f"/workflows/{workflow_id}/steps/say").text]
    seen += [str(api.post(f"/workflows/{workflow_id}/simulate/", {}))]
    for text in seen:
        assert not re.search(r"/resume/[A-Za-z0-9_.-]{30,}", text), text[:3000]
    assert "/resume/••••••" in seen[0] and "/resume/••••••" in live
