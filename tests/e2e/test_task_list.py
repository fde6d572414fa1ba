"""The list of tasks in a real browser: filtered, saved as a view, changed in place, done by hand and all at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}


def test_a_view_of_tasks_and_many_done_at_once(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    for title, days in (("Ask", -2), ("Bill", -1), ("Call", 1)):
        make(page, title, days)
    expect(page.get_by_role("link", name="Overdue 2")).to_be_visible()
    page.get_by_role("link", name="Overdue 2").click()
    expect(page.locator("td.main")).to_have_text(["Ask", "Bill"])
    build(page)
    page.get_by_role("link", name="Save as view").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Late, but not Bill")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Late, but not Bill")).to_have_attribute("aria-current", "page")
    expect(page.locator("td.main")).to_have_text(["Ask"])
    page.get_by_role("link", name="Tasks", exact=True).last.click()
    change_in_place_while_another_is_ticked(page)
    page.get_by_role("checkbox", name="Select this page").check()
    page.get_by_role("combobox", name="What to do with the selected records").select_option("Mark as done")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Mark as done: 2 tasks").click()
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=15_000)
    page.set_viewport_size(PHONE)
    page.goto("/tasks?due=done")
    expect(page.locator("td.main")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def make(page: Page, title: str, days: int) -> None:
    page.goto("/tasks/new")
    page.get_by_role("textbox", name="Task", exact=True).fill(title)
    page.get_by_label("Due").fill(str(date.today() + timedelta(days=days)))
    page.get_by_role("button", name="Add task").click()
    expect(page.get_by_role("heading", name="Tasks", level=1)).to_be_visible()


def build(page: Page) -> None:
    """The title is not Bill."""
    page.get_by_role("link", name="Filter", exact=True).click()
    page.get_by_label("Field: 1").select_option("Title")
    page.get_by_label("Operator: 1").select_option("is not")
    page.get_by_role("textbox", name="Value: 1").fill("Bill")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("td.main")).to_have_text(["Ask"])


def change_in_place_while_another_is_ticked(page: Page) -> None:
    """The list fetches itself again when a task is ticked, but not away what is being typed."""
    expect(page.locator("td.main")).to_have_text(["Ask", "Bill", "Call"])
    row = page.get_by_role("row", name=re.compile("Call"))
    page.get_by_role("checkbox", name="Select: Call").check()
    row.hover()
    page.get_by_role("link", name="Edit: Due, Call").click()
    row.get_by_label("Time").fill("14:30")
    with page.expect_response(re.compile("/done$")):
        page.get_by_role("button", name="Mark as done: Ask").click()
    expect(row.get_by_label("Time")).to_have_value("14:30")
    row.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("2:30")
    expect(page.locator("td.main")).to_have_text(["Bill", "Call"])
    expect(page.get_by_role("checkbox", name="Select: Call")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Select: Bill")).not_to_be_checked()
