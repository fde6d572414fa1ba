"""A known webhook is answered before Flask dispatches: as Flask's route answers it, for every kind of request."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import hmac
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flowapp import create_app, tasks
from flowapp.api.public import hook_rates
from flowapp.config import Settings
from flowapp.extensions import db
from tests.api.conftest import Api
from tests.api.public.test_hooks import execution_of, made
from tests.api.public.test_service_hooks import SENT
from tests.api.public.test_service_hooks import made as of_service

pytestmark = pytest.mark.both_databases
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NONCE = re.compile("'nonce-[^']+'")
_SECRET = "a-secret-of-some-length"
JSON = {"json": {"name": "Ann", "list": [1, {"b": None}]}}
CHUNKED = {"environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}}


class Ways:
    """One hook, asked before Flask dispatches and by Flask's route alone."""

    def __init__(self, app: Any, hook: str) -> None:
        self.app, self.hook = app, hook
        self.shortcut = app.shortcuts["hooks"]
        self.short: list[bool] = []  # whether the last requests were answered before Flask
        app.shortcuts["hooks"] = self._noted

    def _noted(self, environ: dict[str, Any]) -> Any:
        answer = self.shortcut(environ)
        self.short.append(answer is not None)
        return answer

    def known(self, **options: Any) -> Any:
        """The answer of whatever answers it."""
        return self._open(options)

    def routed(self, **options: Any) -> Any:
        """The answer of Flask's route, which has not met the hook."""
        self.app.shortcuts = {}
        self.app.extensions["hooks"].forget(self.hook.removeprefix("/hooks/"))
        try:
            return self._open(options)
        finally:
            self.app.shortcuts = {"hooks": self._noted}

    def _open(self, options: dict[str, Any]) -> Any:
        given = {"method": "POST", **options}
        if callable(given.get("input_stream")):
            given["input_stream"] = given["input_stream"]()
        return self.app.test_client().open(self.hook + given.pop("more", ""), **given)


@pytest.fixture(autouse=True)
def _unchanged(app: Any) -> Iterator[None]:
    """The application is every test's."""
    shortcuts = dict(app.shortcuts)
    yield
    app.shortcuts = shortcuts


@pytest.fixture
def ways(app: Any, api: Api) -> Iterator[Ways]:
    yield Ways(app, made(api))


def seen(answer: Any) -> tuple[int, list[tuple[str, str]], str]:
    """All that a caller gets, but for the id of its own execution and the seconds left in a minute."""
    headers = [(name, "…" if name == "Retry-After" else _NONCE.sub("", value)) for name, value in answer.headers]
    body = re.sub(r"again in \d+ s", "again in … s", _UUID.sub("ID", answer.text))
    return answer.status, sorted(headers), body


def stored(api: Api, answer: Any) -> Any:
    """What was stored of the request."""
    if answer.status_code != 202:
        return None
    found = execution_of(api, answer)
    found["context"]["headers"].pop("idempotency-key", None)
    found["context"]["headers"].pop("content-length", None)
    return {name: found[name] for name in ("status", "input_data", "context", "trigger_type", "version", "workflow")}


PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="f"; '
    b'filename="f.pdf"\r\nContent-Type: application/pdf\r\n\r\n12345\r\n--b--\r\n'
)


def form(raw: bytes = b"a=1&b=x+y&b=%C3%A9") -> dict[str, Any]:
    return {"data": raw, "content_type": "application/x-www-form-urlencoded"}


def packed(raw: bytes, coding: str = "gzip") -> dict[str, Any]:
    return {"data": raw, "content_type": "application/json", "headers": {"Content-Encoding": coding}}


