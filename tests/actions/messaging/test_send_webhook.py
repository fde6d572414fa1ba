"""send_webhook against a real HTTP server."""

from __future__ import annotations

import base64
from datetime import timedelta
from email.utils import format_datetime

import pytest

from flowapp.catalog import IntegrationHandle, open_integration
from tests.actions.conftest import NOW
from tests.support.servers.sink import Answer


def test_json_goes_out_and_the_answer_comes_back(run, sink) -> None:
    outcome = run(
        "call_webhook", {"name": "Zoé"}, url=sink.url("/in?x=1"), json={"text": "Nouveau contact: {{ input.name }}"}
    )
    [received] = sink.requests
    assert (received.method, received.path) == ("POST", "/in?x=1")
    assert received.json == {"text": "Nouveau contact: Zoé"}
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Idempotency-Key"] == "key-of-this-visit"
    assert run.lines == [("info", f"POST {sink.url('/in')} returned 200.")]
    result = outcome.result
    assert (result["status"], result["ok"], result["body"]) == (200, True, {"ok": True})
    assert result["headers"]["content-type"] == "application/json"


def test_text_form_and_headers(run, sink) -> None:
    run(
        "send_webhook",
        {"n": "é"},
        url=sink.url(),
        method="put",
        body="Nouveau contact: {{ input.n }}",
        headers={"X-A": "ü", "X-N": 3},
    )
    run("send_webhook", {}, url=sink.url(), form={"a": "1 2", "b": 3}, headers={"Idempotency-Key": "mine"})
    run("send_webhook", {}, url=sink.url(), method="GET", body="not sent")
    text, form, get = sink.requests
    assert (text.method, text.body.decode()) == ("PUT", "Nouveau contact: é")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.headers["X-A"].encode("latin-1").decode() == "ü"
    assert text.headers["X-N"] == "3"
    assert form.body == b"a=1+2&b=3"
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form.headers["Idempotency-Key"] == "mine"
    assert (get.method, get.body) == ("GET", b"")
    assert ("warning", "The body is not sent: a GET request has none.") in run.lines


def test_json_that_was_written_as_text_is_checked_and_sent_as_json(run, refused, sink) -> None:
    run("send_webhook", {"n": "Zoé"}, url=sink.url(), json='{"name": {{ input.n | tojson }}}')
    run("send_webhook", {"n": "Zoé"}, url=sink.url(), json="{{ input.n }}")
    headers = {"Content-Type": "application/problem+json"}
    run("send_webhook", {"n": "Zoé"}, url=sink.url(), body='{"name": {{ input.n | tojson }} }', headers=headers)
    assert [received.json for received in sink.requests] == [{"name": "Zoé"}, "Zoé", {"name": "Zoé"}]
    for params in ({"json": '{"name": "{{ input.n }}"}'}, {"body": '{"name": "{{ input.n }}"}', "headers": headers}):
        error = refused("send_webhook", {"n": 'The "Boss"'}, url=sink.url(), **params)
        assert error.permanent and "is not valid JSON" in error.message and "tojson" in error.message
    assert len(sink.requests) == 3


def test_a_field_that_comes_several_times(run, sink) -> None:
    run("send_webhook", {"tags": ["a", 2]}, url=sink.url(), form={"tags": "{{ input.tags }}", "one": "1"})
    assert sink.requests[0].body == b"tags=a&tags=2&one=1"


@pytest.mark.parametrize(
    ("kind", "sent", "body"),
    [("application/json", b"null", None), ("application/json", b" false", False), ("text/plain", b"null", "null")],
)
def test_null_is_no_text(run, sink, kind, sent, body) -> None:
    sink.default = Answer(200, sent, {"Content-Type": kind})
    assert run("send_webhook", {}, url=sink.url()).result["body"] == body


def test_an_answer_that_is_cut_says_so(run, sink) -> None:
    sink.default = Answer(200, b"x" * (2**20 + 1), {"Content-Type": "text/plain"})
    assert len(run("send_webhook", {}, url=sink.url()).result["body"]) == 2**20
    assert ("warning", "The answer was cut after 1,048,576 characters.") in run.lines


