"""Polling triggers on pages: found in the picker, their form, how their checks go, trying them out."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from flowapp.catalog import TRIGGERS
from flowapp.extensions import db
from flowapp.models import Integration, Trigger, TriggerPoll, utcnow
from flowapp.models.tenancy import system_session
from tests.pages.workflows.test_steps import LOG, Site

ENTRY = {"integration": "api", "path": "/orders", "items": "data"}


@pytest.fixture
def site(app: Any) -> Site:
    made = Site(app, steps=[LOG], triggers=[{"trigger_type": "api_new_entry", "config": ENTRY}])
    with app.app_context(), system_session(db.engine) as session:
        organization_id = made.workflow.organization_id
        session.add(
            Integration(
                organization_id=organization_id, integration_type="api", name="Shop", config={"base_url": "http://x"}
            )
        )
        session.commit()
    return made


def kinds(page: str) -> list[str]:
    return re.findall(r'href="/workflows/[0-9a-f-]+/new-trigger/([a-z0-9_]+)', page)


def test_those_of_services_stand_after_our_own(site: Site) -> None:
    page = site.get("/new-trigger")
    assert sorted(kinds(page)) == sorted(TRIGGERS)
    headings = re.findall(r'<h2 class="catalog-title">([^<]+)', page)
    of_services = sorted({spec.group for spec in TRIGGERS.values() if spec.home}, key=str.lower)
    assert "REST API" in of_services and headings[-len(of_services) :] == of_services


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("rest", "api_new_entry"),
        ("surveiller rest", "api_new_entry"),
        ("new entry", "api_new_entry"),
        ("form", "form_submit"),
    ],
)
def test_they_are_found(site: Site, words: str, first: str) -> None:
    assert kinds(site.get(f"/new-trigger?q={words}"))[0] == first


def test_nothing_is_found(site: Site) -> None:
    assert "No trigger found" in site.get("/new-trigger?q=xylophone")


def test_the_form_asks_in_plain_words_what_is_to_become_of_what_is_there(site: Site) -> None:
    page = html.unescape(site.get("/new-trigger/api_new_entry"))
    for words in ("Items that are there already", "Ignore them", "Start for each of them, too"):
        assert words in page
    assert re.search(r'name="p-interval"[^>]*value="5"|value="5"[^>]*name="p-interval"', page)
    assert "Shop" in page, "the connection can be chosen"
    refused = site.post("/new-trigger/api_new_entry", p__integration="api", p__path="/{{ input.a }}", p__interval="0")
    assert refused.status_code == 422
    answer = site.post(
        "/new-trigger/api_new_entry", p__integration="api", p__path="/news", p__interval="15", p__start="with_existing"
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    config = site.draft["triggers"][-1]["config"]
    assert (config["path"], config["interval"], config["start"]) == ("/news", 15, "with_existing")
    assert "/news · every 15 min" in html.unescape(site.get("/steps"))


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"status": "ok", "polled_at": utcnow()}, "Last successful check"),
        ({"status": "failing", "failures": 3, "error": "Out of order"}, "The last 3 checks failed."),
        ({"status": "failing", "failures": 1, "error": "Out of order"}, "Out of order"),
        ({"status": "busy", "error": "Too many requests"}, "The service asked to wait before the next check."),
        ({"status": "signed_out", "error": "Sign in again."}, "Nothing is checked until somebody signs in again."),
    ],
)
def test_the_page_of_the_workflow_says_how_its_checks_go(site: Site, state: dict[str, Any], shown: str) -> None:
    assert site.post("/activate").status_code == 303
    assert "Not checked yet." in site.get("")
    with site.app.app_context(), system_session(db.engine) as session:
        (trigger,) = session.query(Trigger).filter_by(workflow_id=site.workflow.id)
        session.add(TriggerPoll(trigger_id=trigger.id, organization_id=trigger.organization_id, **state))
        session.commit()
    page = html.unescape(site.get(""))
    assert shown in page and "Next:" in page


def test_it_can_be_tried_out_with_the_sample(site: Site) -> None:
    assert "ada@example.com" in html.unescape(site.get("/simulate"))


def test_the_integration_says_where_it_is_used(site: Site) -> None:
    with site.app.app_context(), system_session(db.engine) as session:
        (row,) = session.query(Integration)
        page = site.client.get(f"/integrations/{row.id}").get_data(as_text=True)
    assert f"/workflows/{site.workflow.id}" in page