# Each kind of request, and whether it is answered before Flask dispatches.
KINDS: dict[str, tuple[dict[str, Any], bool]] = {
    "json": (JSON, True),
    "with a last slash": ({**JSON, "more": "/"}, True),
    "a query": ({**JSON, "more": "?a=1&a=2&b=%C3%A9&c"}, True),
    "headers": ({**JSON, "headers": {"X-Shop": "é", "Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k"}}, True),
    "json of another type": ({"data": b"[1, 2]", "content_type": "application/cloudevents+json; charset=utf-8"}, True),
    "a delivery's id": ({**JSON, "headers": {"Idempotency-Key": "{way}"}}, True),
    "a form": (form(), True),
    "a multipart form": ({"data": PARTS, "content_type": "multipart/form-data; boundary=b"}, True),
    "nothing": ({}, True),
    "nothing, with a type": ({"content_type": "application/json", "more": "?q=1"}, True),
    "over https": ({**JSON, "base_url": "https://flow.example"}, True),
    "another name": ({**JSON, "base_url": "http://flow.example:8080"}, True),
    "the body limit": ({"data": b'"' + b"x" * (1 << 20 >> 1) + b'"', "content_type": "application/json"}, True),
    "below a prefix": ({**JSON, "environ_overrides": {"SCRIPT_NAME": "/flow"}}, True),
    "GET": ({"method": "GET"}, False),
    "HEAD": ({"method": "HEAD"}, False),
    "OPTIONS": ({"method": "OPTIONS"}, False),
    "PUT": ({**JSON, "method": "PUT"}, False),
    "TRACE": ({"method": "TRACE"}, False),
    "another method": ({"method": "BREW"}, False),
    "two slashes": ({**JSON, "more": "//"}, False),
    "a longer path": ({**JSON, "more": "/more"}, False),
    "bad json": ({"data": b"{", "content_type": "application/json"}, False),
    "not UTF-8": ({"data": b'"\xff"', "content_type": "application/json"}, False),
    "nested too deep": ({"data": b"[" * 65 + b"]" * 65, "content_type": "application/json"}, False),
    "a bad form": (form(b"a=%FF"), False),
    "too many fields": (form(b"&".join(b"a%d=1" % n for n in range(1500))), False),
    "a form without parts": ({"data": b"x", "content_type": "multipart/form-data; boundary=b"}, False),
    "a text": ({"data": b"<a/>", "content_type": "text/xml"}, True),
    "json of no type": ({"data": b"{}"}, True),
    "json called a text": ({"data": b'{"Type": "Notification"}', "content_type": "text/plain; charset=UTF-8"}, True),
    "json in UTF-16": ({"data": '{"a": "é"}'.encode("utf-16"), "content_type": "application/json"}, True),
    "json with a mark": ({"data": b'\xef\xbb\xbf{"a": 1}', "content_type": "application/json"}, True),
    "another charset": ({"data": b'{"a": "\xe9"}', "content_type": "application/json; charset=latin-1"}, True),
    "a charset that is none": ({"data": b"{}", "content_type": "application/json; charset=klingon"}, False),
    "a picture": ({"data": b"\x89PNG\0", "content_type": "image/png"}, True),
    "gzip": (packed(gzip.compress(b'{"a": 1}')), True),
    "a packed form": ({**packed(gzip.compress(PARTS)), "content_type": "multipart/form-data; boundary=b"}, True),
    "deflate": (packed(zlib.compress(b'{"a": 1}'), "deflate"), True),
    "no gzip": (packed(b"{}"), False),
    "more than may be unpacked": (packed(gzip.compress(b"[" + b" " * 1_100_000 + b"]")), False),
    "brotli": (packed(b"{}", "br"), False),
    "another site": ({**JSON, "headers": {"Origin": "https://shop.example"}}, True),
    "too large": ({"data": b'"' + b"x" * 1_100_000 + b'"', "content_type": "application/json"}, False),
    "a large form": (form(b"a=" + b"x" * 700_000), True),
    "a large field": ({"data": PARTS.replace(b"1", b"1" * 600_000, 1), "content_type": "multipart/form-data; boundary=b"}, False),
    "chunked": ({"input_stream": lambda: io.BytesIO(b'{"a": 1}'), "content_type": "application/json", **CHUNKED}, False),
    "chunked and too large": ({"input_stream": lambda: io.BytesIO(b" " * 1_060_000), "content_type": "application/json", **CHUNKED}, False),
    "cut off": ({"input_stream": lambda: io.BytesIO(b'{"a"'), "content_length": 9, "content_type": "application/json"}, False),
    "a length that is none": ({**JSON, "environ_overrides": {"CONTENT_LENGTH": "²"}}, False),
    "a name that is none": ({**JSON, "environ_overrides": {"HTTP_HOST": "a b"}}, False),
    "no name": ({**JSON, "environ_overrides": {"HTTP_HOST": "." + "x" * 70}}, False),
    "a challenge": ({"json": {"type": "url_verification", "challenge": "c"}}, False),
}  # fmt: skip


