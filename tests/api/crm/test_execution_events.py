"""Starts and ends of executions as events: recorded where a workflow listens for them by name, each once."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.models import Event, Organization
from flowapp.models.tenancy import system_session
from flowapp.tasks import runtime
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, hand_on, inputs, listening
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases
WAITS = {"step_id": "w", "action_type": "wait_time", "params": {"duration": "1 day"}}


def workflow(api: Api, name: str, *steps: dict[str, Any]) -> str:
    return str(api.post("/workflows/", {"name": name, "steps": list(steps)}, 201)["id"])


def told(execution_id: str) -> list[str]:
    """What the bus says of an execution, in its order."""
    with system_session(runtime().engine) as session:
        events = session.query(Event).filter_by(entity_type="execution", entity_id=execution_id).order_by(Event.id)
        return [event.type.removeprefix("automation.execution.") for event in events]


def ran(api: Api, workflow_id: str) -> str:
    body = {"async_execution": False, "input_data": {}}
    return str(api.post(f"/workflows/{workflow_id}/execute/", body)["execution_id"])


def hears(api: Api) -> bool:
    with system_session(runtime().engine) as session:
        return session.get_one(Organization, api.place.id).hears_executions


def waits_for(api: Api, event_type: str) -> str:
    """An execution whose step waits for such an event."""
    params = {"kind": "event", "events": [event_type]}
    waits = {"step_id": "w", "action_type": "wait_event", "params": params}
    waiting = str(api.post(f"/workflows/{workflow(api, 'Waits', waits)}/execute/", {}, 202)["execution_id"])
    wait_until(lambda: api.get(f"/executions/{waiting}/")["status"] == "waiting")
    return waiting


LOG = {"step_id": "a", "action_type": "log", "params": {"message": "x"}}


def test_what_began_and_ended_is_told_once_where_somebody_listens(api: Api, worker: None) -> None:
    handler = listening(api, "event", {"event_type": "automation.execution.*"})
    execution_id = ran(api, workflow(api, "Other", LOG))
    assert told(execution_id) == ["started", "completed"]
    given = inputs(api, handler)
    assert [(one["workflow_name"], one["execution"]["id"]) for one in given] == [("Other", execution_id)] * 2
    wait_until(lambda: {one["status"] for one in executions(api, handler)} == {"completed"})
    hand_on()
    assert len(executions(api, handler)) == 2  # it does not hear of its own
    assert [told(one["id"]) for one in executions(api, handler)] == [[], []]


def test_nothing_is_told_where_nobody_listens(api: Api, worker: None) -> None:
    listening(api, "event", {"event_type": "*"})  # everything, but not each execution
    listening(api, "workflow_failed")
    assert told(ran(api, workflow(api, "Other", LOG))) == []
    assert not hears(api)


def test_a_cancelled_one(api: Api, worker: None) -> None:
    handler = listening(api, "event", {"event_type": "automation.execution.cancelled"})
    workflow_id = workflow(api, "Other", WAITS)
    execution_id = api.post(f"/workflows/{workflow_id}/execute/", {}, 202)["execution_id"]
    wait_until(lambda: api.get(f"/executions/{execution_id}/")["status"] == "waiting")
    api.post(f"/executions/{execution_id}/cancel/")
    assert told(execution_id) == ["started", "cancelled"]
    (given,) = inputs(api, handler)
    assert given["workflow_id"] == workflow_id


def test_two_that_hear_of_each_other_come_to_rest(api: Api, worker: None) -> None:
    both = [listening(api, "event", {"event_type": "automation.execution.completed"}) for _ in range(2)]
    ran(api, workflow(api, "Other", LOG))
    for _ in range(4):
        hand_on()
        wait_until(lambda: all(one["status"] == "completed" for id_ in both for one in executions(api, id_)))
    assert [len(executions(api, workflow_id)) for workflow_id in both] == [1, 1]


def test_a_workflow_that_is_archived_listens_no_more(api: Api, worker: None) -> None:
    handler = listening(api, "event", {"event_type": ["order.paid", "automation.execution.started"]})
    assert hears(api)
    api.post(f"/workflows/{handler}/archive/")
    assert not hears(api)
    assert told(ran(api, workflow(api, "Other", LOG))) == []


def test_a_workflow_that_is_deleted_listens_no_more(api: Api, worker: None) -> None:
    handler = listening(api, "event", {"event_type": "automation.execution.*"})
    waiting = waits_for(api, "automation.*")
    api("DELETE", f"/workflows/{handler}/", status=204)
    assert hears(api), "a step still waits for them"
    of_waiting = api.get(f"/executions/{waiting}/")["workflow"]
    api("DELETE", f"/workflows/{of_waiting}/", status=204)
    assert not hears(api)
    assert told(ran(api, workflow(api, "Other", LOG))) == []


@pytest.mark.parametrize("event_type", ["automation.workflow.created", "automation.execution.failed"])
def test_a_step_that_waits_for_other_facts_has_no_execution_recorded(api: Api, worker: None, event_type: str) -> None:
    waits_for(api, event_type)
    assert not hears(api)


def test_a_step_that_waits_for_executions_hears_of_them(api: Api, worker: None) -> None:
    waiting = waits_for(api, "automation.execution.completed")
    ran(api, workflow(api, "Other", LOG))
    hand_on()
    wait_until(lambda: api.get(f"/executions/{waiting}/")["status"] == "completed")
