"""Which step to add: what the organization uses most stands first; a search knows synonyms in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.catalog import ACTIONS
from flowapp.extensions import db
from flowapp.models.tenancy import system_session, tenant_session
from tests.pages.workflows.test_steps import HX, LOG, Site
from tests.support.tenant import add_organization


@pytest.fixture
def site(app: Any) -> Site:
    merges = [{"step_id": f"m{n}", "action_type": "merge", "params": {}} for n in range(2)]
    return Site(app, steps=[*merges, LOG])


def kinds(html: str) -> list[str]:
    """The step types on a page, in their order."""
    return re.findall(r'href="/workflows/[0-9a-f-]+/new-step/([a-z0-9_]+)', html)


def test_what_is_used_most_stands_first(site: Site) -> None:
    with site.app.app_context():
        with system_session(db.engine) as system:
            other, _ = add_organization(system, "Other")
            system.commit()
        with tenant_session(db.engine, other) as session:
            steps = [{"step_id": f"s{n}", "action_type": "split", "params": {}} for n in range(9)]
            workflows.create(session, {"name": "Not ours", "steps": steps}, actor_id=None)
            session.commit()
    page = site.get("/new-step")
    headings = re.findall(r'<h2 class="catalog-title">([^<]+)', page)
    assert headings[:5] == ["Most used", "Flow", "CRM", "Data", "Send"]
    assert headings[5:] == sorted({spec.group for spec in ACTIONS.values() if spec.home}, key=str.lower)
    assert kinds(page)[:3] == ["merge", "log", "split"]
    assert sorted(kinds(page)) == sorted(ACTIONS)


def test_nothing_is_used_yet(app: Any) -> None:
    page = Site(app).get("/new-step")
    assert "Most used" not in page
    assert sorted(kinds(page)) == sorted(ACTIONS)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        *((word, "send_email") for word in ("mail", "E-Mail", "email", "message", "courriel", "Send a mail to Ann")),
        *((word, "wait_time") for word in ("pause", "delay", "attendre", "DÉLAI", "delai", "wait 2 days", "sleep")),
        *((word, "conditional") for word in ("if", "condition", "si", "else", "Sinon")),
        *((word, "send_webhook") for word in ("http", "api", "requête", "post request", "HTTP-Request")),
        *((word, "database_save") for word in ("save", "enregistrer", "insert", "save table")),
        *((word, "database_query") for word in ("find", "query", "chercher")),
        *((word, "wait_event") for word in ("approval", "approbation")),
        *((word, "loop") for word in ("loop", "for each", "boucle", "répéter")),
    ],
)
def test_a_search_knows_synonyms(site: Site, words: str, first: str) -> None:
    assert first in kinds(site.get("/new-step", query_string={"q": words, "after": "note"}, headers=HX))[:3]


def test_what_fits_all_words_hides_what_fits_some(site: Site) -> None:
    assert kinds(site.get("/new-step?q=approval+role", headers=HX))[0] == "wait_event"
    assert set(kinds(site.get("/new-step?q=table", headers=HX))) >= {"database_save", "database_query"}
    both = kinds(site.get("/new-step?q=table+insert", headers=HX))
    assert both[0] == "database_save"
    assert "database_query" not in both


def test_in_french_the_english_names_are_known_too(site: Site) -> None:
    for words in ("wait until", "attendre jusque"):
        page = site.get("/new-step", query_string={"q": words}, headers={**HX, "Accept-Language": "fr"})
        assert "wait_until" in kinds(page)


@pytest.mark.parametrize("words", ["zzz", "ﷺ" * 300, "z" * 5000])
def test_what_no_step_is_called(site: Site, words: str) -> None:
    page = site.get("/new-step", query_string={"q": words}, headers=HX)
    assert kinds(page) == []
    assert "No step found" in page


@pytest.mark.parametrize("words", ["   ", "\x00", "%", "(" * 5000])
def test_a_search_without_a_word_is_none(site: Site, words: str) -> None:
    assert sorted(kinds(site.get("/new-step", query_string={"q": words}, headers=HX))) == sorted(ACTIONS)
