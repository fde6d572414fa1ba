"""A service that echoes its request sends back what the step signed in with: nothing of it is stored or shown."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import text

from flowapp.catalog import ACTIONS, ActionSpec, Done, Params, StepContext
from flowapp.extensions import db
from flowapp.live.execution import ExecutionFeed
from flowapp.models.tenancy import system_session
from flowapp.security.opened import Opened, collecting, note
from flowapp.tasks import test_step as try_step
from tests.api.conftest import Api
from tests.api.waiting import ended, started
from tests.api.workflows.test_stored_defaults import connect
from tests.pages.executions.test_approvals import sign_in
from tests.support.servers.sink import Answer, Received, Sink

SECRET = "s3cr3t/ key+of=it"
TABLES = ("step_runs", "log_lines", "executions", "notifications", "events", "signals", "audit_entries")
FORMATS = ("json", "jsonl", "csv")


def spellings(secret: str) -> list[str]:
    raw = secret.encode()
    pair = base64.b64encode(b"ann:" + raw).decode()
    return [secret, base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="), pair,
            quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="").lower(), json.dumps(secret)]  # fmt: skip


def echo(status: int) -> Any:
    """Answers with the request, written in every way."""

    def answer(received: Received) -> Answer:
        sent = received.headers.get("Authorization") or received.headers.get("X-Api-Key") or ""
        found = {
            "headers": received.headers,
            "ways": [f"you sent {way}." for way in spellings(SECRET)],
            sent: "as a name",
        }
        headers = {"Content-Type": "application/json", "X-Echo": sent}
        return Answer(status, json.dumps(found).encode(), headers)

    return answer


def call(url: str, **params: Any) -> dict[str, Any]:
    return {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"url": url, **params}}


TELL = {"step_id": "tell", "action_type": "log", "params": {"message": "got {{ steps.call.result.body }}"}}


def everything(app: Any, api: Api, execution_id: str) -> str:
    """All that is stored and shown of executions: rows, API, files, live messages, pages."""
    with app.app_context():
        with system_session(db.engine) as system:
            rows = [str(row) for table in TABLES for row in system.execute(text(f"SELECT * FROM {table}"))]
        feed = ExecutionFeed(db.engine, api.place.id, execution_id, after=0)
        live = json.dumps([*feed.begin(), feed.answer("get_logs", {})], default=str)
    viewer = api.as_("viewer")
    files = [viewer("GET", f"/executions/{execution_id}/logs/export/?export_format={kind}").text for kind in FORMATS]
    shown = [viewer("GET", f"/executions/{execution_id}/{part}", status=200).text for part in ("", "logs/")]
    return "\n".join([*rows, live, *files, *shown])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("way", ["typed", "bearer", "basic", "header"])
def test_an_echoed_secret(app: Any, api: Api, sink: Sink, way: str, status: int) -> None:
    sink.ask = echo(status)
    step = call(sink.url("/x"), integration="shop")
    if way == "typed":
        step = call(sink.url("/x"), headers={"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET})
    else:
        with app.app_context():
            connect(api, {"base_url": sink.url(), "auth": way, "username": "ann"}, secret=SECRET)
    done = ended(api, started(api, step, TELL))
    assert done["status"] == ("completed" if status == 200 else "failed"), done["error_message"]
    (sent,) = sink.wait_for(1)
    assert SECRET in sent.headers.get("Authorization", "") + sent.headers.get("X-Api-Key", "") or way == "basic"
    seen = everything(app, api, done["id"])
    assert "you sent" in seen and "••••••" in seen
    told = [
        line
        for line in api.get(f"/executions/{done['id']}/logs/")["results"]
        if "was replaced by dots" in line["message"]
    ]
    assert [line["level"] for line in told] == (["WARNING"] if status == 200 else []), "no silence where values change"
    for spelling in spellings(SECRET):
        assert spelling not in seen, spelling
    definition = {"name": "W", "variables": {}, "edges": [], "steps": [{**step, "order": 1}]}
    workflow_id = done["workflow"]
    with app.app_context():
        shown = json.dumps(try_step(api.place.id, workflow_id, definition, "call", {}, {}, None), ensure_ascii=False)
    assert not [spelling for spelling in spellings(SECRET) if spelling in shown]


@pytest.mark.usefixtures("worker")
def test_an_action_needs_to_know_nothing_of_it(
    app: Any, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that says its secret in a line, its data and its exception."""

    def talk(ctx: StepContext, _params: Params) -> Done:
        secret = ctx.integration("shop").credentials["secret"]
        ctx.log(f"signing in with {secret}", "info", header=f"Bearer {secret}")
        raise ValueError(f"bad key {secret}")

    monkeypatch.setitem(ACTIONS, "test_talk", ActionSpec("test_talk", "Talk", "", "test", "x", "pure", Params, talk))
    with app.app_context():
        connect(api, {"base_url": "https://a.example"}, secret=SECRET)
    done = ended(api, started(api, {"step_id": "talk", "action_type": "test_talk"}))
    seen = everything(app, api, done["id"]) + caplog.text
    assert "failed unexpectedly (ValueError)" in done["error_message"]
    assert "signing in with" in seen and "bad key" in seen
    assert SECRET not in seen


