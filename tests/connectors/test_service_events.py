"""What triggers of services say of a delivery: whether it is theirs, whether it is wanted, what repeats it."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from flowapp.catalog import get_trigger
from flowapp.catalog.hooks import Delivery, HookParams
from flowapp.errors import UnauthenticatedError
from tests.api.public.test_service_hooks import FORM, KINDS, MESSAGE, PUBLIC, SECRETS, SMS


def of_type(kind: str, **config: object) -> HookParams:
    """The params of a trigger."""
    made = get_trigger(kind).params.model_validate(config)
    assert isinstance(made, HookParams)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_the_sample_of_a_trigger_starts_it(kind: str) -> None:
    config = of_type(kind)
    assert config.starts(get_trigger(kind).sample)
    assert config.delivery_id(get_trigger(kind).sample, {})


def test_slack_s_published_example_is_accepted_by_the_trigger() -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
        b".803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    verified("slack_event", body, headers, at=1531420618 + 299)
    for changed, moment in ((body, 301), (body, -301), (body + b" ", 0)):
        with pytest.raises(UnauthenticatedError):
            verified("slack_event", changed, headers, at=1531420618 + moment)


def verified(kind: str, body: bytes, headers: dict[str, str], at: float = 0, address: str = PUBLIC) -> None:
    """What the trigger says of a delivery: UnauthenticatedError, or nothing."""
    config = of_type(kind, secret=SECRETS[kind])
    config.verify(Delivery(headers, body, datetime.fromtimestamp(at, UTC), lambda: address))


@pytest.mark.parametrize(
    ("events", "event", "starts"),
    [
        ([], {}, True),
        (["app_mention"], {}, True),
        (["reaction_added"], {}, False),
        (["message.im"], {"type": "message", "channel_type": "im"}, True),
        (["message.channels"], {"type": "message", "channel_type": "channel"}, True),
        (["message.channels"], {"type": "message", "channel_type": "im"}, False),
        (["message"], {"type": "message", "bot_id": "B1"}, False),
        ([], {"type": "message", "subtype": "message_changed"}, False),
        ([], {"type": "message", "subtype": "file_share"}, True),
    ],
)
def test_events_of_slack_that_were_chosen(events, event, starts) -> None:
    data = {"type": "event_callback", "event": {**MESSAGE, **event}}
    assert of_type("slack_event", events=events).starts(data) is starts
    own = {"type": "event_callback", "event": {"type": "message", "bot_id": "B1"}}
    assert of_type("slack_event", only_people=False).starts(own)


@pytest.mark.parametrize("address", [f"{PUBLIC}/x", f"{PUBLIC}:443/x", "http://flow.example.com:8080/x?a=1"])
def test_twilio_signs_with_the_port_or_without_it(address: str) -> None:
    validator = RequestValidator(SECRETS["twilio_callback"])
    bare = address.replace(":443", "").replace(":8080", "")
    port = ":8080" if ":8080" in address else ":443"
    for spelled in (bare, bare.replace(".com", f".com{port}")):
        headers = {"x-twilio-signature": validator.compute_signature(spelled, SMS), "content-type": FORM}
        verified("twilio_callback", urlencode(SMS).encode(), headers, address=address)
    settings = {"x-twilio-webhooks-signature-settings": "key=k,algorithm=HMAC_SHA256"}
    strong = validator.compute_signature(address, SMS, "HMAC_SHA256")
    verified(
        "twilio_callback",
        urlencode(SMS).encode(),
        {**settings, "x-twilio-signature": strong, "content-type": FORM},
        address=address,
    )
