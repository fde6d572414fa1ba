"""Choosing what a service offers, in the form of a step."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from flowapp.tasks.outgoing import options as found_options
from tests.pages.settings.test_settings import Browser, ada, bob
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import reroute

__all__ = ["ada", "bob"]
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
ADDRESS = "/integrations/options/slack_send_message/channel?prefix=p-"


@pytest.fixture
def slack(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Sink:
    monkeypatch.setattr(found_options, "_kept", found_options._Kept())
    reroute(monkeypatch, {"https://slack.com": sink.url("")})
    channels = [{"id": f"C{number}", "name": f"<b>room-{number}"} for number in range(60)]
    sink.default = Answer(200, json.dumps({"ok": True, "channels": channels}).encode())
    return sink


def connect(ada: Browser) -> None:
    ada.post("/integrations/new/slack", {"name": "Ours", "secret-token": "xoxb-1234-secret"})


def options(browser: Browser, query: str = "&p-integration=slack", status: int = 200) -> str:
    browser.get(f"{ADDRESS}{query}", status, headers=FRAGMENT)
    return browser.text


def test_the_form_of_a_step_asks_with_its_connection(ada: Browser) -> None:
    step = {
        "step_id": "tell",
        "name": "Tell",
        "action_type": "slack_send_message",
        "params": {"channel": "#x", "message": "y"},
    }
    made = ada.client.post(
        "/api/v1/automation/workflows/", json={"name": "W", "steps": [step]}, headers={"X-CSRFToken": ada.token()}
    )
    ada.get(f"/workflows/{made.json['id']}/steps/tell")
    button = unescape(re.search(r"<button[^>]*offered-open[^>]*>", ada.text).group())  # type: ignore[union-attr]
    assert f'hx-get="{ADDRESS}"' in button
    assert """hx-include="[name='p-integration']\"""" in button
    assert 'id="p-channel-offers"' in ada.text
    assert re.search(r'<input type="text" id="p-channel" name="p-channel" value="#x"', ada.text), (
        "typing stays possible"
    )


def test_choices_with_a_search(ada: Browser, slack: Sink) -> None:
    connect(ada)
    shown = options(ada)
    assert shown.lstrip().startswith('<div class="offered" data-offers-for="p-channel">')
    assert 'data-offer="C0"' in shown and "#&lt;b&gt;room-0" in shown and "<b>" not in shown
    assert "50 of 60" in shown
    again = unescape(re.search(r'hx-get="([^"]+)"', shown).group(1))  # type: ignore[union-attr]
    assert "p-integration=slack" in again
    ada.get(f"{again}&offered-search=room-59", headers=FRAGMENT)
    assert re.findall(r'data-offer="(\w+)"', ada.text) == ["C59"]
    assert "<input" not in ada.text
    ada.get(f"{again}&offered-search=zzz", headers=FRAGMENT)
    assert "Nothing found" in ada.text
    assert len(slack.requests) == 1
    ada.get(f"{ADDRESS}&p-integration=slack")  # without htmx a page
    assert "<html" in ada.text


def test_an_error_stands_in_the_field(ada: Browser, slack: Sink) -> None:
    assert "Choose a connection first" in options(ada, "")
    assert "no active integration “slack”" in options(ada)
    connect(ada)
    assert "known only when the workflow runs" in options(ada, "&p-integration={{ input.x }}")
    slack.default = Answer(200, b'{"ok": false, "error": "missing_scope", "needed": "channels:read"}')
    shown = options(ada)
    assert "field-error" in shown and "lacks the scope “channels:read”" in shown
    assert "data-offer=" not in shown
    slack.default = Answer(429, b"{}", {"Content-Type": "application/json", "Retry-After": "9"})
    assert "field-error" in options(ada)
    slack.default = Answer(200, json.dumps({"ok": True, "channels": []}).encode())
    assert "There is nothing to choose from" in options(ada)


def test_a_connection_to_another_service(ada: Browser, slack: Sink) -> None:
    ada.post("/integrations/new/teams", {"name": "Other", "secret-webhook_url": "https://x.webhook.office.com/a"})
    assert "is a connection to another service" in options(ada, "&p-integration=Other")
    ada.get("/integrations/options/slack_send_message/message?prefix=p-", 404)


def test_editors_only(ada: Browser, bob: Browser, slack: Sink, app: Any) -> None:
    connect(ada)
    assert "data-offer" in options(bob)
    viewer = Browser(app)
    from tests.pages.settings.test_settings import PASSWORD, invite

    viewer.post(invite(ada, "v@example.com", "operator"), {"name": "V", "password": PASSWORD})
    viewer.get(f"{ADDRESS}&p-integration=slack", 403, headers=FRAGMENT)


def test_odd_names_in_the_address(ada: Browser, slack: Sink) -> None:
    connect(ada)
    for odd in ("_scheme=x", "endpoint=x", "_external=1", "step_type=x", "offered-search=room", "p-integration=other"):
        ada.get(f"/integrations/options/slack_send_message/channel?prefix=&integration=slack&{odd}", headers=FRAGMENT)
        assert "data-offer=" in ada.text