def of_way(options: dict[str, Any], way: str) -> dict[str, Any]:
    """A request with a delivery id of its own, where it has one."""
    headers = {name: value.replace("{way}", way) for name, value in options.get("headers", {}).items()}
    return {**options, "headers": headers}


def test_it_answers_as_the_route_does(ways: Ways, api: Api) -> None:
    for kind, (options, short) in KINDS.items():
        name = {key: value for key, value in options.items() if key == "base_url"}
        assert ways.known(**JSON, **name).status_code == 202
        known = ways.known(**of_way(options, "known"))
        assert ways.short[-1:] == [short], kind
        routed = ways.routed(**of_way(options, "routed"))
        assert seen(known) == seen(routed), kind
        assert stored(api, known) == stored(api, routed), kind
        assert known.status_code == 202 or not short, kind


def _signed(body: bytes) -> str:
    return "sha256=" + hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()


BASIC = "Basic " + base64.b64encode(f"ann:{_SECRET}".encode()).decode()
PROOFS = {
    "header": ({"auth": "header", "secret": _SECRET}, {"X-Webhook-Secret": _SECRET}),
    "basic": ({"auth": "basic", "username": "ann", "secret": _SECRET}, {"Authorization": BASIC}),
    "hmac": ({"auth": "hmac", "preset": "github", "secret": _SECRET}, {"X-Hub-Signature-256": _signed(b'{"a":1}')}),
}


def test_who_may_call(app: Any, api: Api) -> None:
    body = {"data": b'{"a":1}', "content_type": "application/json"}
    for auth, (config, headers) in PROOFS.items():
        ways = Ways(app, made(api, **config))
        assert ways.known(**body, headers=headers).status_code == 202
        wrong = dict.fromkeys(headers, "wrong")
        for sent, status, short in ((headers, 202, True), ({}, 401, False), (wrong, 401, False)):
            known = ways.known(**body, headers=sent)
            assert (known.status_code, ways.short[-1]) == (status, short), auth
            assert seen(known) == seen(ways.routed(**body, headers=sent)), auth
            ways.known(**body, headers=headers)
        app.shortcuts["hooks"] = ways.shortcut  # each has its own


def test_pages_of_allowed_sites(app: Any, api: Api) -> None:
    ways = Ways(app, made(api, allowed_origins=["https://shop.example"]))
    ways.known(**JSON)
    for origin in ("https://shop.example", "https://evil.example", ""):
        sent = {**JSON, "headers": {"Origin": origin} if origin else {}}
        known = ways.known(**sent)
        assert ways.short[-1] is (not origin)
        assert seen(known) == seen(ways.routed(**sent))
        ways.known(**JSON)


def test_methods_of_the_trigger(app: Any, api: Api) -> None:
    ways = Ways(app, made(api, methods=["GET", "DELETE"]))
    ways.known(method="GET")
    for method, short in (("GET", True), ("DELETE", True), ("POST", False), ("HEAD", False)):
        known = ways.known(method=method, more="?a=1")
        assert ways.short[-1] is short
        routed = ways.routed(method=method, more="?a=1")
        assert seen(known) == seen(routed)
        assert stored(api, known) == stored(api, routed)
        ways.known(method="GET")


@pytest.mark.parametrize("response", ["last_step", "respond"])
def test_who_waits_for_an_answer_gets_it(app: Any, api: Api, worker: None, response: str) -> None:
    ways = Ways(app, made(api, response=response))
    ways.known(json={"name": "Ann"})
    for data in ({"name": "Ann"}, {}):
        known = ways.known(json=data)
        assert seen(known) == seen(ways.routed(json=data))
        ways.known(json=data)
    assert api.get("/executions/")["count"] == 7, "each request started one"


def test_a_limit_counts_each_request_once(app: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_rates.time, "time", lambda: 600.0)  # no minute ends meanwhile
    ways = Ways(app, made(api, rate_limit=4))
    bad = {"data": b"{", "content_type": "application/json"}
    answers = [ways.known(**JSON), ways.known(**bad), ways.known(**JSON), ways.known(**bad)]
    assert [answer.status_code for answer in answers] == [202, 400, 202, 400]
    refused = ways.known(**JSON)
    assert refused.status_code == 429
    assert seen(refused) == seen(ways.routed(**JSON))


