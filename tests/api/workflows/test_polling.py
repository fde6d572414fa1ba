"""Polling triggers from the outside: a workflow that a list of a service starts, by the API, the scheduler and a worker."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from dramatiq import Message
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.engine.store import polls
from flowapp.models import Execution, Trigger, utcnow
from flowapp.models.tenancy import make_engine, prepare_engine, system_session
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
        self.sent: set[str] = set()  # what workers were asked to do
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
        self.sent |= {one.actor_name for one in queued}
        return [(one.args[0], one.args[1]) for one in queued if one.actor_name == "poll_trigger"]

    def poll(self, minutes: float = 0) -> int:
        """The time passes; a worker polls what is due. How often the service was asked."""
        self.time = max(self.time, utcnow()) + timedelta(minutes=minutes)
        before = len(self.sink.requests)
        for trigger_id, organization_id in self.woken():
            polling.poll(trigger_id, organization_id)
        return len(self.sink.requests) - before

    def fired(self, workflow_id: str) -> list[Any]:
        """The ids of the entries that started the workflow."""
        with system_session(self.runtime.engine) as session:
            found = session.scalars(select(Execution.input_data).filter_by(workflow_id=workflow_id))
            return sorted(one["entry"]["id"] for one in found)  # type: ignore[index]

    def health(self, workflow_id: str) -> Any:
        return self.api.get(f"/workflows/{workflow_id}/")["polling"][0]


def log(step_id: str, message: str = "x") -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "log", "params": {"message": message}}


@pytest.fixture
def shop(app: Any, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with app.app_context():
        yield Shop(api, sink, monkeypatch)


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


@pytest.mark.parametrize("config", [{}, {"concurrency": 5}])
def test_an_entry_that_the_conditions_cannot_judge_holds_up_no_other(shop: Shop, config: dict[str, Any]) -> None:
    workflow = shop.workflow()
    condition = {"all": [{"field": "entry.text", "operator": "matches", "value": "^a"}]}
    trigger = {"key": "orders", "trigger_type": "api_new_entry", "config": shop.config(), "conditions": condition}
    shop.api.patch(f"/workflows/{workflow}/", {"triggers": [trigger], "config": config})
    shop.api.post(f"/workflows/{workflow}/publish/")
    shop.poll()
    shop.orders = [{"id": 3, "text": "a"}, {"id": 2, "text": "a" * 20_001}, {"id": 1, "text": "a"}]
    shop.poll(minutes=5)
    assert shop.fired(workflow) == [1, 3]
    assert (shop.health(workflow)["last_error"], shop.poll(minutes=5)) == ("", 1)
    with system_session(shop.runtime.engine) as session:
        assert session.scalars(select(Trigger.last_error).filter_by(workflow_id=workflow)).one()
    assert shop.fired(workflow) == [1, 3]


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


@pytest.mark.parametrize("change", [{"path": "/other"}, {"query": {"shop": "2"}}])
def test_what_is_looked_at_changes_and_is_asked_for_anew(shop: Shop, change: dict[str, Any]) -> None:
    """Entries of another list are others, whatever their ids; what is there already is left out once more."""
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    shop.poll()
    shop.orders += [{"id": 2}]
    shop.poll(minutes=5)
    shop.change(workflow, **change)
    shop.poll()
    shop.orders += [{"id": 3}]
    shop.poll(minutes=5)
    assert shop.fired(workflow) == [2, 3]
    shop.change(workflow, start="with_existing", path="/third")
    shop.poll()
    assert shop.fired(workflow) == [1, 2, 2, 3, 3]


def test_a_message_that_was_lost_is_sent_again_after_a_minute(shop: Shop) -> None:
    shop.workflow()
    shop.time = utcnow()
    assert [len(shop.woken()), len(shop.woken())] == [1, 0]
    assert shop.poll(minutes=1.1) == 1


def test_two_workers_poll_once(shop: Shop) -> None:
    """Whoever comes while another one polls goes away, and so does a message that comes twice."""
    shop.orders = [{"id": 1}]
    workflow = shop.workflow(start="with_existing")
    shop.time = utcnow()
    ((trigger_id, organization_id),) = shop.woken()
    asked = threading.Event()

    def ask(_request: Any) -> Answer:
        asked.set()
        second.join(5)
        return Answer(body=b'{"data": [{"id": 1}]}')

    def come_second() -> None:
        asked.wait(5)
        polling.poll(trigger_id, organization_id)

    shop.sink.ask, second = ask, threading.Thread(target=come_second)
    second.start()
    polling.poll(trigger_id, organization_id)
    for _ in range(3):
        polling.poll(trigger_id, organization_id)
    assert (len(shop.sink.requests), shop.fired(workflow)) == (1, [1])


def test_a_worker_that_is_killed_between_poll_and_commit_loses_nothing(shop: Shop, settings: Any) -> None:
    """A process of its own is killed as it commits what it found."""
    shop.orders = [{"id": 1}]
    workflow = shop.workflow(start="with_existing")
    shop.time = utcnow()
    ((trigger_id, organization_id),) = shop.woken()
    child = os.fork()
    if not child:
        _poll_and_die(shop, settings, trigger_id, organization_id)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert (len(shop.sink.requests), shop.fired(workflow)) == (1, [])
    assert shop.poll(minutes=1) == 0, "the killed worker may still be at it"
    shop.orders += [{"id": 2}]
    assert shop.poll(minutes=2) == 1
    shop.poll(minutes=5)
    assert shop.fired(workflow) == [1, 2]


def _poll_and_die(shop: Shop, settings: Any, trigger_id: str, organization_id: str) -> None:
    try:
        engine = make_engine(settings, "worker")
        prepare_engine(engine, settings)
        runtime = tasks.Runtime.make(settings, engine)
        runtime.clock.now = lambda: shop.time
        tasks.init(runtime)
        event.listen(Session, "before_commit", lambda s: os.kill(os.getpid(), 9) if s.info.get("accepted") else None)
        accept = polls.accept

        def accepted(session: Session, *how: Any) -> Any:
            session.info["accepted"] = True
            return accept(session, *how)

        polls.accept = accepted
        polling.poll(trigger_id, organization_id)
    finally:
        os._exit(1)


def test_a_list_that_is_long_starts_all_of_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many transactions; the last one moves the cursor."""
    monkeypatch.setattr(polls, "STARTED_TOGETHER", 3)
    shop.orders = [{"id": one} for one in range(10)]
    workflow = shop.workflow(start="with_existing")
    shop.poll()
    shop.poll(minutes=5)
    assert shop.fired(workflow) == list(range(10))


