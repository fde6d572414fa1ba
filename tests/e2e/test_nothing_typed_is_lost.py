"""Nothing typed is lost: two browsers at one step, a session that ends, an error branch from a card, a version restored."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.people import arrive
from tests.support.browser import PASSWORD
from tests.support.group import Group

pytestmark = pytest.mark.e2e


@pytest.fixture
def workflow(group: Group, visit: Callable[..., BrowserContext]) -> tuple[Page, str]:
    """A page at a workflow with steps, and the e-mail address of who is signed in."""
    page = visit(group).new_page()
    email = arrive(page, group, demo=True)
    page.goto("/workflows/")
    page.locator("#list td.main a").first.click()
    page.wait_for_url(re.compile(r"/workflows/[0-9a-f-]{36}"))
    return page, email


def test_nothing_typed_is_lost(workflow: tuple[Page, str]) -> None:
    page, email = workflow
    address = page.url.rstrip("/")
    error_branch(page, address)
    two_tabs(page, address)
    session_ends(page, address, email)
    restored(page, address)


def error_branch(page: Page, address: str) -> None:
    page.goto(f"{address}/steps")
    page.get_by_role("link", name=re.compile("^If it fails:")).first.click()
    page.get_by_role("link", name=re.compile("^Write to log")).click()
    page.get_by_label("Step name").fill("Tell us")
    page.locator("#p-message").fill("It failed")
    page.get_by_role("button", name="Add step", exact=True).click()
    lane = page.locator(".flow-lane-error")
    expect(lane).to_contain_text("Tell us")


def two_tabs(page: Page, address: str) -> None:
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{address}/steps/tell_us")
    other.locator("#p-message").fill("theirs")
    other.get_by_role("button", name="Save step", exact=True).click()
    expect(other.locator(".flow-lane-error")).to_contain_text("theirs")
    page.locator("#p-message").fill("mine")
    page.get_by_role("button", name="Save step", exact=True).click()
    expect(page.locator(".conflict-text")).to_have_text(["mine", "theirs"])
    expect(page.locator("#p-message")).to_have_value("mine")
    page.get_by_role("button", name=re.compile("^Use this")).click()
    expect(page.locator("#p-message")).to_have_value("theirs")
    page.get_by_role("button", name="Save step", exact=True).click()
    expect(page.locator(".flow-lane-error")).to_contain_text("theirs")
    other.close()


def session_ends(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/steps/tell_us")
    page.locator("#p-message").fill("typed before the end")
    page.context.clear_cookies()
    with page.expect_event("console", lambda message: "401" in message.text):
        page.get_by_role("button", name="Save step", exact=True).click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.locator("#p-message")).to_have_value("typed before the end")
    page.get_by_role("button", name="Save step", exact=True).click()
    expect(page.locator(".flow-lane-error")).to_contain_text("typed before the end")


def restored(page: Page, address: str) -> None:
    page.goto(f"{address}/steps")
    expect(page.get_by_text("Run and triggers use version 1.")).to_be_visible()
    page.get_by_role("link", name="See version 1").click()
    page.locator("#flow summary", has_text="Restore").click()
    page.get_by_role("button", name="Restore version", exact=True).last.click()
    expect(page.get_by_text("The draft is version 1 again.")).to_be_visible()
    expect(page.locator(".flow-lane-error")).to_have_count(0)
    page.get_by_role("button", name="Undo last change").click()
    expect(page.locator(".flow-lane-error")).to_contain_text("Tell us")
