from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from flowapp.errors import InvalidError, UnauthenticatedError
from flowapp.security.tokens import with_key
from flowapp.triggers.webhook import WebhookParams, check, summary, verify
from tests.security.test_signatures import BODY, NOW, WHSEC, signed


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def config(**values) -> WebhookParams:
    return WebhookParams.model_validate(values)


def test_a_key_is_made_once() -> None:
    first = with_key({"auth": "none"})
    assert len(first["key"]) >= 20
    assert with_key(first) == first
    assert with_key({"auth": "none"})["key"] != first["key"]
    config(**first)


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({"auth": "none"}, {}),
        ({"auth": "header", "secret": "s3crét"}, {"x-webhook-secret": "s3crét"}),
        ({"auth": "header", "secret": "s", "header_name": "X-Mine"}, {"X-MINE": "s"}),
        ({"auth": "basic", "username": "ann", "secret": "p:w"}, basic("ann:p:w")),
        ({"auth": "hmac", "preset": "stripe", "secret": "s3cret"}, signed("stripe")),
        ({"auth": "hmac", "preset": "custom", "secret": "s3cret", "signature_header": "X-Signature"}, signed("custom")),
    ],
)
def test_callers_who_may_call(values, headers) -> None:
    verify(config(**values), headers, BODY, NOW)
    check(config(**values))


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({"auth": "header", "secret": "s"}, {}),
        ({"auth": "header", "secret": "s"}, {"X-Webhook-Secret": "t"}),
        ({"auth": "header", "secret": ""}, {"X-Webhook-Secret": ""}),
        ({"auth": "header", "secret": {"$secret": "sealed"}}, {"X-Webhook-Secret": "sealed"}),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, {}),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, basic("ann:no")),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, basic("bob:pw")),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, {"Authorization": "Basic \udcff!"}),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, {"Authorization": "Basic /w=="}),
        ({"auth": "basic", "username": "ann", "secret": "pw"}, {"Authorization": "Bearer ann:pw"}),
        ({"auth": "hmac", "preset": "github", "secret": ""}, signed("github", "")),
        ({"auth": "hmac", "preset": "github", "secret": "other"}, signed("github")),
    ],
)
def test_everyone_else_is_refused(values, headers) -> None:
    with pytest.raises(UnauthenticatedError):
        verify(config(**values), headers, BODY, NOW)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"auth": "header"}, "secret"),
        ({"auth": "basic", "secret": "s"}, "username"),
        ({"auth": "hmac"}, "secret"),
        ({"auth": "hmac", "preset": "standard_webhooks", "secret": "whsec_!"}, "secret"),
    ],
)
def test_what_is_missing_is_said_before_saving(values, path) -> None:
    with pytest.raises(InvalidError) as caught:
        check(config(**values))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_stored_secrets_pass_the_check() -> None:
    check(config(auth="hmac", preset="standard_webhooks", secret={"$secret": "token"}))
    check(config(auth="hmac", preset="standard_webhooks", secret=WHSEC))


@pytest.mark.parametrize(
    "values", [{"methods": []}, {"methods": ["BREW"]}, {"key": "a/b"}, {"auth": "magic"}, {"port": 1}]
)
def test_wrong_configs_are_refused(values) -> None:
    with pytest.raises(ValidationError):
        config(**values)


def test_summary_is_one_line() -> None:
    assert summary(config(methods=["POST", "PUT"], key="abc")) == "POST, PUT /hooks/abc"


def test_now_is_what_the_caller_says() -> None:
    with pytest.raises(UnauthenticatedError, match="5 minutes"):
        verify(
            config(auth="hmac", preset="stripe", secret="s3cret"),
            signed("stripe"),
            BODY,
            datetime(2030, 1, 1, tzinfo=UTC),
        )
