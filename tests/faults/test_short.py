"""Real processes, really killed: what was accepted is run, an effect is never silently repeated, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from flowapp.config import Settings
from flowapp.models.tenancy import make_engine, prepare_engine
from tests.support.group import Group, alive, descendants, running_group
from tests.support.processes import wait_until
from tests.support.sink import Answer, Sink
from tests.support.tenant import Tenant, make_tenant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


class Site:
    """A running group with an owner, spoken to over HTTP only."""

    def __init__(self, group: Group, tenant: Tenant, redis_url: str) -> None:
        self.group, self.tenant, self.redis_url = group, tenant, redis_url

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.group.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={**self.tenant.headers, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")

    def workflow(self, steps: list[dict[str, Any]]) -> tuple[str, str]:
        """An active workflow with a webhook: (id, hook path)."""
        made = self.call(
            "POST",
            "/api/v1/automation/workflows/",
            {"name": "W", "steps": steps, "triggers": [{"trigger_type": "webhook"}]},
        )
        active = self.call("POST", f"/api/v1/automation/workflows/{made['id']}/activate/")
        return made["id"], "/hooks/" + active["triggers"][0]["config"]["key"]

    def executions(self, workflow_id: str) -> Counter[str]:
        found: Counter[str] = Counter()
        path = f"/api/v1/automation/executions/?workflow={workflow_id}&limit=100"
        while path:
            page = self.call("GET", path)
            found.update(row["status"] for row in page["results"])
            path = page["next"] and page["next"].removeprefix(self.group.url)
        return found

    def pids(self, name: str) -> list[int]:
        """Processes whose title says so."""
        found = []
        for pid in self.group.pids():
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if name in line:
                found.append(pid)
        return found


@pytest.fixture
def site(environ: dict[str, str], settings: Settings) -> Iterator[Site]:
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    tenant = make_tenant(engine)
    engine.dispose()
    environ["FLOWAPP_LEASE_SECONDS"] = "5"
    with running_group(environ) as group:
        yield Site(group, tenant, environ["REDIS_URL"])


def post(step_id: str, sink: Sink, path: str = "/{{ input.n }}") -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "send_webhook", "params": {"url": sink.url(path), "method": "POST"}}


def test_a_worker_killed_inside_a_step_is_replaced_within_20_seconds(site: Site, sink: Sink) -> None:
    workflow_id, hook = site.workflow([post("call", sink)])
    sink.answers.append(Answer(delay=60))
    site.call("POST", hook, {"n": 1})
    sink.wait_for(1)
    began = time.monotonic()
    for pid in site.pids("flowapp worker"):
        os.kill(pid, signal.SIGKILL)
    first, second = sink.wait_for(2, seconds=20)
    wait_until(lambda: site.executions(workflow_id)["completed"] == 1, 20, "it did not complete")
    assert time.monotonic() - began < 20
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert len(sink.requests) == 2


def test_emptying_redis_loses_nothing(site: Site, sink: Sink) -> None:
    workflow_id, hook = site.workflow([post("call", sink)])
    client = redis.Redis.from_url(site.redis_url)
    for number in range(60):
        site.call("POST", hook, {"n": number})
        if number % 10 == 9:
            client.flushall()
    client.close()
    wait_until(lambda: site.executions(workflow_id)["completed"] == 60, 60, "not all completed")
    assert len({r.headers["Idempotency-Key"] for r in sink.requests}) == 60


def test_everything_killed_at_once_starts_again_and_goes_on(
    environ: dict[str, str], settings: Settings, sink: Sink
) -> None:
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    tenant = make_tenant(engine)
    engine.dispose()
    environ["FLOWAPP_LEASE_SECONDS"] = "5"
    wait = {"step_id": "w", "action_type": "wait_time", "params": {"duration": "2 seconds"}}
    with running_group(environ) as group:
        site = Site(group, tenant, environ["REDIS_URL"])
        workflow_id, hook = site.workflow([wait, post("call", sink)])
        for number in range(20):
            site.call("POST", hook, {"n": number})
        assert group.process is not None
        family = group.pids()
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in family), 10, "something survived kill -9")
    with running_group(environ) as group:
        site = Site(group, tenant, environ["REDIS_URL"])
        wait_until(lambda: site.executions(workflow_id)["completed"] == 20, 40, "not all resumed")
    assert len({r.path for r in sink.requests}) == 20


def test_sigterm_lets_a_running_step_finish_and_ends_within_five_seconds(site: Site, sink: Sink) -> None:
    workflow_id, hook = site.workflow(
        [post("call", sink), {"step_id": "l", "action_type": "log", "params": {"message": "x"}}]
    )
    sink.answers.append(Answer(delay=1.5))
    site.call("POST", hook, {"n": 1})
    sink.wait_for(1)
    family = site.group.pids()
    began = time.monotonic()
    assert site.group.stop() == 0
    assert time.monotonic() - began < 5
    assert not any(alive(pid) for pid in family), "an orphan is left"
    assert not [p for pid in family for p in descendants(pid)]
    with running_group(site.group.environ) as group:
        again = Site(group, site.tenant, site.redis_url)
        wait_until(lambda: again.executions(workflow_id)["completed"] == 1, 20, "it was lost")
    assert len(sink.requests) == 1, "the step that was let to finish ran again"
