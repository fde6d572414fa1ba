"""A list in a real browser: somebody filters it, chooses columns, saves and shares it, and a colleague opens it on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive
from tests.support.browser import PASSWORD
from tests.support.group import Group

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}


def test_a_view_is_built_saved_shared_and_opened(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    for name in ("Ann", "Bob"):
        page.goto("/contacts/new")
        page.get_by_role("textbox", name="First name", exact=True).fill(name)
        page.get_by_role("textbox", name="E-mail", exact=True).fill(f"{name.lower()}@b.example")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    page.goto("/contacts")
    build(page)
    page.get_by_role("link", name="Columns", exact=True).click()
    page.get_by_role("checkbox", name="Phone").uncheck()
    page.get_by_role("checkbox", name="Language").check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("columnheader", name="Language")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Phone")).to_have_count(0)
    page.get_by_role("link", name="Save as view").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Not Ann")
    page.get_by_role("checkbox", name="Shared with all members").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Not Ann")).to_have_attribute("aria-current", "page")
    change_a_cell(page)
    path = page.url
    page.goto("/settings/members/invite")
    page.get_by_label("E-mail").fill("grace@example.com")
    page.get_by_role("button", name="Create invitation").click()
    colleague = visit(group).new_page()
    colleague.goto(page.get_by_role("textbox", name="Invitation link").input_value())
    read(colleague, path)
    define_a_field(page)
    select_on_a_phone(page, path)


def build(page: Page) -> None:
    """First name is not Ann, whatever the case."""
    page.get_by_role("link", name="Filter", exact=True).click()
    page.get_by_label("Field: 1").select_option("First name")
    page.get_by_label("Operator: 1").select_option("is not")
    page.get_by_role("textbox", name="Value: 1").fill("ANN")
    expect(page.get_by_role("checkbox", name="Ignore case")).to_be_checked()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("First name is not ANN")).to_be_visible()
    expect(page.locator("td.main")).to_have_text(["Bob"])


def change_a_cell(page: Page) -> None:
    """In place: the row stays where it is."""
    page.locator("tbody tr").hover()
    page.get_by_role("link", name="Edit: Score, Bob").click()
    page.get_by_role("textbox", name="Score").or_(page.get_by_role("spinbutton", name="Score")).fill("12")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("td[data-label='Score']")).to_have_text("12")


def read(page: Page, path: str) -> None:
    """The colleague joins, begins with all contacts and opens the view from its tab."""
    page.get_by_label("Your name").fill("Grace Hopper")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()
    page.set_viewport_size(PHONE)
    page.goto(path.partition("?")[0])
    expect(page.locator("td.main")).to_have_count(2)
    page.get_by_role("link", name="Not Ann").click()
    expect(page.locator("td.main")).to_have_text(["Bob"])
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def define_a_field(page: Page) -> None:
    """Only the boxes of its type are shown."""
    page.goto("/settings/fields/new")
    choices, target = page.get_by_role("textbox", name="Choices"), page.get_by_label("Links to")
    expect(choices).to_be_hidden()
    page.get_by_label("Type", exact=True).select_option("Multiple choice")
    expect(choices).to_be_visible()
    expect(target).to_be_hidden()
    page.get_by_label("Type", exact=True).select_option("Another record")
    expect(target).to_be_visible()


def select_on_a_phone(page: Page, path: str) -> None:
    """The whole page of a list, whose head is not seen there."""
    page.set_viewport_size(PHONE)
    page.goto(path)
    page.get_by_role("checkbox", name="Select this page").check()
    expect(page.get_by_text("Selected: 1")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Select: Bob")).to_be_checked()
