"""POST /hooks/<key>."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import io
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brotli
import pytest

from flowapp.api.public import hooks
from flowapp.config import Settings
from flowapp.engine.store.quota import MIB, quotas
from flowapp.extensions import db
from flowapp.models import Execution, Organization, Trigger, Version, Workflow, WorkflowSize, utcnow
from flowapp.models.tenancy import system_session
from flowapp.security.credentials import SHOWN
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body
from tests.support.processes import wait_until
from tests.support.statements import noted

pytestmark = pytest.mark.both_databases


@pytest.fixture
def hook(api: Api) -> str:
    return made(api)


def made(api: Api, conditions: Any = None, steps: Any = None, **config: Any) -> str:
    trigger = {"trigger_type": "webhook", "config": config, "conditions": conditions}
    body = workflow_body(status="active", triggers=[trigger], **({"steps": steps} if steps else {}))
    return f"/hooks/{api.post('/workflows/', body, 201)['triggers'][0]['config']['key']}"


def execution_of(api: Api, answer: Any) -> Any:
    return api.get(f"/executions/{answer.json['execution_id']}/")


def test_202_means_stored(api: Api, hook: str) -> None:
    answer = api.client.post(
        f"{hook}?source=shop",
        json={"name": "Ann"},
        headers={"X-Shop": "1", "Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k"},
    )
    assert answer.status_code == 202
    assert set(answer.json) == {"execution_id", "status_url"}
    found = execution_of(api, answer)
    assert answer.json["status_url"].endswith(f"/api/v1/automation/executions/{found['id']}/")
    assert found["input_data"] == {"name": "Ann"}
    assert found["trigger_type"] == "webhook"
    assert found["version"] == 1
    assert found["status"] == "pending"
    assert found["context"]["query"] == {"source": "shop"}
    assert found["context"]["method"] == "POST"
    headers = found["context"]["headers"]
    assert headers["x-shop"] == "1"
    assert not {"authorization", "cookie", "x-api-key"} & set(headers)


def test_it_runs(api: Api, worker: None) -> None:
    hook = made(api, response="last_step")
    answer = api.client.post(hook, json={"name": "Ann"})
    assert (answer.status_code, answer.json) == (200, {"text": "Hello Ann"})
    failed = api.client.post(hook, json={})
    assert failed.status_code == 502
    assert failed.json["execution_id"]


def respond(**params: Any) -> dict[str, Any]:
    return {"step_id": "answer", "action_type": "respond", "params": params}


def test_a_respond_step_answers_while_the_workflow_goes_on(api: Api, worker: None) -> None:
    answer = respond(
        status=201,
        headers={"X-Id": "{{ input.id }}"},
        body={"id": "{{ input.id }}"},
    )
    sleeps = {"step_id": "w", "action_type": "wait_time", "params": {"duration": "1 hour"}}
    hook = made(api, steps=[answer, sleeps], response="respond")
    got = api.client.post(hook, json={"id": 7}, headers={"Idempotency-Key": "k"})
    assert (got.status_code, got.json, got.headers["X-Id"]) == (201, {"id": 7}, "7")
    again = api.client.post(hook, json={"id": 8}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json) == (201, {"id": 7}), "a repeated delivery gets the first answer"


@pytest.mark.parametrize(
    ("params", "status", "kind", "body"),
    [
        ({"body": "<b>Hello</b>", "headers": {"Content-Type": "text/html"}}, 200, "text/html", b"<b>Hello</b>"),
        ({"body": "Hello"}, 200, "text/plain; charset=utf-8", b"Hello"),
        ({"body": '{"said": "{{ input.list[0] }}"}'}, 200, "application/json", b'{"said": "1"}'),
        ({"body": "{no JSON}"}, 200, "text/plain; charset=utf-8", b"{no JSON}"),
        ({"body": "{{ input.list }}"}, 200, "application/json", b"[1,2]"),
        ({"status": 204}, 204, None, b""),
        ({"status": 302, "headers": {"Location": "https://example.com/"}}, 302, None, b""),
    ],
)
def test_answers_of_every_kind(api: Api, worker: None, params, status, kind, body) -> None:
    got = api.client.post(made(api, steps=[respond(**params)], response="respond"), json={"list": [1, 2]})
    assert (got.status_code, got.headers.get("Content-Type"), got.data) == (status, kind, body)
    assert got.headers["Content-Security-Policy"].startswith("sandbox;"), "a page of it is no page of Flowapp's"


def test_an_answer_speaks_for_itself_and_not_for_the_origin(api: Api, worker: None) -> None:
    """Whatever a workflow answers, it is no page, script or style of Flowapp's, and sets nothing for the whole site."""
    wanted = {
        "Set-Cookie": "flowapp_session=x", "Clear-Site-Data": '"*"', "Service-Worker-Allowed": "/", "Refresh": "0; url=/x",
        "Strict-Transport-Security": "max-age=0", "Content-Security-Policy": "script-src *", "X-Frame-Options": "ALLOWALL",
        "Content-Security-Policy-Report-Only": "x", "X-Content-Type-Options": "sniff", "Alt-Svc": 'h2="evil.example:443"',
        "NEL": "{}", "Report-To": "{}", "Reporting-Endpoints": "a='https://evil.example'", "Location": "javascript:alert(1)",
        "X-Accel-Redirect": "/etc/passwd", "X-Sendfile": "/etc/passwd", "Use-As-Dictionary": "match=/*", "WWW-Authenticate": "Basic",
        "Origin-Trial": "x", "Transfer-Encoding": "chunked", "Content-Length": "3", "Server": "y",
    }  # fmt: skip
    for name, value in wanted.items():
        body = {"name": "W", "steps": [respond(headers={name: value})]}
        (problem,) = api.post("/workflows/", body, 422)["errors"]
        assert problem["path"] == "steps.0.params.headers" and name in problem["message"]
    kept = {"Retry-After": "7", "X-Mine": "{{ input.mine }}"}
    hook = made(api, steps=[respond(headers=kept, body="<script>alert(1)</script>")], response="respond")
    got = api.client.post(hook, json={"mine": "1"})
    assert (got.headers["Retry-After"], got.headers["X-Mine"]) == ("7", "1")
    assert got.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert (got.headers["X-Content-Type-Options"], got.headers["X-Frame-Options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize(("name", "value"), [("Location", "javascript:alert(1)"), ("X-Mine", "a\nb"), ("X-Mine", "漢")])
def test_a_header_that_cannot_be_sent_fails_the_step(api: Api, worker: None, name: str, value: str) -> None:
    hook = made(api, steps=[respond(headers={name: "{{ input.value }}"})], response="respond")
    got = api.client.post(hook, json={"value": value})
    assert got.status_code >= 500 and name not in got.headers
    (execution,) = api.get("/executions/?status=failed")["results"]
    assert f"The header “{name}”" in api.get(f"/executions/{execution['id']}/")["error_message"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/javascript",
        "application/x-ECMAScript; charset=utf-8",
        "text/plain, text/javascript",
        "text/css",
        "multipart/x-mixed-replace; boundary=x",
    ],
)
def test_an_answer_is_no_script_of_our_pages(api: Api, kind: str) -> None:
    """`script-src 'self'` would let a page run it."""
    body = {"name": "W", "steps": [respond(headers={"content-type": kind}, body="alert(1)")]}
    (problem,) = api.post("/workflows/", body, 422)["errors"]
    assert "may not be" in problem["message"]


@pytest.mark.parametrize("kind", ["image/svg+xml", "application/xhtml+xml"])
def test_documents_are_answered_as_they_are(api: Api, worker: None, kind: str) -> None:
    """The sandbox keeps them from running their scripts."""
    hook = made(api, steps=[respond(headers={"content-type": kind}, body="alert(1)")], response="respond")
    got = api.client.post(hook, json={})
    assert got.headers.getlist("Content-Type") == [kind]
    assert got.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_without_an_answer_the_end_is_the_answer(api: Api, worker: None) -> None:
    hook = made(api, response="respond")
    assert api.client.post(hook, json={"name": "Ann"}).json == {"text": "Hello Ann"}
    assert api.client.post(hook, json={}).status_code == 502


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Idempotency-Key": "x1"}, {}),
        ({"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}, {}),
        ({"webhook-id": "msg_" + "x" * 400}, {}),
        ({"Stripe-Signature": "t=1,v1=abc"}, {"id": "evt_1"}),
        ({"X-Slack-Signature": "v0=abc"}, {"event_id": "Ev1"}),
    ],
)
def test_repeated_delivery_gives_the_first_execution(api: Api, hook: str, headers: dict[str, str], body: Any) -> None:
    first = api.client.post(hook, json=body, headers=headers)
    again = api.client.post(hook, json=body, headers=headers)
    assert (again.status_code, again.json) == (202, first.json)
    assert api.get("/executions/")["count"] == 1
    other = api.client.post(made(api), json=body, headers=headers)
    assert other.json["execution_id"] != first.json["execution_id"]


GOOD = [
    (b'{"a": [1, {"b": null}]}', "application/json; charset=utf-8", {"a": [1, {"b": None}]}),
    (b"[1, 2]", "application/json", [1, 2]),
    (b'{"a": 1}', "application/cloudevents+json", {"a": 1}),
    (b"a=1&b=x+y&b=%C3%A9&c=", "application/x-www-form-urlencoded", {"a": "1", "b": ["x y", "é"], "c": ""}),
    (b'{"a": [18446744073709551615, -9223372036854775808]}', "application/json", {"a": [2**64 - 1, -(2**63)]}),
    (b'{"wei": 1000000000000000000001, "a": [-9223372036854775809]}', "application/json",
     {"wei": 10**21 + 1, "a": [-(2**63) - 1]}),
    (b'{"long": ' + b"7" * 300 + b"}", "application/json", {"long": int("7" * 300)}),
    (b'{"a": "12345678901234567890123", "b": 0.12345678901234567890123}', "application/json",
     {"a": "12345678901234567890123", "b": 0.12345678901234568}),
    (b"", "", {"q": "1"}),
    (b"", "application/json", {"q": "1"}),
    (b"\xef\xbb\xbf" + b'{"a": "\xc3\xa9"}', "application/json", {"a": "é"}),
    ('{"a": "é"}'.encode("utf-16"), "application/json", {"a": "é"}),
    ('{"a": "é"}'.encode("utf-16-be"), "application/json", {"a": "é"}),
    ('["é"]'.encode("utf-16-le"), "application/json; charset=utf-16le", ["é"]),
    ('{"a": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", {"a": "é"}),
    (b'{"Type": "Notification"}', "text/plain; charset=UTF-8", {"Type": "Notification"}),
    (b' {"a": 1}', "text/json", {"a": 1}),
    (b'{"a": 1}', "", {"a": 1}),
    (b'[{"a": 1}]', "application/octet-stream", [{"a": 1}]),
    (b'{"a": "b&c=d"}', "application/x-www-form-urlencoded", {"a": "b&c=d"}),
    (b"7", "text/plain", {"body": "7"}),
    (b"{not json", "text/plain", {"body": "{not json"}),
    (b"hello", "text/plain", {"body": "hello"}),
    (b"hello", "", {"body": "hello"}),
    ("Größe".encode("cp1252"), "text/plain; charset=windows-1252", {"body": "Größe"}),
    ("Größe".encode("utf-16"), "text/plain", {"body": "Größe"}),
    (b"<a/>", "text/xml", {"body": "<a/>"}),
    (b"n=%E9&m=a", "application/x-www-form-urlencoded; charset=iso-8859-1", {"n": "é", "m": "a"}),
    (b"\x89PNG\r\n\x00\xff", "image/png",
     {"body": {"filename": "", "content_type": "image/png", "size": 8, "content": "iVBORw0KAP8="}}),
    (b"a\0b", "", {"body": {"filename": "", "content_type": "", "size": 3, "content": "YQBi"}}),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "kind", "expected"), GOOD, ids=range(len(GOOD)))
def test_bodies(api: Api, hook: str, raw: bytes, kind: str, expected: Any) -> None:
    answer = api.client.post(f"{hook}?q=1", data=raw, content_type=kind)
    assert answer.status_code == 202
    assert execution_of(api, answer)["input_data"] == expected


def test_multipart_gives_fields_and_files(api: Api, hook: str) -> None:
    answer = api.client.post(hook, data={"name": "Ann", "cv": (io.BytesIO(b"12345"), "cv.pdf", "application/pdf")})
    assert answer.status_code == 202
    assert execution_of(api, answer)["input_data"] == {
        "name": "Ann",
        "cv": {"filename": "cv.pdf", "content_type": "application/pdf", "size": 5, "content": "MTIzNDU="},
    }


def packed(coding: str, raw: bytes) -> bytes:
    if coding == "raw deflate":
        return zlib.compress(raw, wbits=-15)
    if coding == "br":
        return bytes(brotli.compress(raw))
    return gzip.compress(raw) if coding.endswith("gzip") else zlib.compress(raw)


@pytest.mark.parametrize(
    "coding", ["gzip", "x-gzip", "deflate", "raw deflate", "GZIP", "identity", "deflate, gzip", "br", "BR", "br, gzip"]
)
@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b"hello", "text/plain", {"body": "hello"}),
        (b"a=1", "application/x-www-form-urlencoded", {"a": "1"}),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n', "multipart/form-data; boundary=b", {"a": "1"}),
    ],
)  # fmt: skip
def test_packed_bodies(api: Api, hook: str, coding: str, raw: bytes, kind: str, expected: Any) -> None:
    body = raw
    for one in coding.lower().split(", "):
        body = body if one == "identity" else packed(one, body)
    sent = {"Content-Encoding": coding.removeprefix("raw ")}
    answer = api.client.post(hook, data=body, content_type=kind, headers=sent)
    assert answer.status_code == 202, answer.text
    assert execution_of(api, answer)["input_data"] == expected


