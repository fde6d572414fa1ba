"""The first visit."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.accounts import members
from flowapp.errors import ConfigError
from flowapp.extensions import db
from flowapp.models import AuditEntry, DataTable, Form, Member, Organization, Project, Schema, User, Workflow
from flowapp.models.tenancy import system_session
from tests.api.crm.people import working
from tests.support.applications import running
from tests.support.browser import PASSWORD, Browser


def everything(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model)))


@pytest.mark.parametrize("path", ["/", "/login", "/settings/members", "/no-such-page"])
def test_every_page_leads_to_the_setup_while_there_is_nobody(app: Any, path: str) -> None:
    assert Browser(app).get(path, 303).location == "/setup"


def test_the_api_says_401_and_not_setup(app: Any, client: Any) -> None:
    assert client.get("/api/v1/automation/workflows/").status_code == 401


def test_the_zone_that_is_offered_is_the_browser_s_until_one_was_sent(app: Any) -> None:
    """The script (static/src/zone.js, tests/e2e/test_first_visit.py) fills it in where this mark stands."""
    browser = Browser(app)
    browser.get("/setup")
    assert "data-browser-zone" in browser.text
    browser.post("/setup", {"name": "Ada", "email": "no address", "password": PASSWORD, "timezone": "UTC"}, 422)
    assert "data-browser-zone" not in browser.text


def test_the_setup_makes_an_owner_who_is_signed_in(app: Any) -> None:
    browser = Browser(app)
    browser.get("/setup")
    assert "Create account" in browser.text
    assert (
        browser.post(
            "/setup",
            {
                "name": " Ada  L ",
                "email": " Ada@Example.com ",
                "password": PASSWORD,
                "timezone": "Europe/Paris",
                "organization": "Acme",
            },
        ).location
        == "/"
    )
    (user,), (place,), (member,) = everything(app, User), everything(app, Organization), everything(app, Member)
    assert (user.name, user.email, user.is_superuser) == ("Ada L", "ada@example.com", True)
    assert (place.name, place.timezone, member.role) == ("Acme", "Europe/Paris", "owner")
    assert PASSWORD not in user.password_hash
    assert [p.is_default for p in everything(app, Project)] == [True]
    assert "organization.created" in {e.action for e in everything(app, AuditEntry)}
    browser.get("/settings/profile")
    assert "ada@example.com" in browser.text


def test_the_example_takes_no_first_step_off_the_list(app: Any) -> None:
    browser = Browser(app).set_up(demo="y")

    def done() -> dict[str, bool]:
        browser.get("/")
        items = re.findall(r'<li class="list-group-item.*?</li>', browser.text, re.DOTALL)
        return {name: "Done" in item for name in ("Create a form", "Build your own") for item in items if name in item}

    assert len(everything(app, Form)) == 1
    assert len(everything(app, Workflow)) == 2
    assert done() == {"Create a form": False, "Build your own": False}
    field = {"fields-0-label": "Name", "fields-0-type": "text"}
    browser.post("/forms/new", {"name": "Order", "title": "Order", **field})
    assert done() == {"Create a form": True, "Build your own": False}
    browser.post("/workflows/new", {"name": "Mine"})
    assert done() == {"Create a form": True, "Build your own": True}


def test_without_demo_data_there_is_one_template(app: Any) -> None:
    Browser(app).set_up()
    (workflow,) = everything(app, Workflow)
    assert (workflow.name, workflow.is_template) == ("Hello, Flowapp", True)
    assert everything(app, Form) == []


def test_with_demo_data_there_is_an_example_that_can_be_published(app: Any) -> None:
    Browser(app).set_up(demo="y")
    assert {w.name: w.status for w in everything(app, Workflow)} == {
        "Hello, Flowapp": "draft",
        "Welcome a new contact": "active",
    }
    slugs = [row.slug for model in (Form, DataTable, Schema) for row in everything(app, model)]
    assert slugs == ["contact_form_1", "contacts", "contact_schema"]


def test_both_workflows_run_green_at_the_first_click(app: Any, smtp: Any) -> None:
    Browser(app).set_up(demo="y")
    with app.app_context():
        with system_session(db.engine) as system:
            organization, user = system.scalars(select(Organization)).one(), system.scalars(select(User)).one()
        _, token = _token(organization.id, user.id)
        with working():
            client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
            for workflow in everything(app, Workflow):
                path = f"/api/v1/automation/workflows/{workflow.id}/execute/"
                answer = client.post(path, json={"async_execution": False}, headers=headers)
                assert (answer.status_code, answer.json["status"], answer.json["error_message"]) == (
                    200,
                    "completed",
                    "",
                )
    (mail,) = smtp.wait_for(1)
    assert (mail.recipients, mail.message["Subject"]) == (["ada@example.com"], "Welcome, Ada")


def _token(organization_id: str, user_id: str) -> tuple[Any, str]:
    from flowapp.models.tenancy import tenant_session
    from flowapp.security.roles import Role

    with tenant_session(db.engine, organization_id) as session:
        made = members.create_token(session, user_id, "test", Role.OWNER, by=Role.OWNER)
        session.commit()
        return made


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "ada", "Enter an e-mail address"),
        ("password", "short", "at least 10 characters"),
        ("name", " ", "Enter a name"),
        ("timezone", "Mars/Phobos", "Choose a time zone"),
        ("timezone", "localtime", "Choose a time zone"),
        ("name", "A\0a", "Enter a name"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_saved(
    app: Any, field: str, value: str, words: str
) -> None:
    browser = Browser(app)
    data = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "timezone": "UTC", field: value}
    browser.post("/setup", data, 422)
    at = browser.text.index(f'id="{field}-error"')
    assert words in browser.text[at : at + 400]
    assert PASSWORD not in browser.text
    assert everything(app, User) == []
    assert everything(app, Organization) == []


def test_afterwards_the_setup_is_closed(app: Any) -> None:
    Browser(app).set_up()
    other = Browser(app)
    assert other.get("/setup", 303).location == "/login"
    other.post("/setup", {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}, 409)
    assert other.get("/", 303).location.startswith("/login")
    assert len(everything(app, User)) == 1


def test_the_setup_asks_for_the_csrf_token(app: Any, client: Any) -> None:
    assert (
        client.post("/setup", data={"name": "Eve", "email": "eve@example.com", "password": PASSWORD}).status_code == 400
    )
    assert everything(app, User) == []


@pytest.fixture
def named(settings: Any) -> Iterator[Any]:
    with running(dataclasses.replace(settings, admin_email="root@example.com", admin_password=PASSWORD)) as app:
        yield app


def test_the_environment_may_name_the_owner(named: Any) -> None:
    app = named
    browser = Browser(app)
    assert browser.get("/setup", 303).location == "/login"
    assert browser.sign_in("root@example.com").location == "/"
    assert [w.name for w in everything(app, Workflow)] == ["Hello, Flowapp"]


def test_an_owner_from_the_environment_who_cannot_be_is_named(settings: Any) -> None:
    wanted = pytest.raises(ConfigError, match=r"FLOWAPP_ADMIN_PASSWORD.*at least 10")
    with (
        running(dataclasses.replace(settings, admin_email="root@example.com", admin_password="short")) as app,
        app.app_context(),
        wanted,
    ):
        members.ensure_admin(db.engine, app.extensions["settings"])
