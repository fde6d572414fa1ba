"""Teams, each action against a double of its webhook."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import Vendor

PATH = "/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=s3cr3t-signature"


@pytest.fixture
def teams(sink: Sink) -> Vendor:
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


@pytest.fixture
def run(teams: Vendor) -> Bench:
    credentials = {"webhook_url": teams.sink.url(PATH)}
    return Bench(
        integrations={"teams": open_integration("teams", id="1", name="T", config={}, credentials=credentials)}
    )


def card(teams: Vendor) -> Any:
    """The card that was posted last."""
    [attachment] = teams.sink.requests[-1].json["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return attachment["content"]


def test_a_message(run: Bench, teams: Vendor) -> None:
    done: Any = run("teams_send_message", message="Hello")
    assert done.result == {"status": 202}
    assert teams.sink.requests[0].path == PATH
    assert card(teams) == {
        "type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "text": "Hello", "wrap": True}],
    }  # fmt: skip
    run("teams_send_message", message="Hello", title="News", button_text="Open", button_url="https://a.example")
    assert [block["text"] for block in card(teams)["body"]] == ["News", "Hello"]
    assert card(teams)["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://a.example"}]
    assert not teams.refused


def test_a_card_of_ones_own(run: Bench, teams: Vendor) -> None:
    own = {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "x"}]}
    run("teams_send_card", card=own)
    assert card(teams) == own


def test_a_webhook_that_is_gone(run: Bench, teams: Vendor) -> None:
    teams.sink.ask = lambda _received: Answer(410, b"{}")
    with pytest.raises(StepError, match=r"does not know this webhook any more \(status 410\)"):
        run("teams_send_message", message="x")


def test_the_test_posts_nothing(teams: Vendor) -> None:
    spec = CONNECTORS["teams"]
    read = spec.read({}, {"webhook_url": teams.sink.url(PATH)})
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))
    teams.sink.ask = lambda _received: Answer(405, b"{}")
    assert "The webhook answers" in spec.test(*read, context)
    teams.sink.ask = lambda _received: Answer(404, b"{}")
    with pytest.raises(StepError, match="does not know this webhook"):
        spec.test(*read, context)
    assert [one.method for one in teams.sink.requests] == ["GET", "GET"]
