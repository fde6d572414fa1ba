"""Saving a list from its page: as the page shows it, under the reader's names of the columns."""

from __future__ import annotations

import csv
import io
import re

from tests.pages.crm.conftest import Crm


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


def test_what_cannot_be_saved_leads_back_and_says_why(crm: Crm) -> None:
    answer = crm.ada.get("/exports/deal.csv?sort=salary", 303)
    assert "The list was not saved: This list cannot be sorted by" in crm.ada.get(answer.location).text
    crm.ada.get("/exports/deal.pdf", 404)
    crm.ada.get("/exports/note.csv", 404)
    crm.member("viewer").get("/exports/contact.csv")