def test_a_body_that_unpacks_to_the_limit_is_read(api: Api, hook: str) -> None:
    raw = b"[" + b" " * (2**20 - 2) + b"]"
    for coding, body in (("gzip", gzip.compress(raw)), ("br", brotli.compress(raw, quality=3))):
        answer = api.client.post(hook, data=body, content_type="application/json", headers={"Content-Encoding": coding})
        assert execution_of(api, answer)["input_data"] == []


BOMB = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
PACKED_BAD = [
    ("gzip", b"{}", 400, "is not gzip"),
    ("gzip", gzip.compress(b'{"a": 1}')[:-9], 400, "cut off"),
    ("gzip", BOMB, 413, "once it is decompressed"),
    ("gzip", gzip.compress(b"") * 40_000, 413, "once it is decompressed"),
    ("br", b"{}", 400, "is not br"),
    ("br", brotli.compress(b'{"a": 1}')[:-3], 400, "cut off"),
    ("br", brotli.compress(b'{"a": 1}') + b"more", 400, "is not br"),
    ("br", brotli.compress(b"[" + b" " * 50_000_000 + b"]", quality=3), 413, "once it is decompressed"),
    ("br", brotli.compress(b"[" + b" " * (2**20 - 1) + b"]", quality=3), 413, "once it is decompressed"),
    ("zstd", b"{}", 415, "Send gzip, deflate or br"),
    ("gzip, gzip, gzip", b"{}", 415, "at most 2"),
    ("deflate", b"\xff\xff", 400, "is not deflate"),
]


