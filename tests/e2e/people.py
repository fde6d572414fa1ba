"""What people do again and again."""

from __future__ import annotations

import secrets
from functools import cache
from threading import Event

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from flowapp import create_app
from flowapp.config import Settings
from flowapp.extensions import db
from flowapp.models import Organization, User
from flowapp.models.tenancy import tenant_session
from flowapp.template_library import demo as library
from tests.support.browser import PASSWORD
from tests.support.group import Group
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.tenant import make_tenant


def set_up(page: Page, *, demo: bool = True) -> None:
    """Fills in the form of the first visit and sends it."""
    page.goto("/setup")
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Add an example").set_checked(demo)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()


@cache
def app_of(group: Group) -> Flask:
    """This process's own application, on the group's data."""
    return create_app(Settings.from_env(group.environ))


def arrive(page: Page, group: Group, *, demo: bool = False) -> str:
    """Signs in as the owner of a new organization, with its first content. Gives the e-mail address."""
    with app_of(group).app_context():
        tenant = make_tenant(db.engine, f"Of {secrets.token_hex(4)}")
        with tenant_session(db.engine, tenant.organization_id) as session:
            owner, organization = (
                session.get_one(User, tenant.user_id),
                session.get_one(Organization, tenant.organization_id),
            )
            owner.name, organization.name = "Ada Lovelace", "Acme"
            library.furnish(session, organization, owner, example=demo)
            session.commit()
    page.goto("/login")
    page.get_by_label("E-mail").fill(tenant.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()
    return tenant.email


def hold(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> Event:
    """The sink takes what it gets, but answers only once the event is set."""
    released, take = Event(), sink.take

    def take_slowly(received: Received) -> Answer:
        found = take(received)
        released.wait(60)
        return found

    monkeypatch.setattr(sink, "take", take_slowly)
    return released
