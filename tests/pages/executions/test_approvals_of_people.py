"""Approvals that name people, on the pages: the list, the execution, the mail's link, the editor, the page of members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Member
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.conftest import place as _place
from tests.api.crm.people import working
from tests.api.waiting import ended, status_of, wait_event, waiting
from tests.pages.executions.test_approvals import link, sign_in
from tests.support.browser import Browser, Tab
from tests.support.servers.smtp import SmtpServer

place = _place


@pytest.fixture
def api(app: Any, place: Any) -> Iterator[Api]:
    with working():
        yield Api(app.test_client(), place)


def ask(api: Api, **params: Any) -> str:
    question = {"title": "Pay?", "members": [f"viewer@{api.place.id}.example"], "by_email": False, **params}
    return waiting(api, wait_event(kind="approval", **question))


def test_mine_and_all(app: Any, api: Api) -> None:
    execution_id = ask(api)
    viewer, editor, admin = (sign_in(app, api, role) for role in ("viewer", "editor", "admin"))
    form = re.compile(rf'action="(/approvals/{execution_id}/\d+)"')
    for browser in (editor, admin):
        browser.get("/approvals")
        assert "Nothing to approve" in browser.text and "scope=all" in browser.text
    editor.get("/approvals?scope=all")
    assert "Pay?" in editor.text and "For: viewer" in editor.text
    assert not form.search(editor.text) and "Only they, admins and owners can decide." in editor.text
    admin.get("/approvals?scope=all")
    assert form.search(admin.text)
    viewer.get("/approvals")
    action = form.search(viewer.text)
    assert action
    editor.post(action[1], {"decision": "approved"}, 403)
    editor.get(f"/executions/{execution_id}")
    assert "Only they, admins and owners can decide." in editor.text and 'value="approved"' not in editor.text
    viewer.post(action[1], {"decision": "approved"})
    assert ended(api, execution_id)["steps"][0]["output"]["by"] == f"viewer@{api.place.id}.example"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_link_of_the_mail_acts_only_when_posted(app: Any, api: Api, smtp: SmtpServer, method: str) -> None:
    execution_id = ask(api, by_email=True)
    path = link(smtp.wait_for(1)[0])
    assert app.test_client().open(f"{path}?decision=approved", method=method).status_code == 200
    assert status_of(api, execution_id) == "waiting"
    person = Browser(app)
    person.get(path)
    person.post(path, {"decision": "approved"})
    assert ended(api, execution_id)["steps"][0]["output"]["by_link"] is True


def test_who_leaves_is_said_and_the_link_is_worth_nothing(app: Any, api: Api, smtp: SmtpServer) -> None:
    execution_id = ask(api, by_email=True)
    path = link(smtp.wait_for(1)[0])
    owner = sign_in(app, api, "owner")
    with app.app_context(), system_session(db.engine) as system:
        gone = system.scalars(select(Member.id).filter_by(organization_id=api.place.id, role="viewer")).one()
    owner.post_and_open(f"/settings/members/{gone}/remove")
    assert "1 approval waits for people who have left." in owner.text
    assert "Approvals still name them in “Waits”." in owner.text
    Browser(app).get(path, 404)
    owner.get("/approvals")
    assert f"viewer@{api.place.id}.example is not, or no longer, a member of the organization." in owner.text
    editor = sign_in(app, api, "editor")
    assert "Only admins and owners can decide." in editor.get("/approvals?scope=all").text
    action = re.search(rf'action="(/approvals/{execution_id}/\d+)"', owner.text)
    assert action
    owner.post(action[1], {"decision": "rejected"})
    assert ended(api, execution_id)["steps"][0]["branch"] == "rejected"


def test_the_editor_offers_members(app: Any, api: Api) -> None:
    steps = [wait_event(kind="approval", members=["gone@example.com"])]
    workflow = api.post("/workflows/", {"name": "Asks", "steps": steps}, 201)["id"]
    editor = sign_in(app, api, "editor")
    page = editor.get(f"/workflows/{workflow}/steps/ask").text
    name = re.search(r'<input type="checkbox"[^>]*name="([^"]*members[^"]*)"', page)
    assert name and "gone@example.com (no longer available)" in page
    found = re.findall(rf'name="{name[1]}" value="([^"]+)"', page)
    assert found == [
        f"{role}@{api.place.id}.example" for role in ("admin", "editor", "operator", "owner", "viewer")
    ] + ["gone@example.com"]
    form_id = re.search(r'<form[^>]*id="([^"]+)"[^>]*method="post"|<form[^>]*method="post"[^>]*id="([^"]+)"', page)
    assert form_id
    tab = Tab(editor.client, f"/workflows/{workflow}/steps/ask", form_id[1] or form_id[2])
    tab.type(**{name[1]: ["", found[0]]}).send()
    assert api.get(f"/workflows/{workflow}/")["steps"][0]["params"]["members"] == [found[0]]