@pytest.mark.parametrize(("coding", "raw", "status", "said"), PACKED_BAD, ids=range(len(PACKED_BAD)))
def test_packed_bodies_that_are_refused(api: Api, hook: str, coding: str, raw: bytes, status: int, said: str) -> None:
    answer = api.client.post(hook, data=raw, content_type="application/json", headers={"Content-Encoding": coding})
    assert (answer.status_code, said in answer.json["detail"]) == (status, True), answer.text
    assert api.get("/executions/")["count"] == 0


@pytest.mark.parametrize("signs", ["what is sent", "what was packed"])
def test_a_packed_body_may_be_signed_before_or_after(api: Api, signs: str) -> None:
    hook = made(api, auth="hmac", preset="github", secret="s" * 20)
    raw = b'{"a": 1}'
    body = gzip.compress(raw)
    signed = hmac.new(b"s" * 20, body if signs == "what is sent" else raw, "sha256").hexdigest()
    headers = {"Content-Encoding": "gzip", "X-Hub-Signature-256": f"sha256={signed}"}
    answer = api.client.post(hook, data=body, content_type="application/json", headers=headers)
    assert execution_of(api, answer)["input_data"] == {"a": 1}
    wrong = {**headers, "X-Hub-Signature-256": "sha256=" + "0" * 64}
    assert api.client.post(hook, data=body, content_type="application/json", headers=wrong).status_code == 401


