"""The command palette: Ctrl+K finds and opens a contact, by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e


def test_a_contact_is_found_and_opened_by_keyboard(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    page.keyboard.press("Control+K")
    palette = page.get_by_role("dialog", name="Search")
    palette.get_by_role("combobox").press_sequentially("new con")
    expect(palette.get_by_role("option")).to_have_text(["New contact"])
    page.keyboard.press("Enter")
    page.get_by_label("First name").fill("Élodie")
    page.get_by_label("E-mail").fill("elodie@example.com")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Élodie")).to_be_visible()
    page.goto("/")
    page.keyboard.press("Control+K")
    page.keyboard.type("elodie@ex")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Élodie")).to_be_visible()
    page.keyboard.press("Control+K")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Élodie")
    page.keyboard.press("ArrowDown")
    expect(palette.get_by_role("option", selected=True)).to_have_text("Hello, Flowapp")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
