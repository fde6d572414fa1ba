"""A hundred secrets of all kinds are stored and used; then they stand in no log, page, answer, export, message or row."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from flowapp import tasks
from flowapp.catalog import ACTIONS, ActionSpec, Done, Params, StepContext
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.integrations import credentials, service
from flowapp.models import Integration
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import Place, make_place, working
from tests.api.waiting import ended
from tests.support.connectors.oauth import config_of, install_oauth
from tests.support.servers import canary
from tests.support.servers.oauth import OAuthServer
from tests.support.servers.sink import Answer, Received, Sink

COUNT = 100
PATHS = ("/ok", "/ok", "/refused", "/down", "/moved", "/away")


class OAuthParams(Params):
    integration: str = ""


def call_by_oauth(ctx: StepContext, params: OAuthParams) -> Done:
    handle = ctx.integration(params.integration)
    token = ctx.access_token(handle)
    answer = ctx.http.request("GET", f"{handle.config['url']}/ok", headers={"Authorization": f"Bearer {token}"})
    ctx.log(f"token {token}, client {handle.credentials['client_secret']}")
    return Done({"answer": answer.json, "token": token, "quoted": quote(token, safe="")})


@pytest.fixture
def place(app: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    install_oauth(monkeypatch)
    spec = ActionSpec("test_oauth", "call", "", "test", "test", "idempotent", OAuthParams, call_by_oauth)
    monkeypatch.setitem(ACTIONS, "test_oauth", spec)
    with app.app_context():
        return make_place()


@pytest.fixture
def api(app: Any, place: Place) -> Iterator[Api]:
    with working():
        yield Api(app.test_client(), place)


class Seeded:
    """Secrets, each given to one thing that uses it, and the steps that do."""

    def __init__(self, app: Any, api: Api, sink: Sink, smtp_port: int) -> None:
        self.app, self.api, self.sink, self.smtp_port = app, api, sink, smtp_port
        self.known = canary.make(COUNT)
        self._next = iter(self.known)
        self.names: list[str] = []
        self.ids: list[str] = []

    def connect(self, kind: str, config: dict[str, object], secrets: dict[str, object], tokens: Any = None) -> str:
        runtime = tasks.runtime()
        with self.app.app_context(), tenant_session(db.engine, self.api.place.id) as session:
            row, name = Integration(integration_type=kind), f"{kind} {len(self.names)}"
            service.save(session, runtime.vault, row, name=name, config=config, credentials=secrets, cause=SYSTEM)
            if tokens:
                credentials.write(session, runtime.vault, row, tokens, "oauth_tokens")
            session.commit()
            self.names.append(name)
            self.ids.append(row.id)
        return name

    def services(self, count: int) -> Iterator[dict[str, Any]]:
        for number, path in zip(range(count), itertools.cycle(PATHS), strict=False):
            auth = ("bearer", "basic", "header")[number % 3]
            config: dict[str, object] = {"base_url": self.sink.url("/"), "auth": auth, "username": "ann"}
            name = self.connect("webhook", config, {"secret": next(self._next)})
            yield {"action_type": "send_webhook", "params": {"integration": name, "url": path, "json": {"a": 1}}}

    def mail_servers(self, count: int) -> Iterator[dict[str, Any]]:
        for _number in range(count):
            config: dict[str, object] = {
                "host": "127.0.0.1",
                "port": self.smtp_port,
                "security": "none",
                "username": "ann",
            }
            name = self.connect("email", config, {"password": next(self._next)})
            words = {"integration": name, "to": "a@example.com", "subject": "s", "message": "m"}
            yield {"action_type": "send_email", "params": words}

    def oauth(self, count: int) -> Iterator[dict[str, Any]]:
        server = OAuthServer(self.sink)
        self.sink.ask = self._answer
        for _number in range(count):
            tokens = {"access_token": next(self._next), "refresh_token": next(self._next)}
            secrets = {"client_id": "us", "client_secret": next(self._next)}
            name = self.connect("acme", config_of(server), secrets, tokens)
            yield {"action_type": "test_oauth", "params": {"integration": name}}

    def steps(self, count: int) -> Iterator[dict[str, Any]]:
        for number, path in zip(range(count), itertools.cycle(PATHS), strict=False):
            secret = next(self._next)
            places: tuple[dict[str, Any], ...] = (
                {"headers": {"Authorization": f"Bearer {secret}"}},
                {"headers": {"X-Api-Key": secret}},
                {"json": {"password": secret}},
                {"form": {"client_secret": secret}},
            )
            yield {"action_type": "send_webhook", "params": {"url": self.sink.url(path), **places[number % 4]}}

    def triggers(self, count: int) -> Iterator[dict[str, Any]]:
        for number in range(count):
            config = {"auth": ("header", "basic", "hmac")[number % 3], "username": "ann", "secret": next(self._next)}
            yield {"trigger_type": "webhook", "key": f"hook_{number}", "config": config}

    def _answer(self, received: Received) -> Answer | None:
        """An answer that repeats the request in every way that one may."""
        said = json.dumps([received.headers, received.body.decode()])
        encoded = [
            base64.b64encode(said.encode()).decode(),
            quote(said, safe=""),
            received.headers,
            received.body.decode(),
        ]
        body = json.dumps({"echo": encoded}).encode()
        kind = {"Content-Type": "application/json"}
        if received.path in ("/refused", "/down"):
            return Answer(401 if received.path == "/refused" else 503, body, kind)
        if received.path in ("/moved", "/away"):
            host = "127.0.0.1" if received.path == "/moved" else "localhost"
            return Answer(307, body, {**kind, "Location": f"http://{host}:{self.sink.port}/ok"})
        return Answer(200, body, {**kind, "X-Echo": quote(said, safe="")}, delay=1.5 if received.path == "/slow" else 0)


def _run(seeded: Seeded, api: Api) -> list[str]:
    """The ids of executions in which every secret was used."""
    steps = [*seeded.services(25), *seeded.mail_servers(5), *seeded.oauth(8), *seeded.steps(24)]
    steps[0]["params"] |= {"url": "/slow", "timeout": 0.3}
    steps = [
        {"step_id": f"s{number}", "on_error": "continue", "timeout": 1, **step} for number, step in enumerate(steps)
    ]
    triggers = list(seeded.triggers(COUNT - 78))
    assert next(seeded._next, None) is None
    workflow = api.post("/workflows/", {"name": "Canary", "steps": steps}, 201)
    step = {"step_id": "a", "action_type": "log", "params": {"message": "{{ input.a }} {{ context }}"}}
    hooked = api.post("/workflows/", {"name": "Hooks", "steps": [step], "triggers": triggers, "status": "active"}, 201)
    executions = [api.post(f"/workflows/{workflow['id']}/execute/", {}, 202)["execution_id"]]
    for trigger, sent in zip(hooked["triggers"][:6], triggers, strict=False):
        executions.append(_call(api, trigger["config"]["key"], sent["config"]))
    return [workflow["id"], hooked["id"], *executions]


def _call(api: Api, key: str, config: dict[str, Any]) -> str:
    """A webhook called as its sender does, by whoever knows the secret; before that by somebody who does not."""
    url, secret, body = f"/hooks/{key}", config["secret"], b'{"a": 1}'
    basic = base64.b64encode(f"ann:{secret}".encode()).decode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "header": {"X-Webhook-Secret": secret},
        "basic": {"Authorization": f"Basic {basic}"},
        "hmac": {"X-Hub-Signature-256": f"sha256={digest}"},
    }[config["auth"]]
    assert api.client.post(url, data=body, content_type="application/json").status_code == 401
    answer = api.client.post(url, data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json["execution_id"])


def _pages(app: Any, api: Api, seeded: Seeded, ids: list[str]) -> Iterator[tuple[str, bytes]]:
    """Everything that a person or program can ask for of it."""
    workflows, executions = ids[:2], ids[2:]
    for workflow_id in workflows:
        for path in ("", "export/"):
            yield f"workflow {path} {workflow_id}", api("GET", f"/workflows/{workflow_id}/{path}", status=200).data
    for execution_id in executions:
        for path in ("", "logs/"):
            yield f"execution {path} {execution_id}", api("GET", f"/executions/{execution_id}/{path}", status=200).data
    client = app.test_client()
    for path in (
        *(f"/executions/{execution_id}" for execution_id in executions[:2]),
        *(f"/workflows/{workflow_id}" for workflow_id in workflows), "/integrations", "/executions",
        *(f"/integrations/{row_id}" for row_id in seeded.ids[::6]), f"/integrations/{workflows[0]}",
    ):  # fmt: skip
        answer = client.get(path, headers=api.place.headers())
        assert answer.status_code in (200, 404), path
        yield path, answer.data


def test_a_hundred_secrets_stand_nowhere(
    app: Any, api: Api, sink: Sink, smtp: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    seeded = Seeded(app, api, sink, smtp.port)
    with canary.listening(settings.redis_url) as heard:
        ids = _run(seeded, api)
        ends = [ended(api, execution_id) for execution_id in ids[2:]]
    used = b"".join(str(one.headers).encode() + one.body for one in sink.requests)
    assert sum(any(form in used for form in canary.forms(secret)) for secret in seeded.known) >= 50, "they were sent"
    assert {end["status"] for end in ends} == {"completed"} and ends[0]["failure_count"] > 10
    places = dict(_pages(app, api, seeded, ids))
    places |= {
        "redis": b"\n".join(heard),
        "logs": caplog.text.encode(),
        "database": canary.database(tasks.runtime().engine),
    }
    assert min(map(len, places.values())) > 0 and b"run_execution" in places["redis"]
    assert canary.found(seeded.known, places) == []


def test_the_search_finds_what_it_looks_for() -> None:
    (secret,) = canary.make(1)
    for form in (
        secret,
        json.dumps(secret),
        quote(secret, safe=""),
        base64.b64encode(f"ann:{secret}".encode()).decode(),
    ):
        assert canary.found([secret], {"here": f"x{form}y".encode()}) == ["0 in here"]
    assert canary.found([secret], {"here": b"nothing"}) == []