def test_svix_names(api: Api) -> None:
    """As Svix's own documentation computes it: the headers have its name, the scheme is that of Standard Webhooks."""
    key = base64.b64encode(b"k" * 24).decode()
    hook = made(api, auth="hmac", preset="standard_webhooks", secret=f"whsec_{key}")
    raw, at = b'{"a": 1}', str(int(utcnow().timestamp()))
    signed = base64.b64encode(hmac.new(b"k" * 24, f"msg_1.{at}.".encode() + raw, "sha256").digest()).decode()
    headers = {"svix-id": "msg_1", "svix-timestamp": at, "svix-signature": f"v1,{signed}"}
    first = api.client.post(hook, data=raw, content_type="application/json", headers=headers)
    again = api.client.post(hook, data=raw, content_type="application/json", headers=headers)
    assert (first.status_code, again.json) == (202, first.json)
    assert "svix-signature" not in execution_of(api, first)["context"]["headers"]
    mixed = {"webhook-id": "msg_1", **headers}
    assert api.client.post(hook, data=raw, content_type="application/json", headers=mixed).status_code == 401


def test_a_head_starts_nothing(api: Api, hook: str) -> None:
    for path in (hook, hook, made(api, methods=["GET"]), made(api, auth="header", secret="x" * 20)):
        assert api.client.head(path).status_code == 200
    assert api.client.head("/hooks/nope").status_code == 404
    assert api.get("/executions/")["count"] == 0


