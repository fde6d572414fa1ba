"""Nobody was here before: from the account to the first green run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.people import set_up
from tests.support.group import Group

pytestmark = pytest.mark.e2e


@pytest.fixture
def clicks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was clicked on so far."""
    made: list[str] = []
    click: Callable[..., None] = Locator.click

    def counted(locator: Locator, **options: object) -> None:
        made.append(str(locator))
        click(locator, **options)

    monkeypatch.setattr(Locator, "click", counted)
    return made


def test_first_green_run_within_five_clicks(bare_group: Group, visit: Callable, clicks: list[str]) -> None:
    page = visit(bare_group, timezone_id="America/New_York").new_page()
    page.goto("/")
    expect(page).to_have_url(f"{bare_group.url}/setup")
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")  # the browser's is offered
    set_up(page)
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#state")).to_have_text("Completed")
    expect(page.locator("#log")).to_contain_text("Hello, world!")
    assert len(clicks) <= 5, clicks

    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="Welcome a new contact").click()
    expect(page.locator(".page-head")).to_contain_text("Active")
