"""Many executions run again over the JSON API."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.executions.retry_schemas import ReplayOut, ReplayPreviewOut
from tests.api.conftest import Api
from tests.api.executions.test_retry import failed
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases


def test_preview_then_replay(api: Api, worker: None) -> None:
    workflow_id, ids = failed(api, 3)
    body = {"filters": {"status": ["failed"], "workflow": workflow_id}, "from": "failed", "limit": 2}
    seen = api.post("/replays/preview/", body)
    assert ReplayPreviewOut.model_validate(seen)
    assert (seen["matched"], seen["taken"], seen["effects"]) == (3, 2, [])
    made = api.post("/replays/", body, 202)
    assert ReplayOut.model_validate(made)
    assert (made["total"], made["from"], made["version"]) == (2, "failed", "same")

    def over() -> Any:
        found = api.get(f"/replays/{made['id']}/")
        return found if found["executions"].get("failed") == 2 else None

    found = wait_until(over)
    assert (found["status"], found["done"], found["refused"]) == ("completed", 2, 0)
    again = api.get(f"/workflows/{workflow_id}/executions/?trigger_type=api_call")["results"]
    assert sum(one["replay"] == made["id"] if "replay" in one else one["retry_of"] in ids for one in again) == 2
    assert api.post("/replays/preview/", body)["matched"] == 3  # one old one, and the two new ones
    assert api.post("/replays/preview/", {"filters": {"ids": ids}})["matched"] == 1
    assert api.post("/replays/preview/", {"filters": {"ids": ids, "fresh": False}})["matched"] == 3


def test_a_replay_can_be_cancelled(api: Api) -> None:
    workflow_id = api.post("/workflows/", {"name": "W", "steps": [{"step_id": "a", "action_type": "test_echo"}]}, 201)[
        "id"
    ]
    one = api.post(f"/workflows/{workflow_id}/execute/", {}, 202)["execution_id"]
    api.post(f"/executions/{one}/cancel/")
    made = api.post("/replays/", {}, 202)
    assert api.post(f"/replays/{made['id']}/cancel/")["status"] == "cancelled"
    assert api.post(f"/replays/{made['id']}/cancel/", None, 409)
    assert api.get("/replays/nothing/", 404)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"filters": {"status": ["running"]}}, "filters.status.0"),
        ({"filters": {"since": "yesterday"}}, "filters.since"),
        ({"limit": 100_000}, "limit"),
        ({"filters": {"since": 0}}, "filters.since"),
        ({"filters": {"fresh": "yes"}}, "filters.fresh"),
    ],
)
def test_wrong_filters_are_named(api: Api, body: Any, path: str) -> None:
    assert api.post("/replays/", body, 422)["errors"][0]["path"] == path


def test_nothing_to_run_again_is_a_conflict(api: Api) -> None:
    assert api.post("/replays/", {"filters": {}}, 409)["errors"][0]["path"] == "filters"