SHOP = "https://shop.example"


def test_pages_of_allowed_sites_may_call_and_read(api: Api) -> None:
    hook = made(api, allowed_origins=[SHOP], auth="header", secret="x" * 20)
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for _ in range(2):  # the second time the hook is known
        before = api.client.options(hook, headers=asked)
        assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (204, SHOP)
        assert before.headers["Access-Control-Allow-Methods"] == "POST"
        assert before.headers["Access-Control-Allow-Headers"] == "content-type"
        sent = api.client.post(hook, json={}, headers={"Origin": SHOP, "X-Webhook-Secret": "x" * 20})
        refused = api.client.post(hook, json={}, headers={"Origin": SHOP})
        assert (sent.status_code, refused.status_code) == (202, 401)
        assert sent.headers["Access-Control-Allow-Origin"] == refused.headers["Access-Control-Allow-Origin"] == SHOP
        assert "Origin" in sent.headers["Vary"]
    assert api.get("/executions/")["count"] == 2


def test_no_other_site_is_told_anything(api: Api, hook: str) -> None:
    other = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in (hook, made(api, allowed_origins=[SHOP])):
        for answer in (api.client.options(path, headers=other), api.client.post(path, json={}, headers=other)):
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    anybody = made(api, allowed_origins="*")
    assert api.client.post(anybody, json={}, headers=other).headers["Access-Control-Allow-Origin"] == other["Origin"]
    assert api.client.options("/hooks/nope").status_code == 404


def test_an_origin_that_is_none_is_refused(api: Api) -> None:
    trigger = {"trigger_type": "webhook", "config": {"allowed_origins": ["shop.example/page"]}}
    refused = api.post("/workflows/", workflow_body(triggers=[trigger]), 422)
    assert "is not an origin" in str(refused["errors"])


PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--b--\r\n'
BAD = [
    (b"{", "application/json", 400),
    (b"not json", "application/json", 400),
    (b'{"a": NaN}', "application/json", 400),
    (b'{"a": Infinity}', "application/json", 400),
    (b'{"a": "\xff"}', "application/json", 400),
    ('{"a": 1}'.encode("utf-16")[:-1], "application/json", 400),
    (b'{"a": 1}', "application/json; charset=klingon", 415),
    (b'{"a": "\xff"}', "application/json; charset=us-ascii", 400),
    (b'{"a": "\\ud800"}', "application/json", 400),
    (b'{"a": "\\u0000"}', "application/json", 400),
    (b'{"\\u0000": 1}', "application/json", 400),
    (b"[" * 65 + b"]" * 65, "application/json", 400),
    (b"[" * 5000 + b"]" * 5000, "application/json", 400),
    (b"[" * 1000 + b"9" * 20 + b"]" * 1000, "application/json", 400),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "application/json", 400),
    (b"a=%FF", "application/x-www-form-urlencoded", 400),
    (b"a=%00", "application/x-www-form-urlencoded", 400),
    (b"a=\xff", "application/x-www-form-urlencoded", 400),
    (b"&".join(b"a%d=1" % n for n in range(1500)), "application/x-www-form-urlencoded", 400),
    (PART % b"\xff", "multipart/form-data; boundary=b", 400),
    (PART % b"\0", "multipart/form-data; boundary=b", 400),
    (PART % b"x", "multipart/form-data; boundary=other", 400),
    (PART % b"x", "multipart/form-data", 400),
    (b"caf\xe9", "text/plain", 400),
    (b"a\0b", "text/plain", 400),
    (b"[" * 65 + b"]" * 65, "text/plain", 400),
    (b'["' + b"7" * 400 + b'", ' + b"7" * 400 + b"]", "", 400),
    (b'{"a": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
]


