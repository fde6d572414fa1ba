"""Two contacts become one in a real browser, a note mentions a member, and what was deleted comes back."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive
from tests.e2e.test_every_page import AXE, STILL
from tests.support.group import ROOT, Group

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}


def test_two_contacts_become_one(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    make(page, "Jon", "jon@work.example")
    make(page, "John", "john@b.example")
    expect(page.locator(".record-alike")).to_contain_text("This may be the same as: Jon Smith")
    mention(page)
    page.get_by_role("link", name="Jon Smith").click()
    look(page, "merge")
    page.get_by_role("radio", name="First name: Jon", exact=True).check()
    page.locator("#merge-form").get_by_role("button", name="Merge").click()
    expect(page.get_by_role("heading", name="Jon Smith")).to_be_visible()
    expect(page.locator("#record-fields")).to_contain_text("john@b.example, jon@work.example")
    expect(page.locator("#record-timeline")).to_contain_text("merged the contact Jon Smith into this one")
    page.goto("/contacts/duplicates")
    expect(page.get_by_text("No likely duplicates")).to_be_visible()
    look(page, "duplicates")
    page.goto("/settings/notifications")
    look(page, "notifications")
    page.goto("/contacts")
    page.get_by_role("link", name="Jon Smith").first.click()
    page.get_by_text("Delete", exact=True).first.click()
    page.get_by_role("button", name="Move to trash").click()
    expect(page.get_by_role("heading", name="Contacts", exact=True)).to_be_visible()  # not while it is still on its way
    page.goto("/settings/trash")
    look(page, "trash")
    page.get_by_role("button", name="Restore: Jon Smith").click()
    expect(page.get_by_text("was restored")).to_be_visible()


def make(page: Page, first: str, email: str) -> None:
    page.goto("/contacts/new")
    page.get_by_label("First name").fill(first)
    page.get_by_label("Last name").fill("Smith")
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=f"{first} Smith")).to_be_visible()


def mention(page: Page) -> None:
    """Members are offered while somebody types @."""
    note = page.locator("#note-form textarea")
    note.click()
    page.keyboard.type("Ask @")
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    name = option.text_content() or ""
    page.keyboard.press("Enter")
    expect(note).to_have_value(f"Ask @{name.replace(' ', '')} ")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#record-timeline")).to_contain_text("Ask @")


def look(page: Page, name: str) -> None:
    """No axe violations, and no sideways scrolling on a phone, in both themes."""
    page.evaluate(STILL)
    for size, scheme in (({"width": 1440, "height": 900}, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        if folder := os.environ.get("FLOWAPP_LOOK"):
            page.screenshot(path=f"{folder}/{name}-{scheme}.png", full_page=True)
        if page.evaluate("typeof axe") == "undefined":
            page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text())
        found = [one for one in page.evaluate(AXE, [scheme, {}]) if not one.startswith("color-contrast-enhanced")]
        assert found == [], name
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
