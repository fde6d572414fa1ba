"""The CRM and workflows in a real browser: somebody drags a deal to SIGNÉ, and its page, open beside, fills by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e
PHONE = {"width": 390, "height": 844}
STEPS = {"Plan the kick-off": "+3 days", "Thank the client": "+1 day"}


def test_a_deal_is_dragged_to_signed(group: Group, visit: Callable) -> None:
    person = visit(group)
    board = person.new_page()
    arrive(board, group)
    build(board)
    make_deal(board)
    page = person.new_page()
    page.goto(board.url)
    page.evaluate("window.same = true")
    expect(page.get_by_text("Nothing to do")).to_be_visible()
    board.bring_to_front()  # a tab in the background draws once a second
    # A card that still glides back cannot be picked up: 120 ms, no hand is so quick.
    board.emulate_media(reduced_motion="reduce")
    board.goto("/deals")
    drag(board, card(board), column(board, "SIGNÉ"))
    expect(column(board, "SIGNÉ").locator(".column-sums")).to_have_text("€12,000")
    read(page)
    board.bring_to_front()
    move_by_keyboard(board)
    lose(board)


def build(page: Page) -> None:
    """The workflow, in forms: two tasks when a deal comes to SIGNÉ."""
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="New workflow").first.click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Welcome a client")
    page.get_by_role("button", name="Next: trigger").click()
    page.locator("#type-deal_stage_changed").click()
    page.get_by_label("To stage").fill("SIGNÉ")
    page.get_by_role("button", name="Next: conditions").click()
    page.get_by_role("button", name="Next: steps").click()
    for number, (name, due) in enumerate(STEPS.items()):
        page.get_by_role("link", name="Add a step here" if number else "Add the first step").last.click()
        page.get_by_role("link", name="Create task").first.click()
        page.get_by_label("Step name").fill(name)
        page.get_by_role("textbox", name="Title", exact=True).fill("Call about {{ deal.title }}" if number else name)
        page.get_by_role("textbox", name="Due", exact=True).fill(due)
        page.get_by_role("button", name="Add step").click()
        expect(page.locator("#flow").get_by_role("link", name=name, exact=True)).to_be_visible()
    page.get_by_role("link", name="Next: review").click()
    page.get_by_role("button", name="Create and activate").click()
    expect(page.locator(".page-head")).to_contain_text("Active")


def make_deal(page: Page) -> None:
    """Up to its own page."""
    page.get_by_role("link", name="Deals", exact=True).click()
    page.get_by_role("link", name="New deal").first.click()
    page.get_by_label("Title").fill("Engine No. 2")
    page.get_by_label("Value").fill("12000")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Engine No. 2")).to_be_visible()


def card(page: Page) -> Locator:
    return page.locator("[data-deal]")


def column(page: Page, name: str) -> Locator:
    return page.locator(f"[data-stage][data-name='{name}']")


def drag(page: Page, what: Locator, to: Locator) -> None:
    """By mouse, as a hand does it."""
    begin, end = what.bounding_box(), to.bounding_box()
    assert begin and end
    page.mouse.move(begin["x"] + 60, begin["y"] + 20)
    page.mouse.down()
    page.mouse.move(begin["x"] + 80, begin["y"] + 30, steps=3)
    page.mouse.move(end["x"] + 80, end["y"] + 90, steps=8)
    page.mouse.up()


def read(page: Page) -> None:
    """Tasks with the right dates, and who made them, on the page that nobody loaded anew; on a phone's screen, too."""
    tasks, today = page.locator("#open-tasks > li"), date.today()
    expect(tasks).to_have_count(2)
    for (title, days), line in zip(
        [("Call about Engine No. 2", 1), ("Plan the kick-off", 3)], tasks.all(), strict=True
    ):
        expect(line).to_contain_text(title)
        expect(line.locator("time")).to_have_attribute("datetime", str(today + timedelta(days=days)))
    made = page.locator(".entry-by-workflow")
    expect(made).to_have_count(2)
    for name in STEPS:
        expect(made.filter(has_text=re.compile(rf"Welcome a client . {name} created the task"))).to_have_count(1)
    expect(page.locator("#record-timeline")).to_contain_text(re.compile(r"Stage\s+PROSPECTION.*SIGNÉ", re.DOTALL))
    expect(page.locator("#record-aside")).to_contain_text(re.compile("Welcome a client.*Completed", re.DOTALL))
    assert page.evaluate("window.same"), "The page was loaded anew."
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def move_by_keyboard(page: Page) -> None:
    """Picked up, carried two stages to the left, dropped; each is said."""
    said = page.locator("#board-status")
    card(page).locator("[data-handle]").focus()
    page.keyboard.press("Space")
    expect(said).to_contain_text("Picked up Engine No. 2, in stage SIGNÉ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text("QUALIFICATION, 2 of 5.")
    page.keyboard.press("Space")
    expect(said).to_have_text("Engine No. 2 was dropped on QUALIFICATION.")
    expect(column(page, "QUALIFICATION").locator("[data-handle]")).to_be_focused()


def lose(page: Page) -> None:
    """A drag to a lost stage asks for the reason; whoever leaves the question loses nothing."""
    drag(page, card(page), column(page, "PERDU"))
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(column(page, "QUALIFICATION").locator("[data-deal]")).to_be_visible()
    drag(page, card(page), column(page, "PERDU"))
    page.get_by_label("Reason").fill("Too expensive")
    page.keyboard.press("Enter")
    expect(column(page, "PERDU").locator("[data-deal]")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
