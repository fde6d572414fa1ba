"""What people do again and again."""

from __future__ import annotations

from threading import Event

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PASSWORD
from tests.support.servers.sink import Answer, Received, Sink


def set_up(page: Page, *, demo: bool = True) -> None:
    """Fills in the form of the first visit and sends it."""
    page.goto("/setup")
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Add an example").set_checked(demo)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()


def hold(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> Event:
    """The sink takes what it gets, but answers only once the event is set."""
    released, take = Event(), sink.take

    def take_slowly(received: Received) -> Answer:
        found = take(received)
        released.wait(60)
        return found

    monkeypatch.setattr(sink, "take", take_slowly)
    return released
