"""What changes on an open page while things run."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import base_environ
from tests.e2e.people import arrive, set_up
from tests.support.group import Group, running_group

pytestmark = pytest.mark.e2e

CALL = """async ([path, body]) => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const answer = await fetch(`/api/v1/automation${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}"""


def call(page: Page, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The API, as the person who is signed in."""
    return dict(page.evaluate(CALL, [path, body]))


def pause(step_id: str, **params: Any) -> dict[str, Any]:
    return {"step_id": step_id, "name": step_id.capitalize(), "action_type": "wait_time", "params": params}


def test_what_arrives_is_shown(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    page.goto("/settings/profile")
    page.locator("[name=timezone]").select_option("Asia/Tokyo")
    page.locator("form:has([name=timezone]) button[type=submit]").first.click()
    expect(page.locator("[name=timezone]")).to_have_value("Asia/Tokyo")
    steps = [
        {
            "step_id": "ask",
            "name": "Ask",
            "action_type": "wait_event",
            "params": {"kind": "approval", "title": "Continue?"},
        },
        pause("sleep", duration="1 day"),
    ]
    waits = call(page, "/workflows/", {"name": "Waits", "steps": steps})
    arriving_lines(page, call(page, f"/workflows/{waits['id']}/execute/", {})["execution_id"])
    hook = receive_test_call(page, group)
    found_by_its_customer(page, group, hook)


def arriving_lines(page: Page, execution_id: str) -> None:
    """The line of the second step comes over the socket, its time in the reader's zone as the line of the page's own."""
    page.goto(f"/executions/{execution_id}")
    expect(page.locator(".live-badge")).to_have_text("Live")
    expect(page.locator("#live")).to_contain_text("Waiting for a decision.")
    call(page, f"/executions/{execution_id}/approve/", {})
    time = page.locator("#log .log-message time")
    expect(time).to_have_count(1)
    expect(time).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    arrived = time.inner_text()
    page.reload()
    assert time.inner_text().replace("\u202f", " ") == arrived.replace("\u202f", " ")
    zone = ZoneInfo("Asia/Tokyo")
    moment = datetime.strptime(time.get_attribute("title") or "", "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert arrived.startswith(f"{moment.astimezone(zone):%b} {moment.astimezone(zone).day}, ")
    assert f"{moment.astimezone(zone):%I:%M:%S}".lstrip("0") in arrived


def sent(group: Group, path: str, **body: object) -> int:
    """The status that another service gets."""
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(group.url + path, data, headers)) as answer:
        return int(answer.status)


def receive_test_call(page: Page, group: Group) -> str:
    """A draft's webhook waits for a call; what comes appears by itself and is offered to the steps. The hook's path."""
    steps = [{"step_id": "note", "name": "Note", "action_type": "log", "params": {"message": "m"}}]
    body = {"name": "Orders", "steps": steps, "triggers": [{"trigger_type": "webhook", "config": {}}]}
    made = call(page, "/workflows/", body)
    page.goto(f"/workflows/{made['id']}/triggers/{made['triggers'][0]['key']}")
    page.get_by_label("Who can call").select_option("header")
    page.get_by_role("button", name="Wait for a test call").click()
    expect(page.locator("#test-call")).to_contain_text("Waiting ends at")
    expect(page.get_by_label("Who can call")).to_have_value("header")  # what was typed beside it stays
    hook = f"/hooks/{made['triggers'][0]['config']['key']}"
    assert sent(group, hook, order={"number": "A-1001"}, email="zoe@example.com") == 200
    expect(page.locator("#test-call")).to_contain_text("A-1001")
    page.get_by_role("button", name="Use as test data").click()
    expect(page.get_by_role("link", name="This is the test data")).to_be_visible()
    expect(page.get_by_label("Who can call")).to_have_value("header")
    page.goto(f"/workflows/{made['id']}/steps/note")
    expect(page.locator('[data-value-path="input.order.number"]').first).to_be_attached()
    call(page, f"/workflows/{made['id']}/activate/", {})
    return hook


def found_by_its_customer(page: Page, group: Group, hook: str) -> None:
    """The list of executions, searched by the address of whom one is about."""
    for number, address in enumerate(("zoe@example.com", "bob@example.com")):
        assert sent(group, hook, number=f"A-{number}", email=address) == 202
    page.goto("/executions")
    expect(page.locator("#list tbody tr")).to_have_count(3)
    page.get_by_role("searchbox").fill("Zoe@Example.com")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list tbody tr")).to_contain_text("zoe@example.com")
    page.locator("#list td.main a").click()
    expect(page.locator("#content")).to_contain_text("zoe@example.com")


def test_a_page_too_many_says_that_it_is_not_live(tmp_path: Path, visit: Callable) -> None:
    # One place is for the bell, one for the page's own line.
    with running_group(base_environ(tmp_path) | {"FLOWAPP_MEMBER_SOCKETS": "2"}) as group:
        person = visit(group)
        page = person.new_page()
        set_up(page, demo=False)
        waits = call(page, "/workflows/", {"name": "Waits", "steps": [pause("sleep", duration="1 day")]})
        execution = call(page, f"/workflows/{waits['id']}/execute/", {})
        address = f"/executions/{execution['execution_id']}"
        page.goto(address)
        expect(page.locator(".live-badge")).to_have_text("Live")
        one_more = person.new_page()
        one_more.goto(address)
        expect(one_more.locator(".live-badge")).to_have_text(
            "Not live: too many live pages are open. Close some of them."
        )
        expect(page.locator(".live-badge")).to_have_text("Live")
        person.close()  # before the server ends: a page that asks it again would complain