def test_what_is_not_opened_is_left_alone() -> None:
    value = {"a": ["x", 1, None]}
    assert Opened().mask(value) is value
    with collecting(Opened()) as _:
        note({"n": 1, "short": "abc"})
    opened = Opened(["abc", "", "   "])
    assert not opened and opened.mask("abc") == "abc"
    note("outside of any attempt")


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
@pytest.mark.parametrize("secret", ["correct horse", "pässwörd-123", 'with "quotes"', "a/b+c=d&e?f%g"])
def test_ways_to_write_a_secret(secret: str, before: str, after: str) -> None:
    opened, whole = Opened([secret]), f"{before}{secret}{after}"
    for way in spellings(whole):
        masked = opened.mask(f"<{way}>")
        assert "••••••" in masked, way
        assert len(masked.replace("••••••", "")) <= len(way) - len(secret) + 6, (way, masked)


@pytest.mark.usefixtures("worker")
def test_what_looks_like_a_secret_in_inputs_is_masked_wherever_it_is_shown(app: Any, api: Api) -> None:
    """A password in a form, the token in a webhook's address; the steps still see them."""
    say = {"step_id": "say", "action_type": "test_echo", "params": {"text": "{{ input.user.password }}"}}
    hook = {"trigger_type": "webhook", "config": {"response": "last_step"}}
    made = api.post("/workflows/", {"name": "W", "steps": [say], "triggers": [hook]}, 201)
    api.post(f"/workflows/{made['id']}/activate/")
    key = api.get(f"/workflows/{made['id']}/")["triggers"][0]["config"]["key"]
    data = {"user": {"password": "hunter2-hunter2", "name": "Ann"}, "apiKey": "k-hunter2-k", "passenger": "Bob",
            "note": "see https://a.example/x?access_token=q-hunter2-q&y=1", "secrets": ["l-hunter2-l"], "tokens": 5}  # fmt: skip
    answer = app.test_client().post(f"/hooks/{key}?token=h-hunter2-h", json=data)
    assert answer.json == {"text": "hunter2-hunter2"}, "the caller and the steps get what is"
    (listed,) = api.get("/executions/")["results"]
    row = api.get(f"/executions/{listed['id']}/")
    assert row["input_data"]["passenger"] == "Bob" and row["input_data"]["tokens"] == 5
    assert row["context"]["query"] == {"token": "••••••"}
    browser = sign_in(app, api, "viewer")
    pages = [browser.get(f"/executions/{row['id']}{part}").text for part in ("", "/input_data.json", "/context.json")]
    with app.app_context():
        feed = ExecutionFeed(db.engine, api.place.id, row["id"], after=0)
        live = json.dumps(feed.begin(), default=str)
    viewer = api.as_("viewer")
    files = [viewer("GET", f"/executions/{row['id']}/logs/export/?export_format={kind}").text for kind in FORMATS]
    shown = viewer("GET", f"/executions/{row['id']}/").text
    assert row["input_data"]["user"] == {"password": "••••••", "name": "Ann"}
    assert json.loads(pages[1])["user"] == {"password": "••••••", "name": "Ann"}
    for place in (*pages, live, *files, shown, str(row)):
        assert not [word for word in ("k-hunter2-k", "q-hunter2-q", "l-hunter2-l", "h-hunter2-h") if word in place]


@pytest.mark.usefixtures("worker")
def test_a_password_that_was_sent_in_is_not_repeated_by_lines_inputs_and_errors(app: Any, api: Api) -> None:
    """What stands in data under the name of a secret stands in a text under none."""
    word = "{{ input.user.password }} {{ context.query.token }}"
    steps = [
        {"step_id": "say", "action_type": "log", "params": {"message": f"Hello {word}"}},
        {"step_id": "stop", "action_type": "fail", "params": {"message": f"No {word}"}},
    ]
    hook = {"trigger_type": "webhook", "config": {"response": "last_step"}}  # answers when it has ended
    made = api.post("/workflows/", {"name": "W", "steps": steps, "triggers": [hook]}, 201)
    api.post(f"/workflows/{made['id']}/activate/")
    key = api.get(f"/workflows/{made['id']}/")["triggers"][0]["config"]["key"]
    app.test_client().post(
        f"/hooks/{key}?token=h-correct-horse", json={"user": {"password": "battery-staple", "pin": "12"}}
    )
    (row,) = api.get("/executions/")["results"]
    lines = json.dumps(api.get(f"/executions/{row['id']}/logs/"), ensure_ascii=False)
    assert "Hello •••••• ••••••" in lines
    with app.app_context(), system_session(db.engine) as system:
        kept = [str(found) for found in system.execute(text("SELECT input, error_message FROM step_runs"))]
    assert "No •••••• ••••••" in str(kept)
    for place in (lines, *kept, api.get(f"/executions/{row['id']}/")["error_message"]):
        assert "battery-staple" not in place and "h-correct-horse" not in place
