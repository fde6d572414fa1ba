"""The pages of approvals: the list, an execution's page, and where the buttons of the e-mail lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm.attributes import set_committed_value

from flowapp.executions import approvals
from flowapp.extensions import db
from flowapp.models import AuditEntry, Execution, Member, StepRun, User
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.links import sign
from tests.api.conftest import Api
from tests.api.conftest import place as _place
from tests.api.crm.people import working
from tests.api.waiting import ended, status_of, stored, wait_event, waiting
from tests.support.browser import PASSWORD, Browser
from tests.support.servers.smtp import SmtpServer

place = _place


@pytest.fixture
def api(app: Any, place: Any) -> Iterator[Api]:
    with working():
        yield Api(app.test_client(), place)


@pytest.fixture
def editor(app: Any, api: Api) -> Browser:
    """The editor, signed in."""
    return sign_in(app, api, "editor")


def sign_in(app: Any, api: Api, role: str) -> Browser:
    from flowapp.security.passwords import hash_password

    email = f"{role}@{api.place.id}.example"
    with app.app_context(), system_session(db.engine) as system:
        system.query(User).filter_by(email=email).one().password_hash = hash_password(PASSWORD)
        system.commit()
    browser = Browser(app)
    browser.sign_in(email)
    return browser


def ask(api: Api, **params: Any) -> str:
    params = {"role": "editor", "title": "May it go <out>?", "message": "1,000 letters", "by_email": False, **params}
    return waiting(api, wait_event(kind="approval", **params))


def link(mail: Any) -> str:
    found = re.search(r"Approve: https?://[^/]+(/approvals/\S+)\?decision=approved", mail.text)
    assert found, mail.text
    return found.group(1)


def test_one_that_is_asked_for_while_a_page_is_made(app: Any, api: Api) -> None:
    """The page has read the attempt before its worker wrote what it asks."""
    execution_id = ask(api)
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        execution = session.get_one(Execution, execution_id)
        run = session.scalars(select(StepRun).where(StepRun.execution_id == execution_id)).one()
        for name, before in (("status", "running"), ("input", None)):
            set_committed_value(run, name, before)
        assert [asked.title for asked in approvals.of_execution(session, execution)] == ["May it go <out>?"]


def test_the_list_and_a_decision(api: Api, editor: Browser) -> None:
    editor.get("/approvals")
    assert "Nothing to approve" in editor.text
    execution_id = ask(api, timeout="2 days")
    editor.get("/approvals")
    assert "May it go &lt;out&gt;?" in editor.text
    assert "Without a decision" in editor.text
    action = re.search(rf'action="(/approvals/{execution_id}/\d+)"', editor.text)
    assert action
    editor.post(action.group(1), {"decision": "approved", "comment": "fine"})
    assert ended(api, execution_id)["steps"][0]["output"]["comment"] == "fine"
    editor.get("/approvals")
    assert "Approved." in editor.text
    editor.post(action.group(1), {"decision": "rejected"})
    editor.get("/approvals")
    assert "has already approved this" in editor.text


def test_the_page_of_the_execution_asks_too(app: Any, api: Api, editor: Browser) -> None:
    execution_id = ask(api)
    operator = sign_in(app, api, "operator")
    operator.get(f"/executions/{execution_id}")
    assert 'id="approval-ask-0"' in operator.text
    assert 'value="approved"' not in operator.text
    editor.get(f"/executions/{execution_id}")
    action = re.search(rf'action="(/approvals/{execution_id}/\d+)"', editor.text)
    assert action
    operator.post(action.group(1), {"decision": "approved"}, 403)
    here = f"/executions/{execution_id}"
    assert editor.post(action.group(1), {"decision": "rejected", "next": here}).location == here
    assert ended(api, execution_id)["steps"][0]["branch"] == "rejected"
    editor.get(here)
    assert 'id="approval-ask-0"' not in editor.text


def test_the_button_of_the_e_mail_decides_only_when_pressed(app: Any, api: Api, smtp: SmtpServer) -> None:
    execution_id = ask(api, by_email=True)
    mails = {mail.recipients[0].split("@")[0]: mail for mail in smtp.wait_for(3)}
    page, other = link(mails["editor"]), link(mails["admin"])
    person, colleague = Browser(app), Browser(app)
    person.get(f"{page}?decision=approved")
    assert "May it go &lt;out&gt;?" in person.text
    assert status_of(api, execution_id) == "waiting"
    assert person.client.post(page, data={"decision": "approved"}).status_code == 400  # without the token of the form
    assert status_of(api, execution_id) == "waiting"
    person.post(page, {"decision": "approved", "comment": "go"})
    person.get(page)
    assert "You approved this." in person.text
    colleague.post(other, {"decision": "rejected"})
    colleague.get(other)
    assert f"editor@{api.place.id}.example has already approved this." in colleague.text
    assert ended(api, execution_id)["steps"][0]["output"]["by"] == f"editor@{api.place.id}.example"
    person.get(page)
    assert "You approved this." in person.text
    with app.app_context(), system_session(db.engine) as system:
        entry = system.query(AuditEntry).filter_by(action="approval.approved").one()
        assert (entry.actor_label, entry.details["comment"]) == (f"editor@{api.place.id}.example", "go")


def test_a_link_stands_for_its_person(app: Any, api: Api) -> None:
    execution_id = ask(api)
    with app.app_context(), system_session(db.engine) as system:
        users = {
            member.role: member.user_id
            for member in system.query(Member).filter_by(organization_id=api.place.id)
        }  # fmt: skip
    key = app.extensions["settings"].secret_key

    def token(user_id: str, iteration: int = 0) -> str:
        return f"/approvals/{sign(key, 'approval', [execution_id, 'ask', user_id, iteration])}"

    browser = Browser(app)
    browser.get(token(users["viewer"]))
    assert "Your role no longer allows you" in browser.text
    browser.post(token(users["viewer"]), {"decision": "approved"}, 403)
    browser.get(token("01900000-0000-7000-8000-000000000000"), 404)
    browser.get(token(users["owner"], iteration=1), 404)
    browser.get("/approvals/nonsense", 404)
    browser.post(token(users["owner"]), {"decision": "perhaps"}, 422)
    assert status_of(api, execution_id) == "waiting"


def test_a_comment_that_is_too_long_is_said_at_its_field_and_kept(
    app: Any, api: Api, editor: Browser, smtp: SmtpServer
) -> None:
    execution_id = ask(api, by_email=True)
    typed = {"decision": "approved", "comment": "long " * 401}
    editor.get("/approvals")
    action = re.search(rf'action="(/approvals/{execution_id}/\d+)"', editor.text)
    assert action
    mails = {mail.recipients[0].split("@")[0]: mail for mail in smtp.wait_for(3)}
    for browser, path in ((editor, action.group(1)), (Browser(app), link(mails["editor"]))):
        browser.get(path if browser is not editor else "/approvals")
        browser.post(path, typed, 422)
        assert "Enter at most 2,000 characters." in browser.text
        assert f'value="{typed["comment"].strip()}"' in browser.text
    assert status_of(api, execution_id) == "waiting"


def test_a_link_of_what_is_over_says_so(app: Any, api: Api, smtp: SmtpServer) -> None:
    execution_id = ask(api, by_email=True)
    page = link(smtp.wait_for(1)[0])
    api.post(f"/executions/{execution_id}/cancel/")
    browser = Browser(app)
    browser.get(page)
    assert "no longer open" in browser.text
    browser.post(page, {"decision": "approved"})
    browser.get(page)
    assert "no longer open" in browser.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_opening_a_link_of_the_mail_decides_nothing(
    app: Any, api: Api, smtp: SmtpServer, method: str, decision: str
) -> None:
    execution_id = ask(api, by_email=True)
    address = link(smtp.wait_for(1)[0])
    for headers in ({"Accept": "text/html"}, {"Accept": "*/*"}, {}):
        seen = app.test_client().open(f"{address}?decision={decision}", method=method, headers=headers)
        assert seen.status_code == 200
    assert status_of(api, execution_id) == "waiting"
    assert len(waits_of(app, execution_id)) == 1


def waits_of(app: Any, execution_id: str) -> list[Any]:
    with app.app_context(), tenant_session(db.engine, stored(app, execution_id).organization_id) as session:
        return approvals.of_execution(session, session.get_one(Execution, execution_id))
