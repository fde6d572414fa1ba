"""What changes on an open page while things run."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import base_environ
from tests.e2e.people import set_up
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


def test_a_time_in_a_line_that_arrives_is_the_readers(group: Group, visit: Callable) -> None:
    page = visit(group).new_page()
    set_up(page, demo=False)
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


def test_a_page_too_many_says_that_it_is_not_live(tmp_path: Path, visit: Callable) -> None:
    with running_group(base_environ(tmp_path) | {"FLOWAPP_MEMBER_SOCKETS": "1"}) as group:
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
