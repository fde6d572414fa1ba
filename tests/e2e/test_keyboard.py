"""By keyboard alone: no mouse is touched on these pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e
HANDS = 60


def test_a_workflow_by_keyboard(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    skip_and_menu(page)
    make(page)
    add_step(page, "First")
    add_step(page, "Second")
    expect(names(page)).to_have_text(["First", "Second"])
    reorder(page)
    delete(page)
    insert_value(page)
    search_early(page)


def search_early(page: Page) -> None:
    """What is typed before the script has come is searched for as well."""
    held: list[Route] = []
    page.goto(page.url.partition("/steps")[0] + "/steps")
    page.route("**/app-*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes functions only
    page.get_by_role("link", name="Add a step here").last.click(no_wait_after=True)
    search = page.get_by_role("searchbox")
    search.press_sequentially("log")
    expect(search).to_have_value("log")
    assert page.locator(".catalog-item").count() > 1
    for route in held:
        route.continue_()
    expect(page.locator(".catalog-item")).to_have_count(1)


def reach(page: Page, target: Locator, key: str = "Tab") -> None:
    """Presses Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(HANDS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} is not reached within {HANDS} times {key}.")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    reach(page, target)
    page.keyboard.press(key)


def skip_and_menu(page: Page) -> None:
    """The first Tab skips to the content; a menu closes on Escape and gives the focus back."""
    page.reload()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    summary = page.locator(".user-menu > summary")
    reach(page, summary, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".user-menu .menu-panel")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".user-menu .menu-panel")).to_be_hidden()
    expect(summary).to_be_focused()


def make(page: Page) -> None:
    """The form is sent with Enter; the focus goes to the first wrong field."""
    reach(page, page.get_by_role("link", name="Workflows", exact=True), "Shift+Tab")
    page.keyboard.press("Enter")
    press(page, page.get_by_role("link", name="New workflow"))
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".field-error")).to_have_text("Give the workflow a name.")
    expect(name).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/wizard/trigger"))
    press(page, page.locator("#type-manual"))
    press(page, page.get_by_role("button", name="Next: conditions"))
    page.wait_for_url(re.compile("/wizard/conditions"))
    press(page, page.get_by_role("button", name="Next: steps"))
    page.wait_for_url(re.compile("/wizard/steps"))


def add_step(page: Page, name: str) -> None:
    """The catalog is searched, the step named and filled in."""
    adds = page.get_by_role("link", name="Add the first step").or_(
        page.get_by_role("link", name="Add a step here").last
    )
    press(page, adds)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("log")
    expect(page.locator(".catalog-item")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Write to log")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    title = page.get_by_label("Step name")
    reach(page, title)
    page.keyboard.press("Control+a")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    message = page.get_by_role("textbox", name="Message")
    expect(message).to_be_focused()
    page.keyboard.type("A line")
    press(page, page.get_by_role("button", name="Add step"))
    expect(names(page).filter(has_text=name)).to_be_visible()


def names(page: Page) -> Locator:
    return page.locator("#flow .flow-item .flow-link")


def reorder(page: Page) -> None:
    """The focus stays with the step that was moved, so that it can be moved on."""
    press(page, page.get_by_role("button", name="Move up: Second"))
    expect(names(page)).to_have_text(["Second", "First"])
    expect(page.get_by_role("button", name="Move up: Second")).to_be_focused()
    press(page, page.get_by_role("button", name="Move down: Second"))
    expect(names(page)).to_have_text(["First", "Second"])
    expect(page.get_by_role("button", name="Move down: Second")).to_be_focused()


def delete(page: Page) -> None:
    """The dialog asks, keeps the focus inside, and gives it back on Escape."""
    remove = page.get_by_label("Delete: First")
    reach(page, remove, "Shift+Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete “First”?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(remove).to_be_focused()
    page.keyboard.press("Enter")
    press(page, dialog.get_by_role("button", name="Delete step"))
    expect(names(page)).to_have_text(["Second"])


def insert_value(page: Page) -> None:
    """The picker: its filter has the focus, arrows walk, Enter inserts, Escape only closes."""
    press(page, names(page))
    message = page.get_by_role("textbox", name="Message")
    button = page.get_by_role("button", name="Insert value: Message")
    picker = page.get_by_role("dialog", name="Insert value")
    press(page, button)
    expect(picker.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(picker).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("timestamp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(picker).to_be_hidden()
    expect(message).to_be_focused()
    expect(message).to_have_value(re.compile(r"\{\{ timestamp \}\}"))
    press(page, button)
    page.keyboard.type("timestamp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")  # the filters for it; back again; the first of them
    expect(picker.get_by_role("button", name="Insert as it is")).to_be_focused()
    page.keyboard.press("Escape")
    expect(picker.get_by_role("button", name=re.compile("^timestamp"))).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(picker.get_by_role("button", name="Insert as it is")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(message).to_have_value(re.compile(r"\{\{ timestamp \}\}.*\{\{ timestamp \| "))