@pytest.mark.parametrize(("raw", "kind", "status"), BAD, ids=range(len(BAD)))
def test_bad_bodies(api: Api, hook: str, raw: bytes, kind: str, status: int) -> None:
    answer = api.client.post(hook, data=raw, content_type=kind)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["detail"]
    assert api.get("/executions/")["count"] == 0


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (b'{"m": [-' + b"1" * 301 + b"]}", "application/json", "more than 300 digits. Send it as text"),
        (b"1" * 5000, "application/json", "Send it as text"),
        (b'{"a": "\xff"}', "application/json", "not UTF-8"),
        (b'{"a": "\\ud800"}', "application/json", "not valid JSON"),
        (b"a=%FF", "application/x-www-form-urlencoded", "not UTF-8"),
    ],
    ids=range(5),
)
def test_what_is_wrong_with_a_body(api: Api, hook: str, raw: bytes, kind: str, said: str) -> None:
    answer = api.client.post(hook, data=raw, content_type=kind)
    assert answer.status_code == 400
    assert said in answer.json["detail"]


def test_64_levels_are_read(api: Api, hook: str) -> None:
    assert api.client.post(hook, data=b"[" * 64 + b"]" * 64, content_type="application/json").status_code == 202


@pytest.mark.parametrize("size", [2_000_000, 1_060_000])
def test_too_large_without_a_length(api: Api, hook: str, size: int) -> None:
    answer = api.client.post(
        hook, input_stream=io.BytesIO(b" " * size), content_type="application/json", environ_overrides={"wsgi.input_terminated": True}
    )  # fmt: skip
    assert answer.status_code == 413


def test_unknown_and_inactive_keys(api: Api) -> None:
    for key in ("nope", "a" * 24, "%00", "x" * 500, "a b", "é"):
        assert api.client.post(f"/hooks/{key}", json={}).status_code == 404
    made_ = api.post("/workflows/", workflow_body(status="active"), 201)
    hook = f"/hooks/{made_['triggers'][0]['config']['key']}"
    assert api.client.post(hook, json={}).status_code == 202
    api.post(f"/workflows/{made_['id']}/archive/")
    assert api.client.post(hook, json={}).status_code == 404
    api.post(f"/workflows/{made_['id']}/activate/")
    assert api.client.post(f"{hook}/", json={}).status_code == 202
    off = [{**made_["triggers"][0], "is_active": False}]
    api.patch(f"/workflows/{made_['id']}/", {"triggers": off, "status": "active"})
    api.post(f"/workflows/{made_['id']}/activate/")
    assert api.client.post(hook, json={}).status_code == 404


def test_what_comes_while_it_is_paused_is_kept_and_can_run_later(api: Api, worker: None) -> None:
    """By webhook, by the API and as another workflow's step: skipped, with why; nothing of it is lost."""
    made_ = api.post("/workflows/", workflow_body(status="active"), 201)
    path, hook = f"/workflows/{made_['id']}/", f"/hooks/{made_['triggers'][0]['config']['key']}"
    assert api.client.post(hook, json={"name": "Ann"}).status_code == 202
    api.post(f"{path}pause/")
    by_hook = execution_of(api, api.client.post(hook, json={"name": "Bob"}))
    by_api = api.post(f"{path}execute/", {"input_data": {"name": "Bob"}}, 202)
    assert "was paused" in by_api["message"]
    for found in (by_hook, api.get(f"/executions/{by_api['execution_id']}/")):
        assert (found["status"], found["input_data"], found["steps"]) == ("skipped", {"name": "Bob"}, [])
        assert "was paused" in found["error_message"] and "was paused" in found["context"]["skipped_because"]
    call = {"step_id": "sub", "action_type": "run_workflow", "params": {"workflow": made_["id"]}}
    parent = api.post("/workflows/", workflow_body(name="Parent", steps=[call]), 201)["id"]
    ran = api.post(f"/workflows/{parent}/execute/", {"async_execution": False})
    assert ran["status"] == "failed" and "was paused" in ran["error_message"]
    assert api.client.head(hook).status_code == 200
    api.post(f"{path}activate/")
    assert execution_of(api, api.client.post(hook, json={"name": "Eve"}))["status"] != "skipped"
    again = api.post(f"/executions/{by_hook['id']}/retry/", {}, 202)
    wait_until(lambda: api.get(f"/executions/{again['id']}/")["status"] == "completed", message="it does not run")


def test_a_trigger_that_is_switched_off_takes_nothing_while_it_is_paused(api: Api) -> None:
    made_ = api.post("/workflows/", workflow_body(status="active"), 201)
    off = [{**made_["triggers"][0], "is_active": False}]
    api.patch(f"/workflows/{made_['id']}/", {"triggers": off, "status": "active"})
    api.post(f"/workflows/{made_['id']}/activate/")
    api.post(f"/workflows/{made_['id']}/pause/")
    assert api.client.post(f"/hooks/{made_['triggers'][0]['config']['key']}", json={}).status_code == 404


