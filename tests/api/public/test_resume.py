"""/resume/<token>: calls that waiting executions go on with."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.api.public import resume
from flowapp.extensions import db
from flowapp.models import Signal, StepRun
from flowapp.models.tenancy import system_session
from flowapp.security.links import read, sign
from tests.api.conftest import Api
from tests.api.crm.people import working
from tests.api.waiting import ended, started, status_of, wait_event, waiting
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases
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
        ({"method": "POST", "data": b"fine", "content_type": "text/plain"}, {"body": "fine"}),
        ({"method": "POST"}, {}),
        ({"method": "POST", "query_string": {"ok": "yes", "step": "ask"}}, {"ok": "yes"}),
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
    assert read(app.extensions["settings"].secret_key, "resume", token) == [execution_id, "1", "say", 0]
    assert caller.post(url).status_code == 202
    assert ended(api, execution_id)["status"] == "completed"


def test_a_call_that_comes_first_is_kept(app: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*", ""])
def test_opening_a_link_never_acts(app: Any, api: Api, caller: Any, method: str, accept: str) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    address_of = address(app, execution_id)
    seen = caller.open(address_of, method=method, headers={"Accept": accept} if accept else {})
    assert seen.status_code == (405 if accept == "application/json" else 200)
    if method == "GET" and seen.status_code == 200:
        assert '<form method="post"' in seen.text
    assert kept_calls(app, execution_id) == 0
    assert status_of(api, execution_id) == "waiting"


def test_the_button_acts_once_and_a_reload_sends_nothing(app: Any, api: Api, caller: Any) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    link = address(app, execution_id) + "?order=7"
    sent = caller.post(action_of(caller.get(link, headers=HTML)), headers=HTML)
    assert (sent.status_code, sent.location) == (303, link)
    assert ended(api, execution_id)["output_data"]["payload"] == {"order": "7"}
    assert "was received" in caller.get(sent.location, headers=HTML).text
    other = waiting(api, wait_event(kind="url"))
    api.post(f"/executions/{other}/cancel/")
    assert "has already ended" in caller.get(address(app, other), headers=HTML).text


def action_of(shown: Any) -> str:
    """Where the form of a page is sent to."""
    found = re.search(r'<form method="post" action="([^"]+)"', shown.text)
    assert found, shown.text
    return html.unescape(found[1])


def kept_calls(app: Any, execution_id: str) -> int:
    with app.app_context(), system_session(db.engine) as system:
        return len(system.scalars(select(Signal).where(Signal.execution_id == execution_id)).all())


def circle() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A flow that names the address twice, then waits, and comes round again."""
    steps = [
        {"step_id": "mail", "action_type": "test_echo", "params": {"text": "{{ resume_url }}"}},
        {"step_id": "sms", "action_type": "test_echo", "params": {"text": "{{ resume_url }}"}},
        wait_event(kind="url"),
    ]
    return steps, [{"source": a, "target": b} for a, b in (("mail", "sms"), ("sms", "ask"), ("ask", "mail"))]


def links(app: Any, execution_id: str) -> list[str]:
    """The addresses that the flow has named, in their order."""
    with app.app_context(), system_session(db.engine) as system:
        runs = select(StepRun.output).where(
            StepRun.execution_id == execution_id, StepRun.step_id.in_(("mail", "sms")), StepRun.output.is_not(None)
        )
        return [output["text"] for output in system.scalars(runs.order_by(StepRun.seq))]


def visits(app: Any, execution_id: str) -> list[tuple[str, Any]]:
    with app.app_context(), system_session(db.engine) as system:
        runs = select(StepRun).where(StepRun.execution_id == execution_id, StepRun.step_id == "ask")
        return [(run.status, (run.output or {}).get("payload")) for run in system.scalars(runs.order_by(StepRun.seq))]


def test_a_link_that_was_used_passes_no_later_wait(app: Any, api: Api, caller: Any) -> None:
    steps, edges = circle()
    execution_id = waiting(api, *steps, edges=edges)
    by_mail, by_sms = links(app, execution_id)
    assert caller.post(by_mail, json=1).status_code == 202
    wait_until(lambda: len(links(app, execution_id)) == 4, message="it does not come round")
    wait_until(lambda: visits(app, execution_id)[1:] == [("waiting", None)], message="it does not wait again")
    again, sibling = caller.post(by_mail, json=2), caller.post(by_sms, json=3)
    assert (again.status_code, sibling.status_code) == (409, 409)
    assert "already been used" in again.json["detail"]
    assert "already continued" in sibling.json["detail"]
    assert "already continued" in caller.get(by_sms, headers=HTML).text
    assert caller.post(links(app, execution_id)[2], json=4).status_code == 202
    wait_until(lambda: len(visits(app, execution_id)) == 3, message="the second link continues nothing")
    assert [payload for status, payload in visits(app, execution_id) if status == "completed"] == [1, 4]


def test_a_form_passes_no_other_visit_than_the_one_it_was_shown_for(app: Any, api: Api, caller: Any) -> None:
    steps, edges = circle()
    execution_id = waiting(api, *steps, edges=edges)
    old_link = address(app, execution_id)  # as earlier releases made them: they say nothing of a visit
    form = action_of(caller.get(old_link, headers=HTML))
    assert caller.post(links(app, execution_id)[0]).status_code == 202
    wait_until(lambda: visits(app, execution_id)[1:] == [("waiting", None)], message="it does not wait again")
    assert caller.post(form, headers=HTML).status_code == 303
    assert kept_calls(app, execution_id) == 0
    assert visits(app, execution_id)[1:] == [("waiting", None)]


def test_of_two_calls_for_one_wait_only_the_first_counts(app: Any, api: Api) -> None:
    steps, edges = circle()
    with working():
        execution_id = waiting(api, *steps, edges=edges)
    by_mail, by_sms = links(app, execution_id)  # nobody runs it now
    calls = [app.test_client().post(link) for link in (by_mail, by_sms)]
    assert [call.status_code for call in calls] == [202, 409]


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
        ({"data": b"x", "content_type": "text/plain; charset=klingon"}, 415),
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
    link = address(app, execution_id)
    answers = [caller.post(f"{link}?step={step_id}").status_code for step_id in ("a", "b", "c")]
    assert answers == [202, 202, 409]
