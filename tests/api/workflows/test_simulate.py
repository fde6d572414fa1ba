"""Simulating: the real engine and the real steps; nothing goes out, nothing is saved, and time flies."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.data import records, tables
from flowapp.extensions import db
from flowapp.models import CaughtMail, Contact, Execution
from flowapp.models.tenancy import system_session, tenant_session
from tests.api.conftest import Api
from tests.cli.test_commands import run as flask


def mail(step_id: str, subject: str) -> dict[str, Any]:
    params = {"to": "{{ input.email }}", "subject": subject, "message": "Hello {{ input.name }}"}
    return {"step_id": step_id, "action_type": "send_email", "params": params}


def wait(step_id: str, duration: str) -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "wait_time", "params": {"duration": duration}}


def make(api: Api, *steps: dict[str, Any], **more: Any) -> str:
    body = {"name": "Drip", "steps": list(steps), "triggers": [{"trigger_type": "manual"}], **more}
    return str(api.post("/workflows/", body, status=201)["id"])


def rows(api: Api, model: Any) -> int:
    with api.client.application.app_context(), system_session(db.engine) as system:
        return len(system.scalars(select(model)).all())


INPUT = {"email": "ann@example.com", "name": "Ann"}


def test_a_drip_of_two_weeks_shows_every_email_and_sends_none(api: Api) -> None:
    steps = [s for n in range(7) for s in (mail(f"mail_{n}", f"Day {2 * n}"), wait(f"wait_{n}", "2 days"))]
    workflow = make(api, *steps)
    began = time.monotonic()
    found = api.post(f"/workflows/{workflow}/simulate/", {"input_data": INPUT, "start_at": "2026-03-01T08:00:00Z"})
    took = time.monotonic() - began
    assert found["status"] == "completed"
    assert [(c["kind"], c["subject"], c["to"], c["text"]) for c in found["calls"]] == [
        ("email", f"Day {2 * n}", ["ann@example.com"], "Hello Ann") for n in range(7)
    ]
    assert [c["at"][:10] for c in found["calls"]] == [f"2026-03-{1 + 2 * n:02}" for n in range(7)]
    assert 14 * 86_400 <= found["duration"] < 14 * 86_400 + 60
    assert datetime.fromisoformat(found["ended_at"]).day == 15
    assert took < 14 * 86_400, "its time is not ours"
    assert (rows(api, CaughtMail), rows(api, Execution)) == (0, 0)


def test_calls_are_recorded_with_their_secrets_masked(api: Api) -> None:
    call = {
        "step_id": "call",
        "action_type": "send_webhook",
        "params": {
            "url": "https://nowhere.invalid/x",
            "headers": {"Authorization": "Bearer abc123"},
            "json": {"who": "{{ input.name }}"},
        },
    }
    workflow = make(api, call)
    found = api.post(f"/workflows/{workflow}/simulate/", {"input_data": INPUT})
    (made,) = found["calls"]
    assert (made["kind"], made["method"], made["url"]) == ("http", "POST", "https://nowhere.invalid/x")
    assert made["body"] == {"who": "Ann"}
    assert "abc123" not in str(found)


def test_addresses_are_refused_as_they_will_be(api: Api) -> None:
    steps = [mail("good", "Hi"), {**mail("bad", "Hi"), "step_id": "bad"}]
    steps[1]["params"]["to"] = "{{ input.name }} <{{ input.two }}>"
    data = {**INPUT, "name": "victim@example.net, Ann", "two": "ann@example.com, victim@example.net"}
    found = api.post(f"/workflows/{make(api, *steps)}/simulate/", {"input_data": data})
    assert (found["status"], [call["to"] for call in found["calls"]]) == ("failed", [["ann@example.com"]])
    assert "is not an e-mail address" in found["error_message"]


def test_pins_take_the_place_of_steps(api: Api) -> None:
    call = {"step_id": "call", "action_type": "send_webhook", "params": {"url": "https://nowhere.invalid/x"}}
    log = {"step_id": "say", "action_type": "log", "params": {"message": "price {{ steps.call.json.price }}"}}
    workflow = make(api, call, log)
    found = api.post(f"/workflows/{workflow}/simulate/", {"pins": {"call": {"json": {"price": 7}}}})
    assert found["calls"] == []
    assert [(s["step_id"], s["source"]) for s in found["steps"]] == [("call", "pinned"), ("say", "")]
    assert [line["message"] for line in found["logs"]] == ["price 7"]


def test_a_failing_step_says_why(api: Api) -> None:
    workflow = make(api, mail("mail", "Hello {{ input.nme }}"))
    found = api.post(f"/workflows/{workflow}/simulate/", {"input_data": INPUT})
    assert found["status"] == "failed"
    assert "input.name" in found["error_message"]


def test_the_contact_is_the_real_one(api: Api) -> None:
    with api.client.application.app_context(), system_session(db.engine) as system:
        system.add(Contact(organization_id=api.place.id, email="bob@example.com", first_name="Bob"))
        system.commit()
    log = {"step_id": "say", "action_type": "log", "params": {"message": "{{ contact.first_name }}"}}
    workflow = make(api, log)
    found = api.post(f"/workflows/{workflow}/simulate/", {"contact": "BOB@example.com"})
    assert [line["message"] for line in found["logs"]] == ["Bob"]
    answer = api.post(f"/workflows/{workflow}/simulate/", {"contact": "nobody"}, status=404)
    assert "contact" in str(answer)


def test_wrong_bodies_are_refused(api: Api) -> None:
    workflow = make(api, mail("mail", "x"))
    assert "start_at" in str(api.post(f"/workflows/{workflow}/simulate/", {"start_at": "soon"}, status=422))
    assert "answers" in str(api.post(f"/workflows/{workflow}/simulate/", {"answers": 3}, status=422))
    api.as_("operator").post(f"/workflows/{workflow}/simulate/", {}, status=403)


def test_an_endless_loop_is_stopped_by_the_budget(api: Api) -> None:
    again = {
        "step_id": "if",
        "action_type": "conditional",
        "params": {"conditions": {"field": "input.x", "operator": "exists"}},
    }
    workflow = make(
        api, again, config={"max_visits": 50}, edges=[{"source": "if", "target": "if", "branch": "no"}]
    )  # fmt: skip
    found = api.post(f"/workflows/{workflow}/simulate/", {})
    assert (found["status"], len(found["steps"])) == ("failed", 50)


def test_the_command(app: Any, api: Api) -> None:
    workflow = make(api, mail("mail", "Hi {{ input.name }}"), wait("wait", "14 days"))
    said = flask(app, "simulate", workflow, "--input", "-", input='{"email": "a@b.fr", "name": "Ann"}')
    assert "would email    a@b.fr: Hi Ann" in said
    assert "completed at" in said
    assert "after 14 d 0 h of its own time" in said
    begin, until = re.search(
        r"^([-0-9]{10} [:0-9]{8})  waited     wait, until ([-0-9]{10} [:0-9]{8})$", said, re.MULTILINE
    ).groups()
    assert datetime.fromisoformat(until) - datetime.fromisoformat(begin) == timedelta(days=14)
    assert "There is no workflow" in flask(app, "simulate", "nothing", code=1)
    assert "not valid JSON" in flask(app, "simulate", workflow, "--input", "-", input="{", code=1)


def test_the_command_says_that_a_goal_was_not_reached(app: Any, api: Api) -> None:
    goal = {"conditions": {"field": "input.paid", "operator": "==", "value": True}}
    workflow = make(api, {"step_id": "paid", "action_type": "goal", "params": goal})
    said = flask(app, "simulate", workflow, "--input", "-", input='{"paid": false}')
    assert "  not reached paid" in said


def test_what_cannot_be_simulated_is_refused_by_name(api: Api) -> None:
    workflow = make(api, wait("pause", "2 days"))
    for body, path, status in (
        ({"start_at": "9999-12-31T23:59:59Z"}, "start_at", 409),
        ({"start_at": 0}, "start_at", 422),
        ({"pins": {"nobody": 1}}, "pins.nobody", 404),
        ({"answers": {"nobody": {}}}, "answers.nobody", 404),
    ):
        assert path in str(api.post(f"/workflows/{workflow}/simulate/", body, status=status))


def test_a_merge_of_the_first_gives_its_own_output(api: Api) -> None:
    steps = [
        {"step_id": "begin", "action_type": "transform_data", "params": {"set": {"x": 1}}},
        {"step_id": "quick", "action_type": "transform_data", "params": {"set": {"who": "quick"}}},
        wait("slow", "1 day"),
        {"step_id": "merge", "action_type": "merge", "params": {"mode": "first"}},
        {"step_id": "after", "action_type": "transform_data", "params": {"set": {"last": True}}},
    ]
    edges = [("begin", "quick"), ("begin", "slow"), ("quick", "merge"), ("slow", "merge"), ("merge", "after")]
    workflow = make(api, *steps, edges=[{"source": a, "target": b} for a, b in edges])
    found = api.post(f"/workflows/{workflow}/simulate/", {})
    assert (found["status"], found["output_data"]) == ("completed", {"last": True})


def test_an_answer_that_does_not_fit_is_told(api: Api) -> None:
    ask = {"step_id": "q", "action_type": "wait_event", "params": {"kind": "approval", "role": "admin", "title": "Ok?"}}
    workflow = make(api, ask)
    found = api.post(f"/workflows/{workflow}/simulate/", {"answers": {"q": {"kind": "approved"}}})
    assert any("does not fit" in note and "approval" in note for note in found["notes"])


def test_a_stop_says_its_message_however_it_ends(api: Api) -> None:
    for status in ("completed", "cancelled", "failed"):
        stop = {"step_id": "s", "action_type": "stop", "params": {"status": status, "message": "because of Bob"}}
        found = api.post(f"/workflows/{make(api, stop)}/simulate/", {})
        assert (found["status"], [line["message"] for line in found["logs"]]) == (status, ["because of Bob"])
        assert found["error_message"] == ("" if status == "completed" else "because of Bob")


def test_fields_of_a_contact_go_by_both_names(api: Api) -> None:
    with api.client.application.app_context(), system_session(db.engine) as system:
        system.add(Contact(organization_id=api.place.id, email="bob@example.com", fields={"plan": "gold"}))
        system.commit()
    log = {
        "step_id": "say",
        "action_type": "log",
        "params": {"message": "{{ contact.plan }} {{ contact.fields.plan }}"},
    }
    found = api.post(f"/workflows/{make(api, log)}/simulate/", {"contact": "bob@example.com"})
    assert [line["message"] for line in found["logs"]] == ["gold gold"]


# --- as a real run would, or a note that says why not


def table(api: Api) -> Callable[[], list[tuple[Any, Any]]]:
    """A table with one record; what is in it."""
    columns = [
        {"label": "Email", "key": "email", "unique": True},
        {"label": "Amount", "key": "amount", "type": "number"},
    ]
    app = api.client.application

    def read() -> list[tuple[Any, Any]]:
        with app.app_context(), tenant_session(db.engine, api.place.id) as session:
            physical = tables.sql_table(tables.find_table(session, api.place.project_id, "orders"))
            return [(row.email, row.amount) for row in session.execute(select(physical))]

    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        made = tables.create(session, {"name": "orders", "columns": columns}, project_id=api.place.project_id)
        records.create(session, made, {"email": "ann@example.com", "amount": 1})
        session.commit()
    return read


def save(**params: Any) -> dict[str, Any]:
    return {"step_id": "save", "action_type": "database_save", "params": {"table": "orders", **params}}


@pytest.mark.parametrize(
    ("rows_", "words"),
    [
        ({"nobody": 1}, "nobody"),
        ({"email": "new@example.com", "amount": "many"}, "many"),
        ({"email": "ann@example.com", "amount": 2}, "email"),
    ],
)
def test_what_cannot_be_saved_fails_as_it_will(api: Api, rows_: Any, words: str) -> None:
    kept = table(api)
    workflow = make(api, save(data=rows_))
    found = api.post(f"/workflows/{workflow}/simulate/", {"input_data": {}})
    assert found["status"] == "failed"
    assert words in found["error_message"]
    assert kept() == [("ann@example.com", 1)]


def test_an_upsert_tells_created_from_updated_and_saves_nothing(api: Api) -> None:
    kept = table(api)
    for email, expected in (("ann@example.com", (0, 1)), ("bob@example.com", (1, 0))):
        step = save(data={"email": email, "amount": 2}, mode="upsert", match=["email"])
        found = api.post(f"/workflows/{make(api, step)}/simulate/", {"input_data": {}})
        output = found["steps"][0]["output"]
        assert (output["created"], output["updated"]) == expected
        assert any("nothing was saved" in note for note in found["notes"])
    assert kept() == [("ann@example.com", 1)]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://10.1.2.3:6379/", "10.1.2.3"),
        ("ftp://x.example/", "http://"),
    ],
)
def test_an_address_that_is_refused_is_refused_here_too(api: Api, url: str, words: str) -> None:
    call = {"step_id": "call", "action_type": "send_webhook", "params": {"url": "{{ input.url }}"}}
    found = api.post(f"/workflows/{make(api, call)}/simulate/", {"input_data": {"url": url}})
    assert (found["status"], found["calls"]) == ("failed", [])
    assert words in found["error_message"]


def test_a_call_that_was_not_made_is_told(api: Api) -> None:
    call = {"step_id": "call", "action_type": "send_webhook", "params": {"url": "https://x.example/"}}
    found = api.post(f"/workflows/{make(api, call)}/simulate/", {"input_data": {}})
    assert found["status"] == "completed"
    assert any("was not made" in note for note in found["notes"])


def sub(api: Api, *steps: dict[str, Any]) -> None:
    api.post("/workflows/", {"name": "Sub", "steps": list(steps), "triggers": [], "status": "active"}, status=201)


def log(message: str) -> dict[str, Any]:
    return {"step_id": "log", "action_type": "log", "params": {"message": message}}


SUB = {"step_id": "sub", "action_type": "run_workflow", "params": {"workflow": "Sub", "input": {"n": "{{ input.n }}"}}}
CODE = {
    "step_id": "code",
    "action_type": "custom_code",
    "params": {"code": "{'v': n + 1}", "input": {"n": "{{ input.n }}"}},
}


def test_another_workflow_is_simulated_too_and_its_output_is_there(api: Api) -> None:
    sub(api, mail("hello", "From below"), wait("w", "2 days"), CODE)
    sub_input = {**SUB["params"], "input": {"n": "{{ input.n }}", "email": "{{ input.email }}", "name": "Bob"}}
    steps = [{**SUB, "params": sub_input}, log("v={{ steps.sub.output.v }}")]
    found = api.post(f"/workflows/{make(api, *steps)}/simulate/", {"input_data": {"n": 41, **INPUT}})
    assert (found["status"], found["error_message"]) == ("completed", "")
    assert any(line["message"] == "v=42" for line in found["logs"])
    assert [(call["kind"], call["step_id"]) for call in found["calls"]] == [("workflow", "sub"), ("email", "sub")]
    assert 2 * 86_400 <= found["duration"] < 2 * 86_400 + 60


@pytest.mark.parametrize(("workflow", "words"), [("Nobody", "There is no workflow"), ("Draft", "never published")])
def test_another_workflow_that_cannot_run_fails_as_it_will(api: Api, workflow: str, words: str) -> None:
    api.post("/workflows/", {"name": "Draft", "steps": [log("x")], "triggers": []}, status=201)
    step = {**SUB, "params": {"workflow": "{{ input.other }}"}}
    found = api.post(f"/workflows/{make(api, step)}/simulate/", {"input_data": {"other": workflow}})
    assert found["status"] == "failed"
    assert words in found["error_message"]
