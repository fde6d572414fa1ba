"""The contact workflow: a person builds it in forms, a visitor starts it, and the builder watches it run."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive, hold
from tests.support.group import Group
from tests.support.servers.sink import Sink
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.e2e


def test_contact_workflow(
    group: Group, visit: Callable, smtp: SmtpServer, sink: Sink, picture: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    make_table(page)
    make_schema(page)
    link = make_form(page)
    build(page, sink)
    page.goto(page.url + "/steps")
    picture(page, "steps")
    page.get_by_role("link", name="Executions").last.click()
    expect(page.locator("#list")).to_contain_text("It has not run yet")

    mailed, called = hold_mail(monkeypatch, smtp), hold(monkeypatch, sink)
    answer(visit(group).new_page(), link)
    with watched(page) as frames:
        follow(page, mailed, called)
    assert {"step_started", "step_completed", "log", "execution_completed"} <= {frame["type"] for frame in frames}
    picture(page, "execution")

    mail = smtp.wait_for()[0]
    assert mail.recipients == ["grace@example.com"]
    assert mail.message["Subject"] == "Welcome, Grace Hopper"
    assert mail.text.strip() == "Hello Grace Hopper, we will write soon."
    assert [(got.method, got.path, got.body.decode()) for got in sink.requests] == [
        ("POST", "/team", "Nouveau contact: Grace Hopper")
    ]
    read_table(page)


def hold_mail(monkeypatch: pytest.MonkeyPatch, smtp: SmtpServer) -> Event:
    """The mail server takes what it gets, but says so only once the event is set."""
    released, receive = Event(), smtp.handle_DATA

    async def receive_slowly(*arguments: Any) -> str:
        status = await receive(*arguments)
        await asyncio.to_thread(released.wait, 60)
        return status

    monkeypatch.setattr(smtp, "handle_DATA", receive_slowly)
    return released


def answer(visitor: Page, link: str) -> None:
    """Somebody who is not signed in: one mistake, then the answers."""
    visitor.goto(link)
    visitor.get_by_role("textbox", name="Name", exact=True).fill("Grace Hopper")
    visitor.get_by_role("textbox", name="E-mail").fill("grace")
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.locator(".field-error")).to_be_visible()
    visitor.get_by_role("textbox", name="E-mail").fill("grace@example.com")
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.get_by_role("heading", name="Thank you")).to_be_visible()


# Which status stood beside the badge when that first said “Ended”.
NOTE_WHAT_ENDED = """() => {
  const badge = document.querySelector(".live-badge");
  new MutationObserver(() => {
    if (badge.textContent.trim() === "Ended") window.endedAs ??= document.querySelector("#state").textContent.trim();
  }).observe(badge, { childList: true, subtree: true });
}"""


@contextmanager
def watched(page: Page) -> Iterator[list[dict[str, Any]]]:
    """The WebSocket messages of the execution's page. The link to it appears in the workflow's list by itself."""
    frames: list[dict[str, Any]] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(json.loads(frame))))
    page.locator("#list td.main a").click()
    expect(page.locator("#state")).to_be_visible()
    frames.clear()
    page.evaluate("window.same = true")
    page.evaluate(NOTE_WHAT_ENDED)
    yield frames
    assert page.evaluate("window.same"), "The page was loaded anew."


def follow(page: Page, mailed: Event, called: Event) -> None:
    """What the builder sees while the mail server, then the sink, then nobody keeps the workflow waiting."""
    steps, log = page.locator("#timeline > li"), page.locator("#log")
    expect(steps).to_have_text([done("Check the answers"), done("Save the contact"), busy("Thank them")])
    expect(page.locator("#state")).to_have_text("Running")
    mailed.set()
    expect(steps.nth(2)).to_have_text(done("Thank them"))
    expect(steps.nth(3)).to_have_text(busy("Tell the team"))
    expect(log).to_contain_text("Sent “Welcome, Grace Hopper” to grace@example.com.")
    called.set()
    expect(steps.nth(3)).to_have_text(done("Tell the team"))
    expect(log).to_contain_text("/team returned 200.")
    expect(page.locator("#state")).to_have_text("Completed")
    expect(page.locator(".live-badge")).to_have_text("Ended")
    assert page.evaluate("window.endedAs") == "Completed"


def done(name: str) -> re.Pattern[str]:
    return re.compile(f"{name}.*Completed", re.DOTALL)


def busy(name: str) -> re.Pattern[str]:
    return re.compile(f"{name}.*Running", re.DOTALL)


def read_table(page: Page) -> None:
    """The real table, in its grid and as CSV."""
    page.get_by_role("link", name="Data tables", exact=True).click()
    page.locator("#content").get_by_role("link", name="Contacts", exact=True).click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Grace Hopper")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["name"], row["email"]) for row in rows] == [("Grace Hopper", "grace@example.com")]


def make_table(page: Page) -> None:
    page.get_by_role("link", name="Data tables", exact=True).click()
    page.get_by_role("link", name="New table").click()
    page.get_by_role("textbox", name="Name", exact=True).first.fill("Contacts")
    for number, (label, kind) in enumerate([("Name", "Text"), ("Email", "E-mail")]):
        row = page.locator(f"#columns-{number}-row")
        if not row.count():
            page.get_by_role("button", name="Add column").click()
        row.get_by_label("Name", exact=True).fill(label)
        row.get_by_label("Type").select_option(kind)
    expect(row.get_by_label("Choices")).to_be_hidden()
    row.get_by_label("Type").select_option("Choice")
    expect(row.get_by_label("Choices")).to_be_visible()
    row.get_by_label("Type").select_option("E-mail")
    page.get_by_role("button", name="Create table").click()
    expect(page.get_by_role("heading", name="Contacts", exact=True)).to_be_visible()
    expect(page.locator(".page-subtitle code")).to_have_text("contacts")


def make_schema(page: Page) -> None:
    page.get_by_role("link", name="Schemas", exact=True).click()
    page.get_by_role("link", name="New schema").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Contact schema")
    for number, (field, rule) in enumerate([("name", "is required"), ("email", "is an e-mail address")]):
        row = page.locator(f"#rules-{number}-row")
        if not row.count():
            page.get_by_role("button", name="Add rule").click()
        row.get_by_label("Field").fill(field)
        row.get_by_role("combobox", name="Rule", exact=True).select_option(rule)
    page.get_by_role("button", name="Save schema").click()
    expect(page.get_by_role("link", name="Contact schema")).to_be_visible()


def make_form(page: Page) -> str:
    """Its address for visitors."""
    page.get_by_role("link", name="Forms", exact=True).click()
    page.get_by_role("link", name="New form").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Contact form")
    page.get_by_role("button", name="Save form").click()
    return page.get_by_role("textbox", name="Form link").input_value()


def build(page: Page, sink: Sink) -> None:
    """Through the wizard, up to the workflow's own page, active."""
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="New workflow").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Answer a new contact")
    page.get_by_role("button", name="Next: trigger").click()
    page.locator("#type-form_submit").click()
    page.get_by_role("combobox", name="Form", exact=True).select_option("Contact form")
    page.get_by_role("button", name="Next: conditions").click()
    page.get_by_role("button", name="Next: steps").click()
    page.get_by_role("link", name="Add the first step").click()
    add_check(page)
    add_save(page)
    add_mail(page)
    add_call(page, sink)
    page.get_by_role("link", name="Next: review").click()
    page.get_by_role("button", name="Create and activate").click()
    expect(page.locator(".page-head")).to_contain_text("Active")


