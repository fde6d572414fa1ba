"""What people do again and again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.browser import PASSWORD


def set_up(page: Page, *, demo: bool = True) -> None:
    """Fills in the form of the first visit and sends it."""
    page.goto("/setup")
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Add an example").set_checked(demo)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()


def sign_in(page: Page) -> None:
    """As the person of the first visit."""
    page.goto("/login")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
