"""Another organization's integration is none: whatever a stranger names it by, and whatever they may do at home."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from flowapp.extensions import db
from flowapp.models import Integration
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.crm.people import make_place
from tests.api.integrations.test_integrations import SECRET, connected, opened
from tests.support.servers.sink import Answer, Sink


@pytest.fixture
def stranger(app: Any, api: Api) -> Api:
    with app.app_context():
        return Api(api.client, make_place("Evil"))


CALLS = [
    ("GET", "", None), ("PATCH", "", {"name": "Mine"}), ("PUT", "", {"config": {"base_url": "https://evil.example"}}),
    ("PATCH", "", {"credentials": {"secret": "mine"}}), ("DELETE", "", None), ("POST", "test/", {}),
    ("POST", "execute/", {"action": "send_webhook", "params": {"url": "/x"}}), ("GET", "usage/", None),
    ("POST", "options/", {"action": "send_webhook", "field": "url"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_it_is_not_there_for_a_stranger(
    app: Any, api: Api, stranger: Api, sink: Sink, method: str, path: str, body: Any
) -> None:
    made = connected(api, sink)
    for one in (made["id"], made["id"].upper(), made["id"].replace("-", ""), f"{{{made['id']}}}"):
        answer = stranger(method, f"/integrations/{one}/{path}", body)
        assert answer.status_code == 404
        assert made["name"] not in answer.text
    assert sink.requests == []
    assert api.get(f"/integrations/{made['id']}/")["name"] == made["name"]
    assert opened(app, made["id"]) == {"secret": SECRET}


def test_a_stranger_sees_none_of_it_in_lists(api: Api, stranger: Api, sink: Sink) -> None:
    made = connected(api, sink)
    assert stranger.get("/integrations/?search=Shop")["results"] == []
    assert made["id"] not in stranger("GET", "/integrations/").text


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("step", ["integration_call", "send_webhook", "api_get"])
@pytest.mark.parametrize("by", ["id", "name"])
def test_a_stranger_s_step_does_not_find_it(api: Api, stranger: Api, sink: Sink, step: str, by: str) -> None:
    kind = "api" if step == "api_get" else "webhook"
    made = connected(api, sink, integration_type=kind)
    named = made[by]
    for written in (
        named,
        "{{ input.named }}",
    ):  # what is written is looked up before it runs, an expression when it runs
        params = {"integration": written, "url": sink.url("/x")}
        body = {"name": "W", "trigger": {"type": "manual"}, "steps": [{"id": "a", "action": step, "params": params}]}
        flow = stranger.post("/workflows/", body, 201)
        given = {"async_execution": False, "input_data": {"named": named}}
        answer = stranger("POST", f"/workflows/{flow['id']}/execute/", given)
        assert answer.status_code == 422 or answer.json["status"] == "failed"
        assert re.search("There is no (active )?integration|What was chosen here is no longer available", answer.text)
    assert sink.requests == []


def test_execute_takes_no_other_integration_in_its_params(api: Api, stranger: Api, sink: Sink) -> None:
    made, own = connected(api, sink), connected(stranger, sink, config={"base_url": sink.url("/own"), "auth": "none"})
    params = {"url": sink.url("/own/x"), "integration": made["id"]}
    stranger.post(f"/integrations/{own['id']}/execute/", {"action": "send_webhook", "params": params})
    assert [("Authorization" in one.headers, one.path) for one in sink.requests] == [(False, "/own/x")]


def test_made_up_ids_are_none(api: Api) -> None:
    for one in (str(uuid.uuid4()), "0", "-1", "x" * 300, "%00", "..%2f", "null", "1e9", "\u0661"):
        assert api("GET", f"/integrations/{one}/").status_code == 404


def test_an_answer_that_repeats_the_request_shows_no_secret(app: Any, api: Api, sink: Sink) -> None:
    """The result, the log, the error, the test and what is kept of them."""
    made = connected(api, sink)
    for status in (200, 400, 500):
        sink.ask = lambda received, at=status: Answer(
            at,
            f"{dict(received.headers)}".encode(),
            {"X-Echo": received.headers["Authorization"], "Content-Type": "text/plain"},
        )
        done = api("POST", f"/integrations/{made['id']}/execute/", {"params": {"url": "/x"}})
        tested = api("POST", f"/integrations/{made['id']}/test/")
        assert SECRET not in done.text + tested.text
    with app.app_context(), system_session(db.engine) as session:
        row = session.get_one(Integration, made["id"])
        assert SECRET not in f"{row.last_error}{row.last_test_message}"