def choose(page: Page, kind: str, name: str) -> None:
    """Takes a step from the catalog and names it."""
    page.get_by_role("link", name=kind).click()
    page.get_by_label("Step name").fill(name)


def add(page: Page, name: str) -> None:
    page.get_by_role("button", name="Add step").click()
    expect(page.locator("#flow").get_by_role("link", name=name, exact=True)).to_be_visible()


def more(page: Page) -> None:
    page.get_by_role("link", name="Add a step here").last.click()


def add_check(page: Page) -> None:
    choose(page, "Validate data", "Check the answers")
    page.get_by_role("combobox", name="Schema", exact=True).select_option("Contact schema")
    page.get_by_role("button", name="Test this step").click()
    expect(page.locator("#step-test").get_by_text("Completed")).to_be_visible()
    add(page, "Check the answers")


def add_save(page: Page) -> None:
    """The values come from the picker."""
    more(page)
    choose(page, "Save record", "Save the contact")
    page.get_by_role("combobox", name="Table", exact=True).select_option("Contacts")
    pick(page, "Name", "form_data.name")
    pick(page, "Email", "form_data.email")
    add(page, "Save the contact")


def pick(page: Page, field: str, path: str) -> None:
    page.get_by_role("button", name=f"Insert value: {field}", exact=True).click()
    picker = page.get_by_role("dialog", name="Insert value")
    picker.get_by_role("searchbox").fill(path)
    picker.get_by_role("button", name=path).click()
    expect(page.get_by_role("textbox", name=field, exact=True)).to_have_value(f"{{{{ {path} }}}}")


def add_mail(page: Page) -> None:
    more(page)
    choose(page, "Send e-mail", "Thank them")
    pick(page, "To", "form_data.email")
    page.get_by_role("textbox", name="Subject", exact=True).fill("Welcome, {{ form_data.name }}")
    page.get_by_role("textbox", name="Message", exact=True).fill("Hello {{ form_data.name }}, we will write soon.")
    add(page, "Thank them")


def add_call(page: Page, sink: Sink) -> None:
    more(page)
    choose(page, "Send HTTP request", "Tell the team")
    page.get_by_role("textbox", name="URL", exact=True).fill(sink.url("/team"))
    page.get_by_role("textbox", name="Text", exact=True).fill("Nouveau contact: {{form_data.name}}")
    add(page, "Tell the team")
