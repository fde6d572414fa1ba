"""Executions that wait for somebody, for the tests of resume calls and approvals."""

from __future__ import annotations

from typing import Any

from flowapp.extensions import db
from flowapp.models import Execution
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.support.processes import wait_until


def status_of(api: Api, execution_id: str) -> str:
    return str(api.get(f"/executions/{execution_id}/")["status"])


def started(api: Api, *steps: dict[str, Any], edges: Any = None, **body: Any) -> str:
    """The id of a new execution of a workflow of these steps."""
    workflow = api.post("/workflows/", {"name": "Waits", "steps": list(steps), "edges": edges or []}, 201)
    return str(api.post(f"/workflows/{workflow['id']}/execute/", body, 202)["execution_id"])


def waiting(api: Api, *steps: dict[str, Any], edges: Any = None, **body: Any) -> str:
    """The same, once it waits."""
    execution_id = started(api, *steps, edges=edges, **body)
    wait_until(lambda: status_of(api, execution_id) == "waiting", message="it does not come to wait")
    return execution_id


def ended(api: Api, execution_id: str) -> Any:
    """The execution, once it has ended."""
    over = ("completed", "failed", "cancelled", "skipped", "goal_reached")
    wait_until(lambda: status_of(api, execution_id) in over, message="it does not end")
    return api.get(f"/executions/{execution_id}/")


def wait_event(step_id: str = "ask", **params: Any) -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "wait_event", "params": params}


def stored(app: Any, execution_id: str) -> Execution:
    with app.app_context(), system_session(db.engine) as system:
        return system.get_one(Execution, execution_id)
