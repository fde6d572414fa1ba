"""Polling triggers from the outside: a workflow that a list of a service starts, by the API, the scheduler and a worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from dramatiq import Message

from flowapp import tasks
from flowapp.models import utcnow
from flowapp.scheduler import Scheduler
from flowapp.tasks import polling
from tests.api.conftest import Api
from tests.support.servers.sink import Answer, Sink

pytestmark = pytest.mark.both_databases
QUEUES = ("flowapp:queue:flowapp", "flowapp:queue:flowapp:due")


class Shop:
    """A service with a list of orders, a workflow that looks at it, and the time."""

    def __init__(self, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api, self.sink, self.time = api, sink, utcnow()
        self.orders: list[dict[str, Any]] = []
        sink.ask = lambda request: Answer(body=json.dumps({"data": self.orders}).encode()) if not sink.answers else None
        self.runtime = tasks.runtime()
        monkeypatch.setattr(self.runtime.clock, "now", lambda: self.time)
        self.scheduler = Scheduler(self.runtime, lambda: self.time)
        config = {"base_url": sink.url("/v1")}
        self.integration = api.post(
            "/integrations/configure/",
            {
                "name": "Shop",
                "integration_type": "api",
                "config": config,
                "credentials": {"secret": "s3cr3t-of-the-shop"},
            },
            201,
        )

    def workflow(self, *, active: bool = True, **config: Any) -> str:
        """Its id."""
        trigger = {"key": "orders", "trigger_type": "api_new_entry", "config": self.config(**config)}
        body = {"name": "Orders", "triggers": [trigger], "steps": [log("a")]}
        made = self.api.post("/workflows/", body, 201)
        if active:
            self.api.post(f"/workflows/{made['id']}/activate/")
        return str(made["id"])

    def config(self, **changes: Any) -> dict[str, Any]:
        return {"integration": self.integration["id"], "path": "/orders", "items": "data", **changes}

    def change(self, workflow_id: str, **config: Any) -> None:
        trigger = {"key": "orders", "trigger_type": "api_new_entry", "config": self.config(**config)}
        self.api.patch(f"/workflows/{workflow_id}/", {"triggers": [trigger]})
        self.api.post(f"/workflows/{workflow_id}/publish/")

    def woken(self) -> list[tuple[str, str]]:
        """What the scheduler has workers poll now."""
        self.scheduler.looked_at.clear()
        self.scheduler.tick()
        queued = [Message.decode(one) for name in QUEUES for one in self.runtime.redis.lrange(name, 0, -1)]
        self.runtime.redis.delete(*QUEUES)
        return [(one.args[0], one.args[1]) for one in queued if one.actor_name == "poll_trigger"]

    def poll(self, minutes: float = 0) -> int:
        """The time passes; a worker polls what is due. How often the service was asked."""
        self.time = max(self.time, utcnow()) + timedelta(minutes=minutes)
        before = len(self.sink.requests)
        for trigger_id, organization_id in self.woken():
            polling.poll(trigger_id, organization_id)
        return len(self.sink.requests) - before

    def fired(self, workflow_id: str) -> list[Any]:
        """The ids of the entries that started the workflow, in their order."""
        found = self.api.get(f"/executions/?workflow={workflow_id}&limit=100")["results"]
        details = [self.api.get(f"/executions/{one['id']}/") for one in found]
        return sorted(one["input_data"]["entry"]["id"] for one in details)

    def health(self, workflow_id: str) -> Any:
        return self.api.get(f"/workflows/{workflow_id}/")["polling"][0]


def log(step_id: str, message: str = "x") -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "log", "params": {"message": message}}


@pytest.fixture
def shop(app: Any, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with app.app_context():
        yield Shop(api, sink, monkeypatch)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_each_new_entry_starts_the_workflow_once(shop: Shop) -> None:
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    assert shop.poll() == 1
    assert shop.poll(minutes=4) == 0, "its interval is not over"
    shop.orders = [{"id": 3}, {"id": 2}, {"id": 1}]
    assert [shop.poll(minutes=2), shop.poll(minutes=5), shop.poll(minutes=5)] == [1, 1, 1]
    assert shop.fired(workflow) == [2, 3]
    assert [shop.sink.requests[0].path, shop.sink.requests[0].headers["Authorization"]] == [
        "/v1/orders", "Bearer s3cr3t-of-the-shop",
    ]  # fmt: skip


@pytest.mark.parametrize(("start", "fired"), [("from_now", [3]), ("with_existing", [1, 2, 3])])
def test_the_person_chooses_whether_old_items_fire(shop: Shop, start: str, fired: list[int]) -> None:
    shop.orders = [{"id": 1}, {"id": 2}]
    workflow = shop.workflow(start=start)
    shop.poll()
    shop.orders += [{"id": 3}]
    shop.poll(minutes=5)
    assert shop.fired(workflow) == fired


def test_an_item_between_a_poll_and_a_republish_still_fires_once(shop: Shop) -> None:
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    shop.poll()
    shop.orders += [{"id": 2}]
    shop.api.patch(f"/workflows/{workflow}/", {"steps": [log("a"), log("b")]})
    shop.api.post(f"/workflows/{workflow}/publish/")
    shop.poll(minutes=5)
    shop.orders += [{"id": 3}]
    shop.api.post(f"/workflows/{workflow}/pause/")
    assert shop.poll(minutes=5) == 0, "a paused workflow asks nothing"
    shop.api.post(f"/workflows/{workflow}/activate/")
    shop.poll()
    shop.change(workflow, interval=1)
    shop.poll(minutes=1)
    assert shop.fired(workflow) == [2, 3]