def test_conditions_and_deliveries(app: Any, api: Api) -> None:
    ways = Ways(app, made(api, conditions={"all": [{"field": "input.n", "operator": ">", "value": 1}]}))
    ways.known(json={"n": 2})
    for n in (1, 2):
        known = ways.known(json={"n": n})
        assert ways.short[-1]
        found = stored(api, known)
        assert found["status"] == ("skipped", "pending")[n - 1]
        assert found == stored(api, ways.routed(json={"n": n}))
        ways.known(json={"n": n})
    first = ways.known(json={"n": 2}, headers={"Idempotency-Key": "k"})
    again = ways.known(json={"n": 3}, headers={"Idempotency-Key": "k"})
    assert (first.json, ways.short[-2:]) == (again.json, [True, False])


def test_paused_and_limited_workflows(app: Any, api: Api) -> None:
    ways = Ways(app, made(api))
    assert ways.known(**JSON).status_code == 202
    path = f"/workflows/{api.get('/workflows/')['results'][0]['id']}/"
    api.post(f"{path}pause/")
    known = ways.known(**JSON)
    assert (known.status_code, ways.short[-1]) == (202, False)
    assert execution_of(api, known)["status"] == "skipped"
    assert seen(known) == seen(ways.routed(**JSON))
    api.patch(path, {"config": {"concurrency": 1, "concurrency_policy": "drop"}})
    api.post(f"{path}activate/")
    answers = [ways.known(**JSON) for _ in range(3)]
    assert ways.short[-3:] == [False] * 3
    assert [execution_of(api, answer)["status"] for answer in answers] == ["pending", "skipped", "skipped"]


def test_behind_a_proxy(settings: Settings, api: Api) -> None:
    """The name, the scheme and the address are those that the proxy forwards."""
    app = create_app(dataclasses.replace(settings, trusted_proxies=1))
    try:
        ways = Ways(app, made(api))
        forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "flow.example"}
        ways.known(**JSON, headers=forwarded)
        known = ways.known(**JSON, headers=forwarded)
        assert ways.short[-1]
        assert known.json["status_url"].startswith("https://flow.example/api/")
        assert "Strict-Transport-Security" in known.headers
        routed = ways.routed(**JSON, headers=forwarded)
        assert seen(known) == seen(routed)
    finally:
        with app.app_context():
            db.engine.dispose()


def test_a_database_that_is_away(ways: Ways, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ways.known(**JSON)

    def nobody(*_: Any) -> Any:
        raise PoolTimeoutError("no connection is free")

    with ways.app.app_context():
        engine = db.engine
    monkeypatch.setattr(engine, "raw_connection", nobody)
    monkeypatch.setattr(engine, "connect", nobody)
    known = ways.known(**JSON)
    assert (known.status_code, known.headers["Retry-After"], ways.short[-1]) == (503, "5", False)
    monkeypatch.undo()
    assert ways.known(**JSON).status_code == 202
    assert api.get("/executions/")["count"] == 2, "what may have been stored is not sent twice"


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_drops_its_connections(ways: Ways, api: Api) -> None:
    """One request may meet a lost connection; the pool makes all of them anew, and each serves its own organization."""
    ways.known(**JSON)
    with ways.app.app_context():
        engine = db.engine
    with engine.connect() as first, engine.connect() as second:
        held = [connection.scalar(text("SELECT pg_backend_pid()")) for connection in (first, second)]
    with tasks.runtime().engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(:p) AND pid <> pg_backend_pid()"), {"p": held})  # fmt: skip
    statuses = [ways.known(**JSON).status_code for _ in range(4)]
    assert statuses.count(503) <= 1
    assert statuses[1:] == [202] * 3
    assert api.get("/executions/")["count"] == 1 + statuses.count(202)


@pytest.mark.parametrize("kind", ["slack_event", "stripe_event", "telegram_update"])
def test_a_known_hook_of_a_service_is_answered_before_flask_too(app: Any, api: Api, kind: str) -> None:
    hook = of_service(api, kind)
    ways = Ways(app, hook)
    first, second, wrong = SENT[kind](hook, "http://localhost")
    for sent in (first, second, first, wrong):
        answer = ways.known(data=sent.body, headers=sent.headers)
        assert answer.status_code == (401 if sent is wrong else 202)
    assert ways.short == [False, True, False, False], "met, known, sent again, refused"
