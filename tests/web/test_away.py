"""A database or a Redis behind a cut network: every request and every probe is answered within five seconds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import create_app
from flowapp.config import Settings
from flowapp.extensions import db
from flowapp.models import Execution
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser
from tests.support.servers.proxy import Proxy, proxied
from tests.support.tenant import PASSWORD, Tenant, make_tenant

MOST = 5.0
WORKFLOW = {
    "name": "W",
    "status": "active",
    "steps": [{"step_id": "log", "action_type": "log", "params": {"message": "hello"}}],
    "triggers": [{"trigger_type": "webhook"}],
}


class Away:
    """An installation whose ways to the database and to Redis can be cut; `client` is signed in."""

    def __init__(self, app: Any, database: Proxy | None, redis: Proxy) -> None:
        self.app, self.database, self.redis = app, database, redis
        with app.app_context():
            self.tenant: Tenant = make_tenant(db.engine)
        browser = Browser(app)
        browser.sign_in(self.tenant.email, PASSWORD)
        self.client = browser.client
        made = self.client.post("/api/v1/automation/workflows/", json=WORKFLOW, headers=self.tenant.headers).json
        self.hook = "/hooks/" + made["triggers"][0]["config"]["key"]

    def ask(self, method: str, path: str, **options: Any) -> tuple[Any, float]:
        began = time.monotonic()
        answer = self.client.open(path, method=method, **options)
        return answer, time.monotonic() - began


@pytest.fixture
def away(settings: Settings) -> Iterator[Away]:
    with proxied(settings.redis_url) as (redis, redis_url):
        if settings.is_sqlite:
            yield from running(dataclasses.replace(settings, redis_url=redis_url), None, redis)
            return
        with proxied(settings.database_url.replace("+psycopg", "")) as (database, url):
            there = url.replace("://", "+psycopg://")
            yield from running(dataclasses.replace(settings, redis_url=redis_url, database_url=there), database, redis)


def running(settings: Settings, database: Proxy | None, redis: Proxy) -> Iterator[Away]:
    app = create_app(settings)
    yield Away(app, database, redis)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def requests(away: Away) -> dict[str, dict[str, Any]]:
    """What people, programs and probes ask for."""
    api = {"headers": {**away.tenant.headers, "Accept": "application/json"}}
    return {
        "GET /": {},
        "GET /workflows": {},
        "GET /login": {},
        "GET /api/v1/automation/workflows/": api,
        f"POST {away.hook}": {"json": {"n": 1}},
        "GET /healthz": {},
        "GET /readyz": {},
    }


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("way", ["cut", "sever"])
def test_while_the_database_is_away_everybody_is_told_so_in_time(away: Away, way: str) -> None:
    assert away.database is not None
    assert away.ask("GET", "/workflows")[0].status_code == 200
    away.database.cut()
    if way == "sever":
        away.database.sever()
    for request, options in requests(away).items():
        answer, seconds = away.ask(*request.split(), **options)
        assert seconds < MOST, request
        if request == "GET /login":  # needs no database
            continue
        assert answer.status_code == 503, request
        if not request.endswith("z"):
            assert answer.headers["Retry-After"] == "5", request
            wanted = "html" if request in ("GET /", "GET /workflows") else "problem+json"
            assert wanted in answer.content_type, request
    away.database.mend()
    time.sleep(1.1)  # for as long as “it is away” is taken for known
    assert away.ask("GET", "/workflows")[0].status_code == 200
    assert away.ask("POST", away.hook, json={"n": 2})[0].status_code == 202


def test_while_redis_is_silent_requests_and_probes_are_answered_and_nothing_is_lost(away: Away) -> None:
    away.redis.cut()
    for request, options in requests(away).items():
        answer, seconds = away.ask(*request.split(), **options)
        assert seconds < MOST, request
        assert answer.status_code == {"GET /readyz": 503, f"POST {away.hook}": 202}.get(request, answer.status_code)
        assert answer.status_code < 500 or request == "GET /readyz", request
    with away.app.app_context(), system_session(db.engine) as session:
        assert session.query(Execution).one().status == "pending"
