"""Each preset with the example of its own documentation where there is one, and with everything that can be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.errors import UnauthenticatedError
from flowapp.security.signatures import Custom, same, standard_key, verify

NOW = datetime(2025, 10, 18, 10, 30, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"a": 1}'


def mac(key: str | bytes, signed: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(key.encode() if isinstance(key, str) else key, signed, getattr(hashlib, algorithm)).digest()


def signed(preset: str, secret: str = "s3cret", body: bytes = BODY, stamp: str = STAMP) -> dict[str, str]:
    at = stamp.encode()
    if preset == "github":
        return {"X-Hub-Signature-256": "sha256=" + mac(secret, body).hex()}
    if preset == "stripe":
        return {"Stripe-Signature": f"t={stamp},v1={mac(secret, at + b'.' + body).hex()},v0=old"}
    if preset == "slack":
        value = "v0=" + mac(secret, b"v0:" + at + b":" + body).hex()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": value}
    if preset == "standard_webhooks":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        value = base64.b64encode(mac(key, b"msg_1." + at + b"." + body)).decode()
        return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1a,other v1,{value}"}
    return {"X-Signature": mac(secret, body).hex()}


WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
PRESETS = [
    ("github", "s3cret"),
    ("stripe", "s3crét"),
    ("slack", "s3cret"),
    ("standard_webhooks", WHSEC),
    ("custom", "s"),
]


@pytest.mark.parametrize(("preset", "secret"), PRESETS)
def test_a_right_signature_is_accepted_whatever_the_case_of_the_header(preset, secret) -> None:
    headers = {name.upper(): value for name, value in signed(preset, secret).items()}
    verify(preset, secret, headers, BODY, now=NOW)


@pytest.mark.parametrize(("preset", "secret"), PRESETS)
def test_another_body_secret_or_none_is_refused(preset, secret) -> None:
    headers = signed(preset, secret)
    other = WHSEC[:-4] + "AAAA" if preset == "standard_webhooks" else "other"
    for wrong in (
        (secret, headers, BODY + b" "),
        (other, headers, BODY),
        (secret, {}, BODY),
        ("", headers, BODY),
        (secret, signed(preset, secret, b"x"), BODY),
    ):
        with pytest.raises(UnauthenticatedError):
            verify(preset, *wrong, now=NOW)


@pytest.mark.parametrize(("preset", "secret"), [p for p in PRESETS if p[0] in ("stripe", "slack", "standard_webhooks")])
@pytest.mark.parametrize(("offset", "accepted"), [(299, True), (-299, True), (301, False), (-301, False)])
def test_old_and_future_deliveries_are_refused(preset, secret, offset, accepted) -> None:
    headers = signed(preset, secret)
    now = NOW + timedelta(seconds=offset)
    if accepted:
        verify(preset, secret, headers, BODY, now=now)
    else:
        with pytest.raises(UnauthenticatedError, match="5 minutes"):
            verify(preset, secret, headers, BODY, now=now)


def test_githubs_own_example() -> None:
    headers = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    verify("github", "It's a Secret to Everybody", headers, b"Hello, World!", now=NOW)


def test_slacks_own_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    verify("slack", "8f742231b10e8888abcd99yyyzzz85a5", headers, body, now=datetime.fromtimestamp(1531420618, UTC))


def test_the_example_of_standard_webhooks() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify(
        "standard_webhooks",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers,
        b'{"test": 2432232314}',
        now=datetime.fromtimestamp(1614265330, UTC),
    )


def test_stripe_may_send_several_signatures_while_a_secret_is_rolled() -> None:
    right = signed("stripe")["Stripe-Signature"].split(",")[1]
    verify("stripe", "s3cret", {"Stripe-Signature": f"t={STAMP}, v1={'0' * 64}, {right}"}, BODY, now=NOW)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_senders_of_another_kind(algorithm, encoding) -> None:
    digest = mac("k", BODY, algorithm)
    value = digest.hex().upper() if encoding == "hex" else base64.b64encode(digest).decode()
    custom = Custom("X-Shop-Hmac", algorithm, encoding, "sig=")
    verify("custom", "k", {"x-shop-hmac": f" sig={value} "}, BODY, now=NOW, custom=custom)
    with pytest.raises(UnauthenticatedError):
        verify("custom", "k", {"x-shop-hmac": value}, BODY, now=NOW, custom=custom)


def test_a_secret_that_is_no_standard_webhooks_secret_accepts_nothing() -> None:
    assert standard_key(WHSEC) == b"0123456789abcdef01234567"
    assert standard_key("whsec_") is None
    with pytest.raises(UnauthenticatedError, match="not a Standard Webhooks secret"):
        verify("standard_webhooks", "whsec_é", signed("standard_webhooks", WHSEC), BODY, now=NOW)


HOSTILE = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    [
        "",
        "t=,v1=",
        "t=1,t=2",
        "v1,",
        "sha256=",
        "²",
        "-1",
        "1e9",
        "9" * 400,
        "\udc80",
        "=,=,=",
        "v1,\udcff",
        "t=" + STAMP,
    ]
)


@given(
    preset=st.sampled_from(PRESETS),
    names=st.lists(HOSTILE, max_size=3),
    values=st.lists(HOSTILE, min_size=7, max_size=7),
    body=st.binary(max_size=40),
)
def test_whatever_arrives_is_refused_and_nothing_else_is_raised(preset, names, values, body) -> None:
    known = [
        "x-hub-signature-256", "stripe-signature", "x-slack-signature", "webhook-id", "webhook-signature", "x-signature",
    ]  # fmt: skip
    headers = dict(zip([*known, *names], values, strict=False))
    for stamp in (STAMP, values[-1]):
        headers |= {"x-slack-request-timestamp": stamp, "webhook-timestamp": stamp}
        with pytest.raises(UnauthenticatedError):
            verify(preset[0], preset[1], headers, body, now=NOW)


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_same_is_equality_for_any_text(left, right) -> None:
    assert same(left, right) == (left == right)
    assert same(left, left)
