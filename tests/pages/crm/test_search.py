"""The search over everything: its page, what the command palette shows of it, and the API's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.crm import contacts, tasks
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models.tenancy import system_session, tenant_session
from tests.pages.crm.conftest import Crm
from tests.support.browser import Browser
from tests.support.tenant import add_organization

pytestmark = pytest.mark.both_databases
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def filled(crm: Crm) -> Crm:
    acme = crm.company("Acmé", domain="acme.example")
    crm.contact("bob.lee@b.example", first_name="Bob", last_name="Lee", company_id=acme)
    crm.deal("Engine for Bob", company=acme)
    with crm.session() as session:
        tasks.create(session, {"title": "Call Bob"}, cause=crm.cause)
        workflows.create(session, {"name": "Welcome Bob"}, actor_id=None)
    return crm


def titles(browser: Browser, text: str, **options: Any) -> list[str]:
    browser.get("/search", query_string={"q": text}, **options)
    return re.findall(r'class="found-title">([^<]*)<', browser.text)


def test_one_word_finds_what_there_is_of_each_kind(filled: Crm) -> None:
    assert titles(filled.ada, "bob") == ["Bob Lee", "Engine for Bob", "Call Bob", "Welcome Bob"]
    assert "bob.lee@b.example · Acmé" in filled.ada.text
    assert titles(filled.ada, "acme") == ["Bob Lee", "Acmé", "Engine for Bob"]
    assert titles(filled.ada, "nobody") == []
    assert "Nothing was found for “nobody”." in filled.ada.text
    for odd in ('"', "*", "\0", "a" * 10_000, "%", "<script>"):
        titles(filled.ada, odd)


def test_without_a_text_what_was_last_worked_on_comes_and_the_commands(filled: Crm) -> None:
    found = titles(filled.ada, "")
    assert found[:5] == ["Bob Lee", "Acmé", "Engine for Bob", "Call Bob", "Welcome Bob"]
    assert found[5:] == ["Hello, Flowapp", "New contact", "New company", "New deal", "New task", "New workflow"]


def test_pages_and_commands_are_found_by_their_names_and_other_words(crm: Crm) -> None:
    assert titles(crm.ada, "new con") == ["New contact"]
    assert "Trash" in titles(crm.ada, "deleted")
    assert "Pipelines" in titles(crm.ada, "stages")
    viewer = crm.member("viewer")
    assert titles(viewer, "new con") == []
    assert "Pipelines" not in titles(viewer, "stages")
    assert "Contacts" in titles(viewer, "people")


def test_the_palette_takes_options(filled: Crm) -> None:
    assert titles(filled.ada, "bob lee", headers=PARTIAL) == ["Bob Lee"]
    assert "<html" not in filled.ada.text
    assert filled.ada.text.count('role="option"') == 1
    assert 'data-q="bob lee"' in filled.ada.text


def test_another_organization_is_not_seen(filled: Crm, app: Any) -> None:
    with app.app_context():
        with system_session(db.engine) as session:
            other, _project = add_organization(session)
            session.commit()
        with tenant_session(db.engine, other) as session:
            contacts.create(session, {"email": "bob@other.example", "first_name": "Bob"}, cause=SYSTEM)
            workflows.create(session, {"name": "Bob's"}, actor_id=None)
            session.commit()
    assert titles(filled.ada, "bob") == ["Bob Lee", "Engine for Bob", "Call Bob", "Welcome Bob"]
