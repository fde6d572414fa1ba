"""/resume/<token>: calls that waiting executions go on with."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flowapp.api.public import resume
from flowapp.extensions import db
from flowapp.models import StepRun
from flowapp.models.tenancy import system_session
from flowapp.security.links import read, sign
from tests.api.conftest import Api
from tests.api.waiting import ended, started, status_of, wait_event, waiting

HTML = {"Accept": "text/html,application/xhtml+xml"}


def address(app: Any, execution_id: str) -> str:
    return f"/resume/{sign(app.extensions['settings'].secret_key, 'resume', execution_id)}"


@pytest.fixture
def caller(app: Any, worker: None) -> Any:
    """A program without any session."""
    return app.test_client()


@pytest.mark.parametrize(
    ("call", "payload"),
    [
        ({"method": "POST", "json": {"paid": True}}, {"paid": True}),
        ({"method": "POST", "json": [1, 2]}, [1, 2]),
        ({"method": "POST", "data": {"a": "1", "b": ["2", "3"]}}, {"a": "1", "b": ["2", "3"]}),
        ({"method": "POST"}, {}),
        ({"method": "GET", "query_string": {"ok": "yes", "step": "ask"}}, {"ok": "yes"}),
    ],
)
def test_a_call_resumes_with_what_it_brings(
    app: Any, api: Api, caller: Any, call: dict[str, Any], payload: Any
) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    answer = caller.open(address(app, execution_id), **call)
    assert (answer.status_code, answer.json) == (202, {"execution_id": execution_id, "status": "waiting"})
    assert ended(api, execution_id)["output_data"] == {"kind": "url", "payload": payload}


def test_the_steps_can_name_the_address(app: Any, api: Api, caller: Any) -> None:
    say = {"step_id": "say", "action_type": "test_echo", "params": {"text": "{{ resume_url }}"}}
    execution_id = waiting(api, say, wait_event(kind="url"))
    assert "/resume/••••••" in api.get(f"/executions/{execution_id}/")["steps"][0]["output"]["text"]
    with app.app_context(), system_session(db.engine) as system:
        url = system.scalars(select(StepRun.output).where(StepRun.step_id == "say")).one()["text"]
    base, _, token = url.partition("/resume/")
    assert base == f"http://127.0.0.1:{app.extensions['settings'].port}"
    assert read(app.extensions["settings"].secret_key, "resume", token) == execution_id
    assert caller.post(url).status_code == 202
    assert ended(api, execution_id)["status"] == "completed"


def test_a_call_that_comes_first_is_kept(app: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.api.crm.people import working

    execution_id = started(api, wait_event(kind="url"))
    answer = app.test_client().post(address(app, execution_id), json="early")
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    with working():
        assert ended(api, execution_id)["output_data"]["payload"] == "early"


def test_one_of_several_steps_can_be_meant(app: Any, api: Api, caller: Any) -> None:
    start = {"step_id": "start", "action_type": "test_echo", "params": {}}
    edges = [{"source": "start", "target": step_id} for step_id in ("one", "two")]
    execution_id = waiting(api, start, wait_event("one", kind="url"), wait_event("two", kind="url"), edges=edges)
    assert caller.post(address(app, execution_id) + "?step=two", json=2).status_code == 202
    assert caller.post(address(app, execution_id), json=1).status_code == 202
    runs = {run["step_id"]: run["output"] for run in ended(api, execution_id)["steps"]}
    assert (runs["one"]["payload"], runs["two"]["payload"]) == (1, 2)


def test_a_browser_that_follows_the_link_is_asked_first(app: Any, api: Api, caller: Any) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    shown = caller.get(address(app, execution_id), headers=HTML)
    assert (shown.status_code, "<form" in shown.text) == (200, True)
    assert status_of(api, execution_id) == "waiting"
    thanks = caller.post(address(app, execution_id), headers=HTML)
    assert (thanks.status_code, "was received" in thanks.text) == (200, True)
    assert ended(api, execution_id)["output_data"]["payload"] == {}
    assert "has already ended" in caller.get(address(app, execution_id), headers=HTML).text


def test_what_has_ended_cannot_be_resumed(app: Any, api: Api, caller: Any) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    api.post(f"/executions/{execution_id}/cancel/")
    answer = caller.post(address(app, execution_id))
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")


def test_a_token_that_was_not_made_here_leads_nowhere(app: Any, api: Api, caller: Any) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    key = app.extensions["settings"].secret_key
    for token in ("nonsense", sign("another key", "resume", execution_id), sign(key, "approval", execution_id)):
        answer = caller.post(f"/resume/{token}")
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    gone = sign(key, "resume", "01900000-0000-7000-8000-000000000000")
    assert caller.post(f"/resume/{gone}").status_code == 404
    assert "<h1>" in caller.get("/resume/nonsense", headers=HTML).text


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"x", "content_type": "text/plain"}, 415),
        ({"data": b"x" * (1_048_576 + 1), "content_type": "application/json"}, 413),
        ({"query_string": {"step": "a b"}}, 422),
    ],
)
def test_what_cannot_be_read_is_refused_and_resumes_nothing(
    app: Any, api: Api, caller: Any, call: dict[str, Any], status: int
) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    assert caller.post(address(app, execution_id), **call).status_code == status
    assert status_of(api, execution_id) == "waiting"


def test_calls_that_nobody_takes_do_not_pile_up(app: Any, api: Api, caller: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(resume, "MAX_KEPT", 2)
    execution_id = waiting(api, wait_event(kind="event", events=["a.b"]))
    answers = [caller.post(address(app, execution_id)).status_code for _ in range(3)]
    assert answers == [202, 202, 409]