def test_text_that_no_database_keeps_stops_nothing(shop: Shop) -> None:
    shop.orders = [{"id": 1, "note": "a\0b"}]
    workflow = shop.workflow(start="with_existing")
    shop.poll()
    (found,) = shop.api.get(f"/executions/?workflow={workflow}")["results"]
    assert shop.api.get(f"/executions/{found['id']}/")["input_data"]["entry"] == {"id": 1, "note": "ab"}


@pytest.mark.parametrize("entry_id", ["a\0b", "a\x1fb", "a\0" * 99])
def test_an_id_that_no_database_keeps_stops_nothing(shop: Shop, entry_id: str) -> None:
    shop.orders = [{"id": "1"}, {"id": entry_id}, {"id": "ab"}]
    workflow = shop.workflow(start="with_existing")
    assert [shop.poll(), shop.poll(minutes=5)] == [1, 1]
    assert (len(shop.fired(workflow)), shop.health(workflow)["status"]) == (3, "ok")


def test_the_trigger_is_checked_when_it_is_saved(shop: Shop) -> None:
    def problems(**config: Any) -> dict[str, str]:
        trigger = {"trigger_type": "api_new_entry", "config": shop.config(**config)}
        answer = shop.api("POST", "/workflows/", {"name": "W", "triggers": [trigger], "steps": [log("a")]}, 422)
        return {one["path"]: one["message"] for one in answer.json["errors"]}

    assert "{{" in problems(path="/{{ input.a }}")["triggers.0.config.path"]
    assert "triggers.0.config.interval" in problems(interval=0)
    assert "triggers.0.config.start" in problems(start="later")
    assert "triggers.0.config.path" in problems(path="")
    workflow = shop.workflow(active=False, integration="Nobody's")
    answer = shop.api("POST", f"/workflows/{workflow}/activate/", {}, 422)
    assert "There is no integration “Nobody's”" in answer.json["errors"][0]["message"]


def test_it_is_exported_and_imported(shop: Shop) -> None:
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    shop.poll()
    read = shop.api.get(f"/workflows/{workflow}/")
    assert shop.api("PUT", f"/workflows/{workflow}/", read, 200).json["triggers"] == read["triggers"]
    file = shop.api.get(f"/workflows/{workflow}/export/")
    (copied,) = shop.api.post("/import/?mode=copy", file)["workflows"]
    triggers = shop.api.get(f"/workflows/{copied['id']}/")["triggers"]
    assert [one["config"] for one in triggers] == [one["config"] for one in read["triggers"]]
    shop.api.post(f"/workflows/{copied['id']}/activate/")
    shop.orders += [{"id": 2}]
    shop.poll(minutes=5)
    shop.orders += [{"id": 3}]
    shop.poll(minutes=5)
    assert [shop.fired(workflow), shop.fired(copied["id"])] == [[2, 3], [3]], "each has a cursor of its own"
