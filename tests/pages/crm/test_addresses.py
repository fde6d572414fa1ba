"""What somebody writes into the address of a list or a board: whatever it is, the page answers, soon."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from flowapp.models import Pipeline, new_id
from tests.pages.crm.conftest import Crm

pytestmark = pytest.mark.both_databases
ADDRESSES = ("/contacts", "/companies", "/deals/list", "/deals", "/tasks")


@pytest.mark.parametrize("address", ADDRESSES)
def test_filters_that_a_page_does_not_have_match_nothing(crm: Crm, address: str) -> None:
    """Contacts have no stage and no status: asking for one was an error of Flowapp."""
    crm.contact("ann@example.com")
    for value in ("nobody", "9" * 400, new_id()):
        for name in ("owner", "stage", "status", "list", "tag", "pipeline", "assignee", "cursor"):
            crm.ada.get(f"{address}?{name}={value}")


def test_a_contact_has_no_status(crm: Crm) -> None:
    crm.contact("ann@example.com")
    assert "ann@example.com" in crm.ada.get("/contacts").text
    for asked in ("status=open", f"stage={new_id()}", "owner=nobody"):
        assert "ann@example.com" not in crm.ada.get(f"/contacts?{asked}").text


@pytest.mark.parametrize("address", ["/deals", "/deals/list", "/deals/new", "/companies/new"])
def test_a_page_that_makes_the_first_pipeline_keeps_no_lock(crm: Crm, address: str) -> None:
    """The page waited for a lock that it held itself, and everybody who writes waited with it: 15 seconds."""
    before = time.monotonic()
    assert crm.ada.get(address)
    assert time.monotonic() - before < 10
    with crm.session() as session:
        assert len(session.scalars(select(Pipeline)).all()) == 1


@pytest.mark.parametrize("address", ADDRESSES[:4])
def test_a_search_for_a_thousand_words_is_one_for_the_first_ten(crm: Crm, address: str) -> None:
    """SQLite refused so many conditions, and PostgreSQL worked on them for seconds."""
    crm.deal("Tenfold word")
    words = "+".join(["word"] * 1_500)
    assert ("Tenfold" in crm.ada.get(f"{address}?q={words}").text) == address.startswith("/deals")
