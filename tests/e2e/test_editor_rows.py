"""Rows of an editor are removed and moved: each keeps its own values, also those typed since the server last answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.people import arrive
from tests.support.group import Group

pytestmark = pytest.mark.e2e
Values = dict[str, str]
STATES = """([prefix, fields]) => Object.fromEntries(fields.map(name => {
  const control = document.getElementById(prefix + name);
  return [name, !control ? null : control.type === "checkbox" ? String(control.checked) : control.value];
}))"""

LISTEN = """() => {
  window.swapped = new Promise(done => document.addEventListener("htmx:after:swap", () => done(null), { once: true }));
}"""
ANSWERED = "() => window.swapped"


@pytest.fixture
def editor(group: Group, visit: Callable) -> Iterator[Callable[[str], Page]]:
    """editor("switch") is a new step of that type in the editor."""
    page = visit(group).new_page()
    arrive(page, group, demo=True)
    page.goto("/workflows/")
    page.locator("#list td.main a").first.click()
    page.wait_for_url(re.compile(r"/workflows/[0-9a-f-]{36}"))
    workflow = page.url
    page.on("dialog", lambda dialog: dialog.accept())  # “leave without saving?”

    def open_editor(action_type: str) -> Page:
        page.goto(f"{workflow}/new-step/{action_type}")
        return page

    yield open_editor


def shown(page: Page, prefix: str, rows: int, *fields: str) -> list[Values]:
    """What the controls of the rows hold now."""
    return [page.evaluate(STATES, [f"{prefix}-{at}-", fields]) for at in range(rows)]


def press(page: Page, name: str) -> None:
    """Presses a row button and waits for the answer to be on the page."""
    page.evaluate(LISTEN)
    page.get_by_role("button", name=name, exact=True).click()
    page.evaluate(ANSWERED)


def test_rows_keep_their_values(editor: Callable[[str], Page]) -> None:
    settings(editor("switch"))
    cases(editor("switch"))
    operations(editor("transform_data"))
    typed_meanwhile(editor("switch"))


def settings(page: Page) -> None:
    """What was saved before is no news once something was refused."""
    page.goto(page.url.replace("/new-step/switch", "/settings"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#flashes .notice-success")).to_be_visible()
    page.get_by_label("Name").first.fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#name")).to_be_focused()
    expect(page.locator("#flashes .notice-success")).to_have_count(0)


def cases(page: Page) -> None:
    """Text that the answer does not have is not taken over from the row that stood here."""
    for at, (name, value) in enumerate([("c0", "v0"), ("c1", ""), ("c2", "v2")]):
        press(page, "Add")
        expect(page.locator(f"#p-cases-{at}-name")).to_be_focused()
        page.locator(f"#p-cases-{at}-name").fill(name)
        page.locator(f"#p-cases-{at}-equals").fill(value)
    page.locator("#p-cases-1-advanced > summary").click()
    page.locator("#p-value").fill("input.size")
    press(page, "Remove: Cases 1")
    assert shown(page, "p-cases", 3, "name", "equals") == [
        {"name": "c1", "equals": ""},
        {"name": "c2", "equals": "v2"},
        {"name": None, "equals": None},
    ]
    expect(page.locator("#p-value")).to_have_value("input.size")
    opened = [page.locator(f"#p-cases-{at}-advanced").get_attribute("open") is not None for at in range(2)]
    assert opened == [True, False], "what the reader opened goes with its row"
    expect(page.locator("#p-cases-add")).to_be_focused()


def operations(page: Page) -> None:
    """Selects and checkboxes too."""
    for at, (kind, field) in enumerate([("sort", "aaa"), ("group", "bbb"), ("date", ""), ("sort", "ddd")]):
        press(page, "Add")
        page.evaluate(LISTEN)
        page.locator(f"#p-operations-{at}-op").select_option(kind)
        page.evaluate(ANSWERED)
        page.locator(f"#p-operations-{at}-field").fill(field)
    page.locator("#p-operations-0-descending").check()
    names = ("op", "field", "descending")
    press(page, "Remove: Operations 1")
    group = {"op": "group", "field": "bbb", "descending": "false"}
    date = {"op": "date", "field": "", "descending": "false"}
    sort = {"op": "sort", "field": "ddd", "descending": "false"}
    assert shown(page, "p-operations", 3, *names) == [group, date, sort]
    press(page, "Move down: Operations 1")
    assert shown(page, "p-operations", 3, *names) == [date, group, sort]
    expect(page.get_by_role("button", name="Move down: Operations 2")).to_be_focused()
    page.locator("#p-operations-2-descending").check()
    press(page, "Move up: Operations 3")
    press(page, "Move up: Operations 2")
    expect(page.get_by_role("button", name="Move down: Operations 1")).to_be_focused()
    assert shown(page, "p-operations", 3, *names) == [sort | {"descending": "true"}, date, group]


def typed_meanwhile(page: Page) -> None:
    """What is typed while the answer is under way stays, in its own row, and so does the focus."""
    for at in range(3):
        press(page, "Add")
        page.locator(f"#p-cases-{at}-name").fill(f"c{at}")
    held: list[Route] = []
    page.route("**/new-step/switch", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no built-in
    page.evaluate(LISTEN)
    page.get_by_role("button", name="Remove: Cases 1", exact=True).click()
    page.locator("#p-cases-2-equals").fill("late")
    page.locator("#p-cases-2-name").click()
    page.keyboard.type("!")
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    page.evaluate(ANSWERED)
    page.unroute("**/new-step/switch")
    assert shown(page, "p-cases", 2, "name", "equals") == [
        {"name": "c1", "equals": ""},
        {"name": "c2!", "equals": "late"},
    ]
    expect(page.locator("#p-cases-1-name")).to_be_focused()
    page.keyboard.type("?")
    expect(page.locator("#p-cases-1-name")).to_have_value("c2!?")
