"""Saving a list from its page: as the page shows it, under the reader's names of the columns."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from flowapp.crm.views import fields
from flowapp.crm.views.reader import Reader
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline="")))


def test_a_list_is_saved_as_it_is_shown(crm: Crm) -> None:
    for name in ("ann", "bob"):
        crm.contact(f"{name}@b.example", first_name=name.title())
    html = crm.ada.get("/contacts?q=bob&sort=email").text
    (path,) = re.findall(r'href="(/exports/contact\.csv[^"]*)"', html)
    answer = crm.ada.get(path.replace("&amp;", "&"))
    assert answer.headers["Content-Disposition"] == "attachment; filename=contacts.csv"
    header, *rows = table(answer.text)
    assert header[:4] == ["E-mail", "First name", "Last name", "Other e-mails"]
    assert [row[0] for row in rows] == ["bob@b.example"]
    for noun in ("company", "deal", "task"):
        assert len(table(crm.ada.get(f"/exports/{noun}.csv").text)) == 1
        assert crm.ada.client.get(f"/exports/{noun}.xlsx").data[:2] == b"PK"


def links(html: str) -> list[str]:
    return [unescape(path) for path in re.findall(r'href="(/exports/[a-z]+\.csv[^"]*)"', html)]


def test_the_columns_that_a_list_shows_are_saved_in_its_order(crm: Crm) -> None:
    crm.contact("ann@b.example", first_name="Ann", last_name="Lee", score=7)
    assert len(links(crm.ada.get("/contacts").text)) == 1
    shown, every = links(crm.ada.get("/contacts?columns=score,email,company.name").text)
    assert table(crm.ada.get(shown).text) == [
        ["First name", "Last name", "Score", "E-mail", "Company"], ["Ann", "Lee", "7", "ann@b.example", ""],
    ]  # fmt: skip
    assert table(crm.ada.get(every).text) == table(crm.ada.get("/exports/contact.csv").text)


def test_a_view_is_saved_with_its_columns(crm: Crm) -> None:
    crm.deal("Engine")
    tab = Tab(crm.ada.client, "/deals/views/new?columns=status,title,value&sort=title", "view-form")
    location = tab.type(name="Mine").send().location
    shown, every = links(crm.ada.get(location).text)
    assert [row[:2] for row in table(crm.ada.get(shown).text)] == [["Title", "Status"], ["Engine", "open"]]
    assert "Description" in table(crm.ada.get(every).text)[0]


@pytest.mark.parametrize("noun", ["contact", "company", "deal", "task"])
def test_every_column_of_a_list_can_be_saved(crm: Crm, noun: str) -> None:
    crm.deal("Engine")
    with crm.session() as session:
        names = [one.name for one in fields.of(Reader(session), noun).values() if one.shown]
    rows = table(crm.ada.get(f"/exports/{noun}.csv?columns={','.join(names)}").text)
    assert len(rows[0]) == len({*rows[0]}) and len(rows[0]) > 8


def test_what_cannot_be_saved_leads_back_and_says_why(crm: Crm) -> None:
    answer = crm.ada.get("/exports/deal.csv?sort=salary", 303)
    assert "The list was not exported: This list cannot be sorted by" in crm.ada.get(answer.location).text
    crm.ada.get("/exports/deal.pdf", 404)
    crm.ada.get("/exports/note.csv", 404)
    crm.member("viewer").get("/exports/contact.csv")
