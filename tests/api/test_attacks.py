"""Definitions and data that are written to hold the web process: it answers soon, in words, and serves others meanwhile."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from flowapp.security.helpers import pool
from flowapp.web import fast_path
from tests.api.conftest import Api
from tests.api.waiting import started
from tests.support.cost import at_most
from tests.support.processes import wait_until

BOTH = {"type": "array", "items": {"anyOf": [{"$ref": "#"}] * 4}}
DEEP: Any = 1
for _ in range(16):
    DEEP = [DEEP]
DOUBLED = ", ".join(f"a{at} || a{at} AS a{at + 1}" for at in range(40))


def step(kind: str, **params: Any) -> dict[str, Any]:
    return {"step_id": "hostile", "action_type": kind, "params": params}


HOSTILE = {
    "expressions in SQL": step("database_query", mode="sql", query="SELECT '" + "{{}}" * 4_000),
    "names in SQL": step("database_query", mode="sql", query=f"SELECT 'x' AS a0, {DOUBLED}"),
    "brackets in SQL": step("database_query", mode="sql", query="SELECT " + "(" * 19_000),
    "a schema of empty objects": step("validate_data", json_schema={"required": [{} for _ in range(60_000)]}),
    "code": step("custom_code", code="1 + " * 12_000 + "1"),
}


@pytest.fixture(autouse=True)
def _short(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds of processor time are enough to see that it is a limit."""
    monkeypatch.setattr(pool._helpers, "seconds", 2)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_definition_without_an_end(api: Api, name: str) -> None:
    """A query of 80 characters stopped the web process for half a minute, when it was saved and when it was checked."""
    body = {"name": "Hostile", "steps": [HOSTILE[name]], "triggers": [{"trigger_type": "manual"}]}
    with at_most(seconds=60, memory=120):
        answer = api("POST", "/workflows/", body)
        assert answer.status_code in (201, 422), answer.text
        if answer.status_code == 201:
            answer = api("POST", f"/workflows/{answer.json['id']}/validate/")
            assert answer.status_code < 500, answer.text
        assert "hostile" in answer.text


def test_many_steps_without_an_end_are_one_request(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [{**HOSTILE["names in SQL"], "step_id": f"s{at}"} for at in range(40)]
    body = {"name": "Hostile", "steps": steps, "triggers": [{"trigger_type": "manual"}]}
    workflow = api.post("/workflows/", body, status=201)
    monkeypatch.setattr(fast_path, "LONGEST", 3.0)
    with at_most(seconds=30, memory=120):  # 3
        found = api.post(f"/workflows/{workflow['id']}/validate/")
    assert len(found["errors"]) == 40
    assert "no time left" in str(found["errors"])


def test_a_hostile_step_ends_at_its_timeout_and_keeps_no_worker(api: Api, worker: None) -> None:
    """18 executions of such a step took all 16 worker threads until they were killed."""
    hostile = {**step("validate_data", json_schema=BOTH, data="{{ input.x }}"), "timeout": 1}
    with at_most(seconds=60, memory=150):
        executions = [started(api, hostile, input_data={"x": DEEP}) for _ in range(4)]
        fine = started(api, step("validate_data", json_schema={"type": "object"}), input_data={"a": 1})
        found = [wait_until(lambda e=e: over(api, e), 40, "it does not end") for e in (fine, *executions)]
    assert [execution["status"] for execution in found] == ["completed", *["failed"] * 4]
    for execution in found[1:]:
        assert any(why in str(execution) for why in ("took longer", "processor time", "of memory", "work of this kind"))


def over(api: Api, execution_id: str) -> Any:
    """The execution, once it has ended."""
    found = api.get(f"/executions/{execution_id}/")
    return found if found["status"] in ("completed", "failed") else None


def test_trying_a_step_without_an_end_holds_nobody_up(api: Api) -> None:
    steps = [step("validate_data", json_schema=BOTH, data="{{ input.x }}")]
    workflow = api.post(
        "/workflows/", {"name": "W", "steps": steps, "triggers": [{"trigger_type": "manual"}]}, status=201
    )
    answers: list[Any] = []

    def attack() -> None:
        own = Api(api.client.application.test_client(), api.place)
        answers.append(own.post(f"/workflows/{workflow['id']}/simulate/", {"input_data": {"x": DEEP}}))

    threads = [threading.Thread(target=attack) for _ in range(3)]
    with at_most(seconds=90, memory=120):
        for thread in threads:
            thread.start()
        began = time.monotonic()
        assert api.client.application.test_client().get("/healthz").status_code == 200
        assert time.monotonic() - began < 10  # about 0.01; before, when the last of them was through
        for thread in threads:
            thread.join()
    assert len(answers) == 3
    for answer in answers:
        assert answer["status"] in ("failed", "pending")
        told = str(answer)
        assert answer["status"] == "pending" or any(
            why in told for why in ("processor time", "of memory", "took longer")
        )
