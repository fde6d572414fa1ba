"""What was typed is still there after the thing was deleted, the session ended, or the wizard was gone through again."""

from __future__ import annotations

from hashlib import shake_256
from typing import Any

import pytest

from flowapp.extensions import db
from flowapp.models import User, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.passwords import hash_password
from tests.pages.workflows.test_steps import HX, LOG, Site
from tests.pages.workflows.test_two_tabs import CALL, tab
from tests.support.browser import PASSWORD, FormReader, Tab

OWN = {"Origin": "http://localhost"}


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[CALL, LOG])


def test_a_step_that_was_deleted_is_added_again_in_its_place(site: Site) -> None:
    edited = tab(site, "/steps/note", "editor")
    site.post("/steps/note/delete")
    edited.type(p__message="Still here").send(422)
    assert "This was deleted in the meantime" in edited.html
    edited.send()
    assert [step["params"].get("message") for step in site.draft["steps"]] == [None, "Still here"]


def test_a_new_step_whose_place_is_gone_comes_last(site: Site) -> None:
    new = tab(site, "/new-step/log?after=call", "editor")
    site.post("/steps/call/delete")
    new.type(name="Late", p__message="late").send()
    assert [step["name"] for step in site.draft["steps"]] == ["Note", "Late"]


def test_a_trigger_that_was_deleted_is_added_again(site: Site) -> None:
    site.post("/new-trigger/schedule", p__every="daily", p__at="08:00", p__timezone="UTC")
    edited = tab(site, f"/triggers/{site.draft['triggers'][0]['key']}", "editor")
    site.post(f"/triggers/{site.draft['triggers'][0]['key']}/delete")
    edited.type(p__at="09:30").send(422)
    assert site.draft["triggers"] == []
    edited.send()
    assert site.draft["triggers"][0]["config"]["at"] == "09:30"


def end_the_session(site: Site) -> None:
    with site.client.session_transaction() as session:
        session.clear()
    with site.app.app_context(), system_session(db.engine) as system:
        system.query(User).one().password_hash = hash_password(PASSWORD)
        system.commit()


def sign_in(site: Site, html: str) -> str:
    """Fills in the sign-in form of a page; the page that comes then."""
    signing = FormReader("login", html)
    typed = signing.values | {"email": ["ann@example.com"], "password": [PASSWORD]}
    answer = site.client.post(signing.action, data=typed)
    assert answer.status_code == 200, (answer.status_code, answer.location)
    return answer.get_data(as_text=True)


def test_the_session_ends_while_a_step_is_edited(site: Site) -> None:
    edited = tab(site, "/steps/call", "editor").type(name="Typed <b>\n", p__url="https://typed.example/")
    end_the_session(site)
    answer = site.client.post(edited.action, data=edited.values, headers=OWN)
    assert answer.status_code == 401
    kept = FormReader("kept", sign_in(site, answer.get_data(as_text=True)))
    assert kept.action == site.url("/steps/call")
    again = site.client.post(kept.action, data=kept.values)
    assert again.status_code == 200
    assert site.draft["steps"][0]["name"] == "Call", "nothing is saved before somebody says so"
    edited.show(again.get_data(as_text=True))
    edited.send()
    assert site.draft["steps"][0]["params"]["url"] == "https://typed.example/"


def test_htmx_sends_the_whole_form_when_the_session_has_ended(site: Site) -> None:
    edited = tab(site, "/steps/call", "editor")
    end_the_session(site)
    answer = site.client.post(edited.action, data=edited.values, headers=OWN | HX)
    assert (answer.status_code, answer.headers.get("X-Send-Again")) == (401, "form")


def test_a_new_session_in_another_tab_keeps_the_text_too(site: Site) -> None:
    edited = tab(site, "/settings", "settings").type(name="Typed")
    answer = site.client.post(edited.action, data=edited.values | {"csrf_token": "of an older session"}, headers=OWN)
    kept = FormReader("kept", answer.get_data(as_text=True))
    again = site.client.post(kept.action, data=kept.values)
    assert 'value="Typed"' in again.get_data(as_text=True)
    assert site.draft["name"] == "Welcome"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {}], ids=["another page", "nobody says"])
def test_only_pages_of_our_own_have_their_text_kept(site: Site, headers: dict[str, str]) -> None:
    edited = tab(site, "/steps/call", "editor")
    end_the_session(site)
    answer = site.client.post(edited.action, data=edited.values, headers=headers)
    assert (answer.status_code, answer.location) == (303, "/login?next=/")


def test_secrets_are_not_carried(site: Site) -> None:
    edited = tab(site, "/steps/call", "editor")
    end_the_session(site)
    typed = edited.values | {"secret-password": "hunter2-x", "p-auth_token": "hunter2-y", "name": "Typed"}
    answer = site.client.post(edited.action, data=typed, headers=OWN)
    shown = sign_in(site, answer.get_data(as_text=True))
    assert "Typed" in shown
    assert "hunter2" not in shown


def test_what_is_not_signed_is_not_carried(site: Site) -> None:
    end_the_session(site)
    page = site.client.get("/login").get_data(as_text=True)
    form = FormReader("login", page).values | {"email": ["ann@example.com"], "password": [PASSWORD]}
    answer = site.client.post("/login", data=form | {"_kept": "forged"})
    assert (answer.status_code, answer.location) == (303, "/")


def test_back_and_next_in_the_wizard_make_one_draft(site: Site) -> None:
    start = site.client.get("/workflows/new").location
    first = Tab(site.client, start, "stage")
    first.type(name="New one").send()
    first.type(name="Better name").send()
    again = site.client.get(start)
    assert again.status_code == 303
    Tab(site.client, again.location, "stage").type(description="Words").send()
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        made = session.query(Workflow).filter(Workflow.id != site.id).all()
        assert [(workflow.name, workflow.description) for workflow in made] == [("Better name", "Words")]
    other = Tab(site.client, site.client.get("/workflows/new").location, "stage")
    other.type(name="Another").send()
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        assert session.query(Workflow).count() == 3


def test_the_name_of_a_draft_does_not_fill_the_session(site: Site) -> None:
    """It stands in a cookie, for which browsers have 4 KB."""
    typed = {"csrf_token": site.csrf, "name": "New one", "draft": shake_256().hexdigest(100_000)}
    answer = site.client.post("/workflows/new", data=typed)
    assert answer.status_code == 303
    assert max(len(cookie) for cookie in answer.headers.getlist("Set-Cookie")) < 1000
