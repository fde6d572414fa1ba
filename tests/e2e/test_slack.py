"""In a real browser: Slack is connected from inside a step of a new workflow, the workflow runs, and its use is told rightly.

The channel of a step is chosen from those that Slack has, or typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from flowapp.tasks import jobs
from tests.e2e.people import app_of, arrive, hold
from tests.support.group import Group
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import Vendor

pytestmark = pytest.mark.e2e
SLACK = Path(__file__).parents[1] / "connectors" / "slack" / "api.yaml"
SAID = {"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247"}


@pytest.fixture
def slack(sink: Sink, reroute: Callable) -> Vendor:
    """Takes what Slack's reference names, and nothing else. It has one channel."""

    def post(received: Received) -> Answer:
        there = received.json["channel"] == "#sales"
        return Answer(200, json.dumps(SAID if there else {"ok": False, "error": "channel_not_found"}).encode())

    reroute({"https://slack.com": sink.url("")})
    vendor = Vendor.of(sink, SLACK)
    vendor.answers["POST /api/chat.postMessage"] = post
    return vendor


def test_slack_is_connected_from_inside_a_step(
    group: Group, visit: Callable, slack: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    begin(page)
    write_step(page)
    connect(page)
    try_out(page)
    activate(page)
    run(page, slack, monkeypatch)
    assert [one.json for one in slack.sink.requests] == [
        {"channel": channel, "text": "A new order"} for channel in ("#gone", "#sales")
    ]
    assert not slack.refused
    read_use(page, group, calls=len(slack.called), errors=1)


def begin(page: Page) -> None:
    """A new workflow, up to its steps."""
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="New workflow").first.click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Tell the team")
    page.get_by_role("button", name="Next: trigger").click()
    page.locator("#type-manual").click()
    page.get_by_role("button", name="Next: conditions").click()
    page.get_by_role("button", name="Next: steps").click()


def write_step(page: Page) -> None:
    """What there is to type, before there is a Slack to send it to."""
    page.get_by_role("link", name="Add the first step").click()
    page.get_by_role("searchbox").fill("slack message")
    page.get_by_role("link", name="Send a message").first.click()
    expect(page.get_by_label("Connection", exact=True).locator("option:checked")).to_have_text(
        "Slack (not connected yet)"
    )
    page.get_by_label("Step name").fill("Tell them")
    page.get_by_role("textbox", name="Channel", exact=True).fill("#gone")
    page.get_by_role("textbox", name="Message", exact=True).fill("A new order")


def connect(page: Page) -> None:
    """In the dialog beside the field; what was typed into the step stays."""
    page.get_by_role("link", name="Connect a service").click()
    dialog = page.get_by_role("dialog", name="Connect: Slack")
    dialog.get_by_label("Bot token").fill("xoxb-1234-secret")
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("Connection", exact=True).locator("option:checked")).to_have_text("Slack")
    expect(page.get_by_label("Step name")).to_have_value("Tell them")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("A new order")


def try_out(page: Page) -> None:
    """Slack's own reason is told in the connector's words, and mended."""
    page.get_by_role("button", name="Test this step").click()
    page.get_by_role("button", name="Yes, run it now").click()
    expect(page.locator("#step-test")).to_contain_text("Slack has no open channel of this name")
    page.get_by_role("textbox", name="Channel", exact=True).fill("#sales")


def activate(page: Page) -> None:
    page.get_by_role("button", name="Add step").click()
    expect(page.locator("#flow").get_by_role("link", name="Tell them", exact=True)).to_be_visible()
    page.get_by_role("link", name="Next: review").click()
    page.get_by_role("button", name="Create and activate").click()
    expect(page.locator(".page-head")).to_contain_text("Active")


def run(page: Page, slack: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its live page: the step runs for as long as Slack takes."""
    answered = hold(monkeypatch, slack.sink)
    page.get_by_role("button", name="Run", exact=True).click()
    step = page.locator("#timeline > li")
    expect(step).to_contain_text("Running")
    page.evaluate("window.same = true")
    answered.set()
    expect(step).to_contain_text("Completed")
    expect(page.locator("#state")).to_have_text("Completed")
    assert page.evaluate("window.same"), "The page was loaded anew."


def read_use(page: Page, group: Group, *, calls: int, errors: int) -> None:
    """On the page of the connection, once the job of every minute has run."""
    with app_of(group).app_context():
        jobs.load()
        jobs.perform("update_integration_stats")
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="Slack", exact=True).click()
    counts = page.locator("dl.kv > div")
    expect(counts.nth(0)).to_have_text(f"Calls{calls}")
    expect(counts.nth(1)).to_have_text(f"Errors{errors}")
    expect(page.get_by_text("Last error")).to_contain_text("Slack has no open channel of this name")
    expect(page.get_by_role("link", name="Tell the team", exact=True)).to_be_visible()


@pytest.fixture
def channels(sink: Sink, reroute: Callable) -> Sink:
    """A Slack of 70 channels."""
    reroute({"https://slack.com": sink.url("")})
    known = [{"id": f"C{number:03}", "name": f"team-{number}"} for number in range(70)]
    sink.default = Answer(200, json.dumps({"ok": True, "channels": known}).encode())
    return sink


def test_a_channel_is_chosen_from_a_list(group: Group, visit: Callable, channels: Sink) -> None:
    page = visit(group).new_page()
    arrive(page, group)
    open_step(page, group)
    channel, button = (
        page.get_by_role("textbox", name="Channel", exact=True),
        page.get_by_role("button", name="Channel: Choose from a list"),
    )
    button.click()
    expect(page.locator("#p-channel-offers")).to_contain_text("no active integration")
    page.goto(f"{group.url}/integrations/new/slack")
    page.get_by_label("Bot token").fill("xoxb-1234-secret")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. Test the connection")).to_be_visible()
    open_step(page, group)
    page.get_by_role("textbox", name="Message", exact=True).fill("Typed before")
    button.click()
    expect(page.get_by_text("50 of 70")).to_be_visible()
    search = page.locator("#p-channel-offers").get_by_role("searchbox")
    search.fill("TEAM 69")
    expect(page.locator("[data-offer]")).to_have_count(1)
    search.press("Enter")
    expect(channel).to_have_value("C069")
    expect(channel).to_be_focused()
    expect(page.locator("[data-offer]")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("Typed before")
    button.click()
    page.get_by_role("button", name="#team-0 C000").click()
    expect(channel).to_have_value("C000")
    channel.fill("{{ input.channel }}")
    page.get_by_role("button", name="Add step").click()
    page.locator("#flow").get_by_role("link", name="Send a message", exact=True).click()
    expect(channel).to_have_value("{{ input.channel }}")
    assert {one.path.partition("?")[0] for one in channels.requests} == {"/api/conversations.list"}


def open_step(page: Page, group: Group) -> None:
    """A new step in a new workflow."""
    page.goto(group.url)
    begin(page)
    page.get_by_role("link", name="Add the first step").click()
    page.get_by_role("searchbox").fill("slack message")
    page.get_by_role("link", name="Send a message").first.click()
    expect(page.get_by_label("Step name")).to_be_visible()
