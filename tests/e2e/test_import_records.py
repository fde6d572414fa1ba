"""An import in a real browser: a file with one bad row is mapped, checked and taken; its error file is corrected and sent again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}
FILE = "Courriel;Prénom;Famille;Entreprise\nann@b.example;Ann;Lee;Acme\nbob at b;Bob;Ray;Acme\n"


def test_a_file_is_imported_and_its_errors_are_sent_again(group: Group, visit: Callable, tmp_path: Path) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    file = tmp_path / "clients.csv"
    file.write_bytes(FILE.encode("cp1252"))
    choose(page, file)
    expect(page.get_by_label("Courriel")).to_have_value("email")
    expect(page.get_by_label("Famille")).to_have_value("")
    page.get_by_label("Famille").select_option(label="Last name")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#trial")).to_contain_text("Rows that cannot be imported as they are: 1.")
    expect(page.get_by_role("region", name="Problems")).to_contain_text("Enter an e-mail address")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Created: 1.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download error file").click()
    errors = download.value.path().read_text("utf-8-sig")
    assert re.search(r"^bob at b;Bob;Ray;Acme;.*Courriel", errors, re.MULTILINE)
    file.write_text(errors.replace("bob at b", "bob@b.example"), "utf-8-sig")
    choose(page, file)
    expect(page.get_by_label("Famille")).to_have_value("last_name")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Created: 1.")).to_be_visible()
    page.goto("/contacts")
    for name in ("Ann Lee", "Bob Ray"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def choose(page: Page, file: Path) -> None:
    """Up to the columns of the file."""
    page.goto("/contacts")
    page.get_by_role("link", name="Import", exact=True).first.click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Import clients.csv")).to_be_visible()
