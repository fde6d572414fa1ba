"""How numbers and dates are written: asked at set-up, chosen for a column, a file, a form."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import pytest

from tests.support.browser import Browser

COLUMNS = {"name": "Orders", "columns-0-label": "Amount", "columns-0-type": "number", "columns-1-label": "Day", "columns-1-type": "date"}  # fmt: skip


def chosen(page: str, name: str) -> str:
    """The option of a select that is chosen; empty for none."""
    found = re.search(rf'<select[^>]* name="{name}".*?</select>', page, re.DOTALL)
    assert found, page
    picked = re.search(r'<option[^>]*(?:value="([^"]*)"[^>]*selected|selected[^>]*value="([^"]*)")', found[0])
    return (picked[1] or picked[2] or "") if picked else ""


@pytest.mark.parametrize(
    ("languages", "offered"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr-FR"),
        ("en-US,en;q=0.5", "en-US"),
        ("de", "de-DE"),
        ("cs", "cs-CZ"),
        ("en,fr-FR;q=0.5", ""),  # of English there are several
        ("fr-MA,fr;q=0.9", ""),
        ("xx", ""),
    ],
)
def test_set_up_offers_the_notation_that_the_browser_names(app: Any, languages: str, offered: str) -> None:
    browser = Browser(app)
    page = browser.get("/setup", headers={"Accept-Language": languages}).text
    assert chosen(page, "locale") == offered


def test_the_notation_of_set_up_is_the_organization_s(app: Any) -> None:
    browser = Browser(app).set_up(locale="de-CH")
    assert chosen(browser.get("/settings/organization").text, "locale") == "de-CH"


def test_set_up_guesses_nothing_in_silence(app: Any) -> None:
    """Whoever sends the form without it has not chosen; what is no locale is refused."""
    browser = Browser(app)
    browser.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr-FR"
    ada = {"name": "Ada", "email": "a@example.com", "password": "correct horse battery", "organization": "A"}
    assert "Choisissez" in html.unescape(browser.post("/setup", {**ada, "locale": "xx-XX"}, 422).text)
    browser.post("/setup", ada)
    assert chosen(browser.get("/settings/organization").text, "locale") == ""


@pytest.mark.both_databases
def test_a_column_s_notation_is_chosen_on_its_card(app: Any) -> None:
    browser = Browser(app).set_up(locale="de-DE")
    path = browser.post("/tables/new", COLUMNS).location
    card = {"label": "Amount", "key": "amount", "locale": "en-US"}
    browser.post(f"{path}/columns/amount", card)
    page = browser.get(f"{path}/columns").text
    assert chosen(page.split('id="column-amount"')[1], "locale") == "en-US"
    browser.post(f"{path}/records/new", {"amount": "1,234", "day": "03/04/2026"})
    shown = browser.get(path).text
    assert "1234" in shown and "2026-04-03" in shown
    assert "en-US" in browser.post(f"{path}/columns/amount", {**card, "locale": "zz"}, 422).text  # what there is


@pytest.mark.both_databases
def test_a_file_s_notation_is_chosen_in_the_preview(app: Any) -> None:
    browser = Browser(app).set_up()
    path = browser.post("/tables/new", COLUMNS).location
    file = {"file": (io.BytesIO(b'amount;day\r\n"1,234";03/04/2026\r\n'), "x.csv")}
    page = browser.post(f"{path}/import", file, 200, content_type="multipart/form-data").text
    assert "may mean" in html.unescape(page) and chosen(page, "locale") == ""
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("upload", "read_as")}
    given = {**fields, "encoding": chosen(page, "encoding"), "separator": chosen(page, "separator"),
             "map-0": "amount", "map-1": "day", "locale": "en-US"}  # fmt: skip
    again = browser.post(f"{path}/import", {**given, "_import": "1"}, 200).text  # it was not shown so before
    assert "All rows are valid: 1." in again and chosen(again, "locale") == "en-US"
    given["read_as"] = re.search(r'name="read_as" value="([^"]*)"', again)[1]
    browser.post(f"{path}/import", {**given, "_import": "1"})
    shown = browser.get(path).text
    assert "1234" in shown and "2026-03-04" in shown


@pytest.mark.both_databases
def test_a_form_speaks_its_language_and_reads_its_notation(app: Any) -> None:
    browser = Browser(app).set_up(locale="en-US")
    fields = {"name": "Order", "fields-0-label": "Amount", "fields-0-type": "number", "fields-0-required": "y"}
    path = browser.post("/forms/new", {**fields, "locale": "fr-FR"}).location
    assert chosen(browser.get(f"{path}/edit").text, "locale") == "fr-FR"
    link = re.search(r"/f/[\w-]+", browser.get(path).text)[0]
    visitor = Browser(app)
    english = {"headers": {"Accept-Language": "en"}}
    page = visitor.get(link, **english).text
    assert '<html lang="fr"' in page and "Envoyer" in page
    assert "obligatoire" in visitor.post(link, {"amount": ""}, 422, **english).text
    visitor.post(link, {"amount": "1,234"})
    assert "1.234" in browser.get(path).text
    assert '<html lang="en"' in browser.get("/forms", **english).text
    browser.post(f"{path}/edit", {**fields, "locale": "zz"}, 422)
