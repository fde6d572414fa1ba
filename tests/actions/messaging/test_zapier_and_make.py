"""What a step sends to Zapier's catch hooks and Make's custom webhooks (docs/zapier-and-make.md), against doubles of both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from flowapp.catalog import open_integration
from flowapp.errors import StepError
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import reroute

CATCH = "https://hooks.zapier.com/hooks/catch/123456/abcdef/"
MAKE, PATH, KEY = "https://hook.eu2.make.com", "/a1b2c3d4e5f6g7h8i9j0klmnopqrstuv", "the key of the webhook"


def read(received: Received) -> Any:
    """As both services read a body: by its type."""
    kind = received.headers["Content-Type"].partition(";")[0]
    if kind == "application/json":
        return json.loads(received.body)
    assert kind == "application/x-www-form-urlencoded", kind
    return dict(parse_qsl(received.body.decode(), keep_blank_values=True, strict_parsing=True))


@pytest.fixture
def zaps(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What starts a Zap, one entry a start. A list starts it for each entry; an empty request is ignored, and told to be one all the same."""
    started: list[Any] = []

    def catch(received: Received) -> Answer:
        if received.method not in ("GET", "POST", "PUT") or not re.fullmatch(r"/hooks/catch/\d+/\w+/", received.path):
            return Answer(404, b'{"status": "error"}')
        given = read(received) if received.body else None
        started.extend(given if isinstance(given, list) else [given] if given else [])
        said = {"attempt": "0198", "id": "0199", "request_id": "019a", "status": "success"}
        return Answer(200, json.dumps(said).encode())

    sink.ask = catch
    reroute(monkeypatch, {"https://hooks.zapier.com": sink.url("")})
    return started


@pytest.fixture
def scenarios(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What starts a scenario whose webhook wants an API key."""
    started: list[Any] = []
    text = {"Content-Type": "text/plain; charset=utf-8"}

    def take(received: Received) -> Answer:
        if received.headers.get("x-make-apikey") != KEY:
            return Answer(401, b"Unauthorized", text)
        if received.path != PATH:
            return Answer(410, b"There is no scenario listening for this webhook.", text)
        started.append(read(received))
        return Answer(200, b"Accepted", text)

    sink.ask = take
    reroute(monkeypatch, {MAKE: sink.url("")})
    return started


@pytest.mark.parametrize(
    ("params", "starts"),
    [
        (
            {"json": {"email": "{{ input.email }}", "order": {"id": 7}}},
            [{"email": "zoé@example.com", "order": {"id": 7}}],
        ),
        ({"json": "{{ input.rows }}"}, [{"id": 1}, {"id": 2}]),
        ({"form": {"email": "{{ input.email }}", "n": 7}}, [{"email": "zoé@example.com", "n": "7"}]),
        ({"json": {"n": 1}, "method": "PUT"}, [{"n": 1}]),
    ],
)
def test_a_step_starts_a_zap(run: Bench, zaps: list[Any], params: dict[str, Any], starts: list[Any]) -> None:
    done: Any = run("send_webhook", {"email": "zoé@example.com", "rows": [{"id": 1}, {"id": 2}]}, url=CATCH, **params)
    assert zaps == starts
    assert done.result["body"]["status"] == "success"


def test_zapier_says_success_to_an_empty_request_and_starts_nothing(run: Bench, zaps: list[Any]) -> None:
    done: Any = run("send_webhook", {}, url=CATCH)
    assert (zaps, done.result["body"]["status"]) == ([], "success")


def connection(secret: str = KEY) -> dict[str, Any]:
    config = {"base_url": MAKE, "auth": "header", "header_name": "x-make-apikey"}
    return {"make": open_integration("webhook", id="1", name="make", config=config, credentials={"secret": secret})}


def test_a_step_starts_a_scenario_with_its_api_key(scenarios: list[Any]) -> None:
    run = Bench(integrations=connection())
    done: Any = run("send_webhook", {"rows": [1, 2]}, url=PATH, integration="make", json={"rows": "{{ input.rows }}"})
    run("send_webhook", {}, url=f"{MAKE}{PATH}", integration="make", form={"a": "é"})
    assert scenarios == [{"rows": [1, 2]}, {"a": "é"}]
    assert (done.result["status"], done.result["body"]) == (200, "Accepted")
    assert run.used == ["1", "1"]


def test_the_webhook_connection_means_this_step(scenarios: list[Any]) -> None:
    run = Bench(integrations=connection())
    run.integrations["webhook"] = run.integrations["1"] = run.integrations["make"]
    run("integration_call", {}, integration="webhook", params={"url": PATH, "json": {"a": 1}})
    assert scenarios == [{"a": 1}]


@pytest.mark.parametrize(
    ("changed", "told", "permanent"),
    [
        (lambda run: run.integrations.update(connection("wrong")), "returned 401: Unauthorized", True),
        (lambda _run: None, "returned 410: There is no scenario listening", True),
    ],
)
def test_what_make_refuses_fails_the_step(
    scenarios: list[Any], changed: Callable[[Bench], None], told: str, permanent: bool
) -> None:
    run = Bench(integrations=connection())
    changed(run)
    with pytest.raises(StepError, match=told) as caught:
        run("send_webhook", {}, url="/nobody-listens-here", integration="make", json={"a": 1})
    assert caught.value.permanent is permanent
    assert not scenarios and KEY not in caught.value.message


def test_the_key_of_make_goes_nowhere_else(scenarios: list[Any]) -> None:
    run = Bench(integrations=connection())
    with pytest.raises(StepError, match=r"may be used at https://hook.eu2.make.com only"):
        run("send_webhook", {}, url=CATCH, integration="make", json={"a": 1})
    assert not scenarios
