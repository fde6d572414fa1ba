"""Workflows that call their own webhooks, or each other's, come to an end, and somebody is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from flowapp.catalog import HttpResponse
from flowapp.models import Execution, Notification
from flowapp.models.tenancy import system_session
from flowapp.security.chains import HEADER, Chain, is_own_hook, read_chain
from flowapp.tasks import runtime
from flowapp.tasks.outgoing import Outgoing
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases
SECRET = "of this installation"


class Loopback:
    """Outgoing HTTP that comes in again at this application; `sent` are the headers of each call."""

    def __init__(self, app: Any) -> None:
        self.app, self.sent = app, list[Mapping[str, str]]()

    def request(self, method: str, url: str, *, headers: Any, json: Any, **_how: Any) -> HttpResponse:
        self.sent.append(headers)
        got = self.app.test_client().open(urlsplit(url).path, method=method, headers=headers, json=json)
        return HttpResponse(got.status_code, dict(got.headers), got.text, got.json, 1)


@pytest.fixture
def outgoing(app: Any, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    loopback = Loopback(app)
    monkeypatch.setattr(Outgoing, "http", lambda _outgoing, _organization_id: loopback)
    return loopback


def caller(api: Api, name: str) -> tuple[str, str]:
    """(id, key of its webhook) of a workflow that calls `input.to`, and says there who is to be called next."""
    params = {"url": "{{ input.to }}", "json": {"to": "{{ input.back }}", "back": "{{ input.to }}"}}
    step = {"step_id": "call", "action_type": "send_webhook", "params": params}
    made = api.post("/workflows/", workflow_body(name=name, status="active", steps=[step]), 201)
    return made["id"], made["triggers"][0]["config"]["key"]


def stored() -> list[Execution]:
    with system_session(runtime().engine) as session:
        return list(session.scalars(select(Execution).order_by(Execution.id)))


def ended() -> list[Execution]:
    """All executions, once none is open any more."""
    wait_until(lambda: all(one.status in ("completed", "failed") for one in stored()))
    return stored()


def told() -> list[Notification]:
    with system_session(runtime().engine) as session:
        return list(session.scalars(select(Notification).where(Notification.link.contains("?stopped="))))


def test_two_that_call_each_other_are_stopped(api: Api, worker: None, outgoing: Loopback) -> None:
    (ping, its_key), (pong, other_key) = caller(api, "Ping"), caller(api, "Pong")
    addresses = [f"{runtime().public_url()}/hooks/{key}" for key in (other_key, its_key)]
    assert (
        api.client.post(f"/hooks/{its_key}", json=dict(zip(("to", "back"), addresses, strict=True))).status_code == 202
    )
    wait_until(lambda: len(outgoing.sent) == 11)
    executions = ended()
    assert [one.options.get("depth", 0) for one in executions] == list(range(11))
    assert [one.workflow_id for one in executions] == [ping, pong] * 5 + [ping]
    assert [one.status for one in executions] == ["completed"] * 10 + ["failed"]
    assert "11 executions in a row led to this call" in executions[-1].error_message
    notes = told()
    assert {(note.title, note.link) for note in notes} == {("“Pong” was stopped", f"/workflows/{pong}?stopped=chain")}
    assert "came from “Ping”" in notes[0].body
    assert all(HEADER.lower() not in one.context["headers"] for one in executions)


def test_a_header_that_was_not_signed_here_counts_for_nothing(api: Api) -> None:
    _id, key = caller(api, "Ping")
    for forged in ("11", Chain(11, "x").signed("another installation's")):
        got = api.client.post(f"/hooks/{key}", json={}, headers={HEADER: forged})
        assert got.status_code == 202
    assert [one.options for one in stored()] == [{}, {}]
    signed = Chain(3, "x").signed(runtime().settings.secret_key)
    assert api.client.post(f"/hooks/{key}", json={}, headers={HEADER: signed}).status_code == 202
    assert stored()[-1].options == {"depth": 3}


def test_what_is_refused_is_told_once_an_hour(api: Api) -> None:
    workflow_id, key = caller(api, "Ping")
    signed = Chain(11, workflow_id).signed(runtime().settings.secret_key)
    for _ in range(2):
        refused = api.client.post(f"/hooks/{key}", json={}, headers={HEADER: signed})
        assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
    assert stored() == []
    assert len(told()) == len({note.user_id for note in told()}) > 0


def test_other_addresses_are_told_nothing(api: Api, worker: None, outgoing: Loopback) -> None:
    _id, key = caller(api, "Ping")
    for elsewhere in ("https://shop.example/hooks/x", f"{runtime().public_url()}/healthz"):
        api.client.post(f"/hooks/{key}", json={"to": elsewhere, "back": ""})
    wait_until(lambda: len(outgoing.sent) == 2)
    assert all(HEADER not in headers for headers in outgoing.sent)
    ended()


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://flow.example/hooks/k", True),
        ("https://FLOW.example:443/hooks/k?a=b", True),
        ("http://flow.example/hooks/k", False),
        ("https://flow.example.evil.example/hooks/k", False),
        ("https://flow.example@evil.example/hooks/k", False),
        ("https://evil.example/?https://flow.example/hooks/k", False),
        ("https://flow.example/x/hooks/k", False),
    ],
)
def test_only_webhooks_at_the_public_address_are_ones_own(url: str, own: bool) -> None:
    assert is_own_hook(url, "https://flow.example") is own


def test_a_chain_is_read_as_it_was_signed() -> None:
    assert read_chain(SECRET, Chain(4, "w").signed(SECRET)) == Chain(4, "w")
    assert read_chain(SECRET, "") == Chain()
