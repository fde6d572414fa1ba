"""In a real browser: somebody writes a step, connects the service that it needs on the spot, runs it and sees the use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import arrive
from tests.support.group import Group
from tests.support.servers.sink import Sink

pytestmark = pytest.mark.e2e


def test_a_service_is_connected_from_inside_a_step(group: Group, visit: Callable, sink: Sink) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    step = {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"url": sink.url("/orders")}}
    page.goto("/workflows")
    token = page.locator("[name=csrf_token]").first.get_attribute("value") or ""
    made = page.request.post(
        "/api/v1/automation/workflows/", data={"name": "Orders", "steps": [step]}, headers={"X-CSRFToken": token}
    )
    assert made.status == 201, made.text()
    page.goto(f"/workflows/{made.json()['id']}/steps/call")
    page.get_by_role("textbox", name="Step name").fill("Typed and not saved")
    connect(page, sink)
    expect(page.get_by_role("textbox", name="Step name")).to_have_value("Typed and not saved")
    page.get_by_role("button", name="Save step").click()
    expect(page.get_by_role("button", name="Save step")).to_have_count(0)
    page.goto(f"/workflows/{made.json()['id']}/steps/call")
    page.get_by_role("button", name="Test this step").click()
    page.get_by_role("button", name="Yes, run it now").click()
    [request] = sink.wait_for(1)
    assert (request.path, request.headers["Authorization"]) == ("/orders", "Bearer t0ken-of-the-shop")
    page.goto("/integrations")
    page.get_by_role("link", name="The shop").click()
    expect(page.get_by_role("link", name="Orders")).to_be_visible()


def connect(page: Page, sink: Sink) -> None:
    """The dialog beside the field; a wrong address is told inside it."""
    page.get_by_text("More settings").click()
    page.get_by_role("link", name="Connect a service").click()
    dialog = page.get_by_role("dialog", name="Connect: HTTP service")
    dialog.get_by_role("textbox", name="Name", exact=False).first.fill("The shop")
    dialog.get_by_role("textbox", name="Base URL").fill("nonsense")
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog.get_by_text("must start with http")).to_be_visible()
    dialog.get_by_role("textbox", name="Base URL").fill(sink.url())
    dialog.get_by_label("Token or password").fill("t0ken-of-the-shop")
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog).to_have_count(0)
    chosen = page.get_by_label("Authentication", exact=True).locator("option:checked")
    expect(chosen).to_have_text("The shop")
