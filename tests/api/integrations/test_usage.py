"""How much an integration is used: counted by whoever calls, written by a job, the same number as the service has seen."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from sqlalchemy import select

from flowapp.errors import StepError
from flowapp.extensions import db
from flowapp.integrations import usage as kept
from flowapp.models import Integration, IntegrationUsage, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.opened import Opened, collecting
from flowapp.tasks import jobs, runtime
from flowapp.tasks.outgoing.usage import TAKEN, Usage
from tests.api.conftest import Api
from tests.support.servers.sink import Answer, Sink

JOB = "update_integration_stats"


@pytest.fixture
def shop(app: Any, api: Api, sink: Sink) -> str:
    """A connected service; its id."""
    with app.app_context():
        jobs.load()
        row = Integration(
            organization_id=api.place.id, integration_type="webhook", provider="http", name="shop",
            config={"base_url": sink.url(), "auth": "bearer"},
            credentials=runtime().vault.encrypt({"secret": "t0ken-of-the-shop"}),
        )  # fmt: skip
        with tenant_session(runtime().engine, api.place.id) as session:
            session.add(row)
            session.commit()
            return row.id


def usage_of(api: Api, integration_id: str) -> Any:
    with tenant_session(runtime().engine, api.place.id) as session:
        return kept.usage_json(session, session.get_one(Integration, integration_id))


@pytest.mark.usefixtures("worker")
def test_usage_equals_what_the_service_has_seen(app: Any, api: Api, sink: Sink, shop: str) -> None:
    sink.ask = lambda request: Answer(503, b"closed", {"Retry-After": "0"}) if request.path == "/closed" else None
    steps = [
        {"step_id": "one", "action_type": "send_webhook", "params": {"url": "/open", "integration": "shop"}},
        {
            "step_id": "two",
            "action_type": "send_webhook",
            "params": {"url": "/{{ input.path }}", "integration": "shop"},
        },
    ]
    made = api.post("/workflows/", {"name": "W", "steps": steps}, 201)
    for path in ("open", "closed", "open"):
        api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False, "input_data": {"path": path}})
    with app.app_context():
        assert jobs.perform(JOB) == {"calls": len(sink.requests)}
        assert jobs.perform(JOB) == {"calls": 0}
        usage = usage_of(api, shop)
    assert (usage["calls"], usage["errors"]) == (len(sink.requests), 1)
    assert usage["days"][-1] == {"date": usage["period_end"], "calls": len(sink.requests), "errors": 1}
    assert (len(usage["days"]), usage["days"][0]["date"]) == (30, usage["period_start"])
    assert "returned 503: closed" in usage["last_error"]
    assert usage["last_used_at"] >= usage["last_error_at"]
    assert 0 <= usage["latency_p50_ms"] <= usage["latency_p95_ms"] < 20_000


def test_an_e_mail_counts_for_its_mail_server(app: Any, api: Api, smtp: Any) -> None:
    from flowapp.catalog import Email
    from flowapp.tasks.mail import OrganizationMailer

    with app.app_context():
        jobs.load()
        row = Integration(
            organization_id=api.place.id, integration_type="email", provider="smtp", name="post",
            config={"host": "127.0.0.1", "port": smtp.port, "security": "none"},
        )  # fmt: skip
        with tenant_session(runtime().engine, api.place.id) as session:
            session.add(row)
            session.commit()
        OrganizationMailer(runtime(), api.place.id).send(Email(to=["a@example.com"], subject="Hello", text="."))
        smtp.wait_for(1)
        assert jobs.perform(JOB) == {"calls": 1}
        assert usage_of(api, row.id)["calls"] == 1


def test_what_was_taken_is_added_once_though_the_writer_dies(app: Any, api: Api, shop: str) -> None:
    with app.app_context():
        usage = runtime().usage
        for _ in range(3):
            with usage.of(shop):
                pass
        batch = usage.take()
        assert batch is not None
        with system_session(db.engine) as session:
            assert kept.add(session, batch.id, batch.counted, batch.last) == 3
            session.commit()
        with usage.of(shop):  # counted while the writer dies, before it could say `written`
            pass
        assert jobs.perform(JOB) == {"calls": 0}  # what was taken is there already
        assert jobs.perform(JOB) == {"calls": 1}
        assert usage_of(api, shop)["calls"] == 4
        usage.written(batch)  # of a writer that was slow: it takes nothing away
        assert not runtime().redis.exists(TAKEN)


def test_processes_count_together_and_lose_nothing(app: Any, api: Api, shop: str) -> None:
    with app.app_context():
        counters = [Usage(runtime().redis) for _ in range(4)]

        def count(usage: Usage) -> None:
            for _ in range(50):
                with usage.of(shop):
                    pass

        threads = [threading.Thread(target=count, args=(usage,)) for usage in counters]
        for thread in threads:
            thread.start()
        calls = 0
        while any(thread.is_alive() for thread in threads):
            calls += jobs.perform(JOB)["calls"]
        for thread in threads:
            thread.join()
        calls += jobs.perform(JOB)["calls"] + jobs.perform(JOB)["calls"]
        assert (calls, usage_of(api, shop)["calls"]) == (200, 200)


def test_of_an_integration_that_is_gone_nothing_is_kept(app: Any, api: Api, shop: str) -> None:
    with app.app_context():
        with runtime().usage.of("0198c0de-0000-7000-8000-000000000000"), runtime().usage.of(shop):
            pass
        assert jobs.perform(JOB) == {"calls": 1}


def test_without_redis_calls_go_on_uncounted() -> None:
    class Away:
        asked = 0

        def pipeline(self, **_options: Any) -> Any:
            self.asked += 1
            raise redis.ConnectionError("away")

    away: Any = Away()
    usage = Usage(away)
    for _ in range(10):
        with usage.of("x"):
            pass
    assert away.asked == 1  # and is left alone for a while


def test_an_error_is_kept_without_secrets(app: Any, api: Api, shop: str) -> None:
    secret = "sk-live-0123456789"
    with app.app_context():
        with (
            pytest.raises(StepError),
            collecting(Opened([secret])),
            runtime().usage.of(shop),
        ):
            raise StepError(f"The service says: {secret} is wrong." + "x" * 2000)
        assert secret not in str(runtime().redis.hgetall("flowapp:usage"))
        jobs.perform(JOB)
        usage = usage_of(api, shop)
        assert usage["last_error"].startswith("The service says: ")
        assert len(usage["last_error"]) == kept.LONGEST_ERROR
        assert secret not in usage["last_error"]


def test_old_days_are_forgotten(app: Any, api: Api, shop: str) -> None:
    with app.app_context():
        old = utcnow().date() - timedelta(days=kept.KEPT_DAYS + 1)
        with system_session(db.engine) as session:
            counted = {(shop, old): kept.Counted(1), (shop, utcnow().date()): kept.Counted(2)}
            kept.add(session, "0198c0de-0000-7000-8000-000000000001", counted, {})
            session.commit()
        jobs.perform(JOB)
        with system_session(db.engine) as session:
            assert session.scalars(select(IntegrationUsage.calls)).all() == [2]


def test_percentiles_are_right_to_five_percent() -> None:
    seconds = [number / 1000 for number in range(1, 1001)]
    classes = Counter(map(kept.latency_class, seconds))
    assert kept.percentile(classes, 0.5) == pytest.approx(500, rel=0.05)
    assert kept.percentile(classes, 0.95) == pytest.approx(950, rel=0.05)
    assert kept.percentile({kept.latency_class(0): 1}, 0.95) == 1
    assert kept.percentile({}, 0.5) is None


def test_other_errors_count_too() -> None:
    commands: list[Any] = []
    pipe = SimpleNamespace(hincrby=lambda *args: commands.append(args), hset=lambda *args: commands.append(args), execute=lambda: None)  # fmt: skip
    client: Any = SimpleNamespace(pipeline=lambda **_options: _Opened(pipe))
    with pytest.raises(ZeroDivisionError), Usage(client).of("x"):
        _ = 1 / 0
    assert [command[1].split("|")[2] for command in commands][-2:] == ["errors", "error"]


class _Opened:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __enter__(self) -> Any:
        return self.inner

    def __exit__(self, *_error: object) -> None: ...
