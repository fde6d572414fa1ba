"""The choices that a service gives for a field: searched, bounded, kept for a moment, and never another organization's."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from flowapp.catalog.resources import Choice, Offered
from flowapp.connectors.runner import paging
from flowapp.tasks import jobs
from flowapp.tasks.outgoing import options as found_options
from tests.api.conftest import Api
from tests.api.crm.people import make_place
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import reroute

TOKEN = "xoxb-1234-secret"
FIELD = {"action": "send_message", "field": "channel"}


@pytest.fixture
def slack(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """260 channels, in two pages."""
    monkeypatch.setattr(found_options, "_kept", found_options._Kept())
    reroute(monkeypatch, {"https://slack.com": sink.url("")})

    def answer(received: Received) -> Answer:
        if received.headers["Authorization"] != f"Bearer {TOKEN}":
            return Answer(200, json.dumps({"ok": False, "error": "invalid_auth"}).encode())
        first = "cursor=" not in received.path
        numbers = range(200) if first else range(200, 260)
        channels = [{"id": f"C{number}", "name": f"café-{number}"} for number in numbers]
        body = {"ok": True, "channels": channels, "response_metadata": {"next_cursor": "2" if first else ""}}
        return Answer(200, json.dumps(body).encode())

    sink.ask = answer
    return sink


def connected(api: Api, token: str = TOKEN) -> str:
    body = {"name": "Our Slack", "integration_type": "slack", "credentials": {"token": token}}
    return str(api.post("/integrations/", body, 201)["id"])


def test_choices_of_all_pages_are_searched_and_bounded(api: Api, slack: Sink) -> None:
    path = f"/integrations/{connected(api)}/options/"
    found = api.as_("editor").post(path, FIELD)
    assert (found["success"], found["count"], found["more"], len(found["options"])) == (True, 260, False, 50)
    assert found["options"][0] == {"value": "C0", "label": "#café-0"}
    assert api.post(path, {**FIELD, "search": "CAFE-25"})["count"] == 11
    assert (
        api.post(path, {**FIELD, "action": "slack_send_message", "search": "C259"})["options"][0]["label"]
        == "#café-259"
    )
    assert api.post(path, {**FIELD, "search": "nothing"})["options"] == []
    assert len(slack.requests) == 2, "kept for a moment"


def test_what_one_organization_was_given_is_not_another_ones(app: Any, api: Api, slack: Sink) -> None:
    mine = connected(api)
    api.post(f"/integrations/{mine}/options/", FIELD)
    with app.app_context():
        theirs = Api(api.client, make_place("Other"))
    theirs.post(f"/integrations/{mine}/options/", FIELD, 404)
    before = len(slack.requests)
    answer = theirs.post(f"/integrations/{connected(theirs, 'xoxb-other')}/options/", FIELD)
    assert len(slack.requests) == before + 1
    assert (answer["success"], answer["options"]) == (False, [])
    assert "does not accept the token" in answer["message"]


def test_that_its_use_was_counted_asks_nobody_again(app: Any, api: Api, slack: Sink) -> None:
    path = f"/integrations/{connected(api)}/options/"
    api.post(path, FIELD)
    before = len(slack.requests)
    with app.app_context():
        jobs.load()
        jobs.perform("update_integration_stats")
    assert api.get(path.removesuffix("options/") + "usage/")["calls"] == before == 2
    api.post(path, FIELD)
    assert len(slack.requests) == before


def test_a_connection_that_was_changed_is_asked_again(api: Api, slack: Sink) -> None:
    mine = connected(api)
    api.post(f"/integrations/{mine}/options/", FIELD)
    api.patch(f"/integrations/{mine}/", {"credentials": {"token": "xoxb-changed"}})
    assert not api.post(f"/integrations/{mine}/options/", FIELD)["success"]


def test_who_may_ask_and_for_what(api: Api, slack: Sink) -> None:
    path = f"/integrations/{connected(api)}/options/"
    for role in ("viewer", "operator"):
        api.as_(role).post(path, FIELD, 403)
    api.post(path, {**FIELD, "field": "message"}, 404)
    api.post(path, {**FIELD, "action": "nothing"}, 404)
    api.post(path, {"field": "channel"}, 422)
    assert slack.requests == []


def test_choices_that_depend_on_another_field(api: Api, slack: Sink) -> None:
    body = {
        "name": "Google",
        "integration_type": "google_sheets",
        "credentials": {"client_id": "c", "client_secret": "s"},
    }
    path = f"/integrations/{api.post('/integrations/', body, 201)['id']}/options/"
    field = {"action": "append_row", "field": "sheet"}
    assert "Fill in “Spreadsheet” first" in api.post(path, field)["message"]
    late = api.post(path, {**field, "params": {"spreadsheet": "{{ input.id }}"}})
    assert "known only when the workflow runs" in late["message"]
    assert "Nobody has signed in" in api.post(path, {**field, "params": {"spreadsheet": "1AbC"}})["message"]
    assert slack.requests == []


def test_a_service_that_gives_page_after_page_keeps_nobody_waiting(
    api: Api, slack: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(0, 11)
    monkeypatch.setattr(paging, "monotonic", lambda: next(seconds))
    answer = api.post(f"/integrations/{connected(api)}/options/", FIELD)
    assert (answer["success"], answer["message"]) == (False, "The list takes longer than 10 seconds.")
    assert len(slack.requests) == 1


def test_what_no_field_could_hold_is_left_out(api: Api, slack: Sink) -> None:
    channels = [{"id": "C" * 3000, "name": "odd"}, {"id": "C1", "name": "n" * 100_000}]
    slack.ask = lambda _received: Answer(200, json.dumps({"ok": True, "channels": channels}).encode())
    found = api.post(f"/integrations/{connected(api)}/options/", FIELD)
    assert [one["value"] for one in found["options"]] == ["C1"]
    assert len(found["options"][0]["label"]) == 300
    assert found["more"]


def test_no_more_is_kept_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_options, "_MOST_KEPT", 100_000)
    kept, some = found_options._Kept(), Offered([Choice("v", "x" * 40_000)])
    for key in ("a", "b", "a", "c"):
        kept.put((key,), some)
    assert [kept.get((key,)) for key in "abc"] == [some, None, some]
    kept.put(("d",), Offered([Choice("v", "x" * 200_000)]))
    assert kept.get(("c",)) is some, "what is too large takes no other's place"
    assert kept.get(("d",)) is None
    assert kept._size <= 100_000


def test_what_has_ended_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, some = found_options._Kept(), Offered([Choice("v", "x")])
    monkeypatch.setattr(found_options, "_KEPT_FOR", -1.0)
    for key in "ab":
        kept.put((key,), some)
    monkeypatch.undo()
    kept.put(("c",), some)
    assert list(kept._options) == [("c",)]
    assert kept.get(("a",)) is None
