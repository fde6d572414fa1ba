"""Webhooks of a workflow that limits how many run at once: those that come together are counted one after the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.both_databases
WAIT = {"step_id": "wait", "action_type": "wait_time", "params": {"duration": "1 hour"}}


def test_calls_that_come_together_share_no_place(app: Any, api: Api) -> None:
    body = {
        "name": "One at a time",
        "config": {"concurrency": 1, "concurrency_policy": "drop"},
        "steps": [WAIT],
        "triggers": [{"trigger_type": "webhook", "config": {}}],
    }
    workflow = api.post("/workflows/", body, 201)
    active = api.post(f"/workflows/{workflow['id']}/activate/")
    key = active["triggers"][0]["config"]["key"]
    ready, answers = threading.Barrier(8), []

    def call() -> None:
        client = app.test_client()
        ready.wait()
        answers.append(client.post(f"/hooks/{key}", json={}).status_code)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [202] * 8
    rows = api.get("/executions/")["results"]
    assert sorted(row["status"] for row in rows) == ["pending", *["skipped"] * 7]
