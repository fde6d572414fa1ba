"""A flood of calls: a webhook takes so many a minute, and the rest is refused before anything is stored."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from flowapp import create_app, tasks
from flowapp.api.public.hook_rates import MINUTE, PARTS, Rates
from flowapp.broker import connect
from flowapp.errors import ThrottledError
from flowapp.extensions import db
from flowapp.tasks import bus
from tests.api.conftest import Api
from tests.api.public.test_hooks import made
from tests.support.statements import noted


@pytest.fixture(autouse=True)
def _in_the_middle_of_a_minute() -> None:
    """A test's calls fall into one minute."""
    while time.time() % MINUTE > MINUTE - 10:
        time.sleep(0.1)


def statuses(client: Any, hook: str, number: int, **options: Any) -> list[int]:
    return [client.post(hook, json={"name": "Ann"}, **options).status_code for _ in range(number)]


def test_more_calls_than_the_trigger_allows_are_refused(api: Api) -> None:
    hook = made(api, rate_limit=3)
    assert statuses(api.client, hook, 5) == [202, 202, 202, 429, 429]
    refused = api.client.post(hook, json={})
    assert refused.mimetype == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "More than 3 calls" in refused.json["detail"]
    assert len(api.get("/executions/?limit=10")["results"]) == 3
    assert statuses(api.client, made(api), 5) == [202] * 5, "another hook has its own limit"


def test_the_installation_has_a_limit_for_those_that_name_none(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.runtime(), "settings", replace(tasks.runtime().settings, hook_rate=2))
    assert statuses(api.client, made(api), 3) == [202, 202, 429]
    assert statuses(api.client, made(api, rate_limit=3), 3) == [202] * 3


def test_who_has_no_secret_uses_up_nobodys_calls(api: Api) -> None:
    hook = made(api, rate_limit=2, auth="header", secret="s3cret-value")
    assert statuses(api.client, hook, 5) == [401] * 5
    assert statuses(api.client, hook, 3, headers={"X-Webhook-Secret": "s3cret-value"}) == [202, 202, 429]


def test_a_refused_call_asks_no_database(api: Api) -> None:
    hook = made(api, rate_limit=1)
    assert statuses(api.client, hook, 1) == [202]
    with api.client.application.app_context():
        engine = db.engine
    with noted(engine) as asked:
        assert statuses(api.client, hook, 5) == [429] * 5
    assert asked == []


def test_a_flood_of_keys_that_do_not_exist_is_refused(api: Api) -> None:
    found = [api.client.post(f"/hooks/nobody{number}", json={}).status_code for number in range(620)]
    assert set(found[:600]) == {404}
    assert set(found[600:]) == {429}
    assert statuses(api.client, made(api), 1) == [429], "a hook that this process has not met is one of them"


def test_two_web_processes_share_a_limit(api: Api, settings: Any) -> None:
    hook = made(api, rate_limit=4)
    other = create_app(settings)
    try:
        found = [statuses(client, hook, 1)[0] for client in (api.client, other.test_client()) * 4]
    finally:
        with other.app_context():
            db.session.remove()
            db.engine.dispose()
    assert sorted(found) == [202] * 4 + [429] * 4


def test_a_large_limit_is_shared_to_a_few_parts_in_a_hundred(valkey_url: str) -> None:
    with connect(valkey_url) as client:
        client.config_resetstat()
        processes = [Rates(client) for _ in range(3)]
        admitted = 0
        for number in range(3000):
            try:
                processes[number % 3].admit("hook", 1000)
            except ThrottledError:
                continue
            admitted += 1
        assert 1000 <= admitted <= 1000 + 3 * 1000 // PARTS
        calls = client.info("commandstats")["cmdstat_incrby"]["calls"]
        assert calls <= 3 * PARTS, "Redis is asked once in many calls"


def test_without_redis_a_process_counts_alone(tmp_path: Any) -> None:
    times = [1000.0 * MINUTE]
    rates = Rates(connect(f"unix://{tmp_path}/none"), lambda: times[0])
    for _ in range(5):
        rates.admit("hook", 5)
    with pytest.raises(ThrottledError):
        rates.admit("hook", 5)
    times[0] += MINUTE
    rates.admit("hook", 5)


def test_counting_is_quick_and_bounded(valkey_url: str) -> None:
    with connect(valkey_url) as client:
        rates = Rates(client)
        began = time.process_time()
        for number in range(50_000):
            rates.admit(f"hook {number}", 6000)
        assert time.process_time() - began < 5
        assert len(rates._counts) <= 10_000


def test_callers_that_wait_leave_threads_to_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = made(api, response="last_step")
    for _ in range(bus.MOST_WAITING):
        assert bus._places.acquire(blocking=False)
    try:
        began = time.monotonic()
        assert api.client.post(hook, json={"name": "Ann"}).status_code == 202, "stored, and not waited for"
        assert time.monotonic() - began < 10
    finally:
        bus._places.release(bus.MOST_WAITING)


def test_a_resume_address_takes_so_many_calls_a_minute(api: Api) -> None:
    found = [api.client.post("/resume/nonsense/", json={}).status_code for _ in range(130)]
    assert set(found[:120]) == {404}
    assert set(found[120:]) == {429}
