"""With script switched off: each form is a full-page post, and a page that shows something running loads itself anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive, hold
from tests.support.group import Group
from tests.support.servers.sink import Sink

pytestmark = pytest.mark.e2e


@pytest.fixture
def page(group: Group, visit: Callable) -> Iterator[Page]:
    page = visit(group, java_script_enabled=False).new_page()
    arrive(page, group)
    return page


def test_a_workflow_is_built_run_and_changed(page: Page, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    start(page)
    add_call(page, sink)
    add_note(page, "First note")
    add_note(page, "Second note")
    change(page)
    assert names(page) == ["Call the sink", "First note", "Last note"]
    move_and_delete(page)
    assert names(page) == ["Call the sink", "Last note"]
    page.get_by_role("link", name="Next: review").click()
    page.get_by_role("button", name="Create as draft").click()
    called = hold(monkeypatch, sink)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page).to_have_url(re.compile(r"/executions/"))
    expect(page.locator("#state")).to_have_text("Running")
    called.set()
    expect(page.locator("#state")).to_have_text("Completed")
    expect(page.locator("#log")).to_contain_text("Nobody pressed reload.")


def start(page: Page) -> None:
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="New workflow").click()
    page.get_by_role("button", name="Next: trigger").click()
    expect(page.locator(".field-error")).to_have_text("Give the workflow a name.")
    page.get_by_role("textbox", name="Name", exact=True).fill("Without script")
    page.get_by_role("button", name="Next: trigger").click()
    page.locator("#type-manual").click()
    page.get_by_role("button", name="Next: conditions").click()
    page.get_by_role("button", name="Next: steps").click()
    page.get_by_role("link", name="Add the first step").click()


def add_call(page: Page, sink: Sink) -> None:
    page.get_by_role("link", name="Send HTTP request").click()
    page.get_by_label("Step name").fill("Call the sink")
    page.get_by_role("button", name="Add step").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.get_by_role("textbox", name="URL").fill(sink.url())
    page.get_by_role("button", name="Add step").click()


def add_note(page: Page, name: str) -> None:
    page.get_by_role("link", name="Add a step here").last.click()
    page.get_by_role("link", name="Write to log").click()
    page.get_by_label("Step name").fill(name)
    page.get_by_role("textbox", name="Message").fill("A note.")
    page.get_by_role("button", name="Add step").click()


def change(page: Page) -> None:
    page.get_by_role("link", name="Second note", exact=True).click()
    page.get_by_label("Step name").fill("Last note")
    page.get_by_role("textbox", name="Message").fill("Nobody pressed reload.")
    page.get_by_role("button", name="Save step").click()
    expect(page.get_by_role("link", name="Last note", exact=True)).to_be_visible()


def move_and_delete(page: Page) -> None:
    page.get_by_role("button", name="Move up: Last note").click()
    assert names(page) == ["Call the sink", "Last note", "First note"]
    page.get_by_label("Delete: First note").click()
    page.get_by_role("button", name="Delete step").click()
    expect(page.get_by_role("link", name="First note", exact=True)).to_have_count(0)


def names(page: Page) -> list[str]:
    """The steps of the flow, in order."""
    return page.locator("#flow .flow-item .flow-link").all_inner_texts()
