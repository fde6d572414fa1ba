"""A REST service of the user's own: each method, and the ways to sign in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink

SECRET = "t0ken-of-the-service"


@pytest.fixture
def run(sink: Sink) -> Bench:
    config = {"base_url": sink.url("/v1")}
    return Bench(
        integrations={"api": open_integration("api", id="1", name="API", config=config, credentials={"secret": SECRET})}
    )


def test_each_method(run: Bench, sink: Sink) -> None:
    got: Any = run("api_get", path="/orders", query={"n": 1})
    assert got.result["body"] == {"ok": True}
    run("api_post", path="orders", json={"n": 1})
    run("api_post", endpoint="/orders", data='{"n": 2}')
    run("api_put", path="/orders/7", form={"n": 1})
    run("api_patch", path="/orders/7", body="plain")
    run("api_delete", path="/orders/7")
    assert [(one.method, one.path, one.body) for one in sink.requests] == [
        ("GET", "/v1/orders?n=1", b""),
        ("POST", "/v1/orders", b'{"n":1}'),
        ("POST", "/v1/orders", b'{"n":2}'),
        ("PUT", "/v1/orders/7", b"n=1"),
        ("PATCH", "/v1/orders/7", b"plain"),
        ("DELETE", "/v1/orders/7", b""),
    ]
    assert {one.headers["Authorization"] for one in sink.requests} == {f"Bearer {SECRET}"}
    assert {one.headers["Idempotency-Key"] for one in sink.requests} == {"key-of-this-visit"}


def test_a_refusal_has_the_services_words(run: Bench, sink: Sink) -> None:
    sink.default = Answer(422, b'{"error": {"message": "No such order"}}')
    with pytest.raises(StepError, match="No such order"):
        run("api_get", path="/orders/8")


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        ({}, "Authorization", f"Bearer {SECRET}"),
        ({"auth": "basic", "username": "ann"}, "Authorization", "Basic YW5uOnQwa2VuLW9mLXRoZS1zZXJ2aWNl"),
        ({"auth": "header", "header_name": "X-Key"}, "X-Key", SECRET),
        ({"auth": "none"}, "Authorization", None),
    ],
)
def test_the_ways_to_sign_in(sink: Sink, config: dict[str, str], name: str, value: str | None) -> None:
    spec = CONNECTORS["api"]
    read = spec.read({"base_url": sink.url("/v1"), "check_path": "/me", **config}, {"secret": SECRET})
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))
    assert "returned 200" in spec.test(*read, context)
    assert (sink.requests[0].path, sink.requests[0].headers.get(name)) == ("/v1/me", value)
    sink.default = Answer(401)
    with pytest.raises(StepError, match="refused the credentials"):
        spec.test(*read, context)


def answer_of(sink: Sink, credentials: dict[str, str], **config: str) -> str:
    spec = CONNECTORS["api"]
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)), name="Our shop")
    return spec.test(*spec.read({"base_url": sink.url("/v1"), **config}, credentials), context)


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_path_for_the_test_must_answer_as_steps_need_it(sink: Sink, status: int) -> None:
    sink.default = Answer(status)
    with pytest.raises(StepError, match=f"/v1/gone returned status {status}. Check “Path for the test”"):
        answer_of(sink, {"secret": SECRET}, check_path="/gone")
    assert f"returned {status}" in answer_of(sink, {"secret": SECRET}), "at the base URL there need be nothing"


def test_a_whole_url_is_no_path_for_the_test(sink: Sink) -> None:
    with pytest.raises(StepError, match="is a whole URL"):
        answer_of(sink, {"secret": SECRET}, check_path=sink.url("/v1/me"))
    assert sink.requests == []


@pytest.mark.parametrize(
    ("credentials", "config", "told"),
    [
        ({"secret": SECRET}, {"auth": "basic"}, "“User name” of “Our shop” is empty."),
        ({"secret": SECRET}, {"auth": "header", "header_name": ""}, "“Header name” of “Our shop” is empty."),
        ({}, {"auth": "basic", "username": "ann"}, "“Our shop” has no secret."),
    ],
)
def test_what_is_missing_to_sign_in_is_named(
    sink: Sink, credentials: dict[str, str], config: dict[str, str], told: str
) -> None:
    with pytest.raises(StepError, match=told):
        answer_of(sink, credentials, **config)
    assert sink.requests == []


@pytest.mark.parametrize("address", ["ftp://a", "https://", "//a", "https://a@b"])
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(StepError):
        CONNECTORS["api"].read({"base_url": address}, {})