def test_bytes_stay_bytes(run, sink) -> None:
    png = bytes.fromhex("89504e470d0a1a0a")
    sink.default = Answer(200, png, {"Content-Type": "image/png"})
    body = run("send_webhook", {}, url=sink.url(), method="GET").result["body"]
    assert body == {"base64": base64.b64encode(png).decode(), "content_type": "image/png", "size": 8}


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (404, True), (408, False), (425, False), (429, False), (500, False), (503, False)],
)
def test_answers_of_400_and_above(run, refused, sink, status, permanent) -> None:
    sink.default = Answer(status, b"out\n of  order", {"Content-Type": "text/plain", "Retry-After": "7"})
    error = refused("send_webhook", {}, url=sink.url("/p?key=secret"))
    assert error.permanent is permanent
    assert error.message == f"POST {sink.url('/p')} returned {status}: out of order"
    assert error.details == {"status": status, "body": "out\n of  order", "retry_after": 7.0}
    assert run("send_webhook", {}, url=sink.url(), expect="any").result["ok"] is False


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(1)), 0.0),
        ("soon", None),
    ],
)
def test_retry_after_may_be_a_date(refused, sink, value, seconds) -> None:
    sink.default = Answer(503, b"", {"Retry-After": value})
    assert refused("send_webhook", {}, url=sink.url()).details.get("retry_after") == seconds


def handle(sink, **config) -> IntegrationHandle:
    return open_integration(
        "webhook", id="1", name="shop", config={"base_url": sink.url("/v1"), **config}, credentials={"secret": "s3cret"}
    )


@pytest.mark.parametrize(
    ("config", "header", "value"),
    [
        ({}, "Authorization", "Bearer s3cret"),  # the default, which a form leaves out
        ({"auth": "header"}, "X-Api-Key", "s3cret"),
        ({"auth": "bearer"}, "Authorization", "Bearer s3cret"),
        ({"auth": "basic", "username": "ann"}, "Authorization", "Basic " + base64.b64encode(b"ann:s3cret").decode()),
        ({"auth": "header", "header_name": "X-Key"}, "X-Key", "s3cret"),
        ({"auth": "none"}, "Authorization", None),
    ],
)
def test_an_integration_signs_in_and_gives_the_host(run, sink, config, header, value) -> None:
    run.integrations["shop"] = handle(sink, **config)
    run("send_webhook", {}, url="/orders", integration="shop")
    run("send_webhook", {}, url=sink.url("/v1/x"), integration="shop")
    assert [(r.path, r.headers.get(header)) for r in sink.requests] == [("/v1/orders", value), ("/v1/x", value)]


def test_a_secret_goes_to_its_own_host_only(run, refused, sink) -> None:
    run.integrations["shop"] = handle(sink, auth="bearer")
    for url in ("http://127.0.0.1:1/x", "https://elsewhere.example/x", "http://127.0.0.1@x/"):
        error = refused("send_webhook", {}, url=url, integration="shop")
        assert error.permanent
    run.integrations["mail"] = IntegrationHandle("2", "mail", "email", {})
    assert "not an HTTP service" in refused("send_webhook", {}, url="/x", integration="mail").message
    run.integrations["bare"] = open_integration(
        "webhook", id="3", name="bare", config={"base_url": sink.url()}, credentials={}
    )
    assert "has no secret" in refused("send_webhook", {}, url="/x", integration="bare").message
    assert sink.requests == []


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"url": "ftp://example.com/"}, "http://"),
        ({"url": "{{ input.none }}"}, "url"),
        ({"json": {"a": 1}, "form": {"b": "2"}}, "one of json"),
        ({"method": "BREW"}, "method"),
        ({"timeout": 0}, "timeout"),
        ({"headers": {"X": "a\r\nY: b"}}, "single line"),
        ({"headers": {"Host": "inner"}}, "set by Flowapp"),
    ],
)
def test_calls_that_cannot_be_made_are_refused(refused, sink, params, told) -> None:
    error = refused("send_webhook", {"none": None}, **{"url": sink.url(), **params})
    assert error.permanent
    assert told in error.message
    assert sink.requests == []


def test_a_slow_answer_is_a_temporary_error(refused, sink) -> None:
    sink.default = Answer(delay=0.5)
    error = refused("send_webhook", {}, url=sink.url(), timeout=0.1)
    assert not error.permanent
    assert "did not respond in time" in error.message