def test_methods(api: Api, hook: str) -> None:
    refused = api.client.get(hook)
    assert refused.status_code == 405
    assert refused.headers["Allow"] == "POST"
    both = made(api, methods=["GET", "PUT"])
    answer = api.client.get(f"{both}?a=1&a=2&b=3")
    assert execution_of(api, answer)["input_data"] == {"a": ["1", "2"], "b": "3"}
    assert api.client.put(both, json={"x": 1}).status_code == 202
    assert api.client.post(both, json={}).status_code == 405
    assert api.client.head(both).status_code == 200


def test_header_secret(api: Api, app: Any, settings: Settings) -> None:
    hook = made(api, auth="header", header_name="X-Word", secret="open sesame")
    assert api.client.post(hook, json={}).status_code == 401
    assert api.client.post(hook, json={}, headers={"X-Word": "wrong"}).status_code == 401
    answer = api.client.post(hook, json={}, headers={"X-Word": "open sesame"})
    assert answer.status_code == 202
    assert "x-word" not in execution_of(api, answer)["context"]["headers"]
    row = api.get(f"/workflows/{api.get('/workflows/')['results'][0]['id']}/")
    assert row["triggers"][0]["config"]["secret"] == SHOWN
    with app.app_context(), system_session(app.extensions["sqlalchemy"].engine) as session:
        assert "open sesame" not in json.dumps(session.query(Trigger).one().config)
    assert api("PUT", f"/workflows/{row['id']}/", row, 200).headers["ETag"] == '"1"'
    api.post(f"/workflows/{row['id']}/activate/")
    assert api.client.post(hook, json={}, headers={"X-Word": "open sesame"}).status_code == 202


def test_basic(api: Api) -> None:
    hook = made(api, auth="basic", username="ann", secret="pass word")
    right = {"Authorization": "Basic " + base64.b64encode(b"ann:pass word").decode()}
    assert api.client.post(hook, json={}, headers=right).status_code == 202
    wrong = {"Authorization": "Basic " + base64.b64encode(b"ann:x").decode()}
    assert api.client.post(hook, json={}, headers=wrong).status_code == 401
    assert api.client.post(hook, json={}, headers={"Authorization": "Basic !"}).status_code == 401


def test_signature_over_the_bytes_that_came(api: Api) -> None:
    hook = made(api, auth="hmac", preset="github", secret="topsecret")
    raw = b'{"name":  "Ann" }'
    signature = "sha256=" + hmac.new(b"topsecret", raw, hashlib.sha256).hexdigest()
    options: dict[str, Any] = {"data": raw, "content_type": "application/json"}
    answer = api.client.post(hook, headers={"X-Hub-Signature-256": signature}, **options)
    assert answer.status_code == 202
    assert "x-hub-signature-256" not in execution_of(api, answer)["context"]["headers"]
    assert api.client.post(hook, headers={"X-Hub-Signature-256": signature[:-1] + "x"}, **options).status_code == 401
    assert api.client.post(hook, **options).status_code == 401


def test_challenge_is_answered_at_once(api: Api, hook: str) -> None:
    answer = api.client.post(hook, json={"type": "url_verification", "challenge": "abc", "token": "x"})
    assert (answer.status_code, answer.json) == (200, {"challenge": "abc"})
    assert api.get("/executions/")["count"] == 0


def test_conditions(api: Api) -> None:
    hook = made(api, conditions={"all": [{"field": "input.amount", "operator": ">", "value": 10}]})
    assert execution_of(api, api.client.post(hook, json={"amount": 5}))["status"] == "skipped"
    assert execution_of(api, api.client.post(hook, json={"amount": 50}))["status"] == "pending"


def test_a_key_is_one_workflows_own(api: Api) -> None:
    key = made(api).rsplit("/", 1)[-1]
    stolen = workflow_body(triggers=[{"trigger_type": "webhook", "config": {"key": key}}])
    assert api.post("/workflows/", stolen, 422)["errors"][0]["path"] == "triggers.0.config.key"
    twice = [{"trigger_type": "webhook", "config": {"key": "k" * 20}}] * 2
    assert api.post("/workflows/", workflow_body(triggers=twice), 422)["errors"][0]["path"] == "triggers.1.config.key"


def test_a_key_stays_when_the_trigger_is_sent_without_it(api: Api) -> None:
    row = api.post("/workflows/", workflow_body(), 201)
    key = row["triggers"][0]["config"]["key"]
    changed = api.patch(
        f"/workflows/{row['id']}/", {"triggers": [{"trigger_type": "webhook", "config": {"methods": ["PUT"]}}]}
    )
    assert changed["triggers"][0]["config"]["key"] == key


def test_few_statements(api: Api, hook: str, app: Any) -> None:
    """The busiest way in: one insert, once the hook is known."""
    assert api.client.post(hook, json={}).status_code == 202
    with app.app_context():
        engine = db.engine
    with noted(engine) as texts:
        assert api.client.post(hook, json={}).status_code == 202
    seen = [text.split(maxsplit=1)[0] for text in texts]
    assert seen[-1] == "INSERT"
    assert len(seen) <= 2  # PostgreSQL may tell the connection its organization first


def test_what_is_known_of_a_hook_is_never_stale(api: Api, hook: str) -> None:
    """Each change is seen by the next request: another version, other methods, a secret, a pause."""
    workflow = api.get("/workflows/")["results"][0]
    path = f"/workflows/{workflow['id']}/"
    first = execution_of(api, api.client.post(hook, json={"n": 1}))
    assert execution_of(api, api.client.post(hook, json={"n": 2}))["version"] == first["version"] == 1
    key = hook.rsplit("/", 1)[1]
    trigger = {"trigger_type": "webhook", "config": {"key": key}}
    steps = [{"step_id": "other", "action_type": "log", "params": {"message": "x"}}]

    def change(**body: Any) -> None:
        api.patch(path, {**body, "triggers": [trigger]})
        api.post(f"{path}activate/")

    change(steps=steps)
    assert execution_of(api, api.client.post(hook, json={"n": 3}))["version"] == 2
    trigger["config"] = {"key": key, "auth": "header", "header_name": "X-Key", "secret": "right"}
    change()
    assert api.client.post(hook, json={"n": 4}).status_code == 401
    assert api.client.post(hook, json={"n": 4}, headers={"X-Key": "right"}).status_code == 202
    trigger["config"] = {**trigger["config"], "secret": "newer"}
    change()
    assert api.client.post(hook, json={"n": 5}, headers={"X-Key": "newer"}).status_code == 202
    assert api.client.post(hook, json={"n": 5}, headers={"X-Key": "right"}).status_code == 401
    api.patch(path, {"status": "paused"})
    kept = api.client.post(hook, json={"n": 6}, headers={"X-Key": "newer"})
    assert execution_of(api, kept)["status"] == "skipped"


def test_a_key_that_moves_to_another_organization(api: Api, hook: str, app: Any) -> None:
    assert api.client.post(hook, json={}).status_code == 202
    with app.app_context(), system_session(db.engine) as session:
        other = Organization(name="Other")
        session.add(other)
        session.flush()
        for table in (Version, Workflow, Trigger):
            session.query(table).update({"organization_id": other.id})
        session.commit()
        organization_id = other.id
    hooks._organization_of.cache_clear()
    answer = api.client.post(hook, json={})
    assert answer.status_code == 202
    with app.app_context(), system_session(db.engine) as session:
        assert session.get_one(Execution, answer.json["execution_id"]).organization_id == organization_id


def test_the_same_delivery_at_the_same_time_runs_once(api: Api, hook: str, app: Any) -> None:
    def deliver(_: int) -> str:
        return app.test_client().post(hook, json={}, headers={"Idempotency-Key": "k"}).json["execution_id"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(deliver, range(8)))) == 1
    assert api.get("/executions/")["count"] == 1


def test_a_full_organization_refuses_deliveries_and_says_why(app: Any, api: Api, hook: str) -> None:
    def take(size: int) -> int:
        """Has its executions take so many bytes; how many there are."""
        with app.app_context(), system_session(db.engine) as session:
            row = session.merge(WorkflowSize(**of, executions=1, bytes=size, measured_at=utcnow()))
            session.commit()
            quotas.configure(64, 2)  # and forgets what was seen
            assert row.bytes == size
            return session.query(Execution).count()

    with app.app_context(), system_session(db.engine) as session:
        workflow = session.query(Workflow).one()
        of = {"organization_id": workflow.organization_id, "workflow_id": workflow.id}
    take(2 * MIB)
    answer = api.client.post(hook, json={})
    assert answer.status_code == 507
    assert answer.json["title"] == "Storage full"
    assert "FLOWAPP_ORGANIZATION_STORAGE" in answer.json["detail"]
    assert api.post(f"/workflows/{of['workflow_id']}/execute/", {}, 507)["title"] == "Storage full"
    assert take(MIB) == 0
    assert api.client.post(hook, json={}).status_code == 202
