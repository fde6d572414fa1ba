"""What is taken for a secret, and what is not; looking for it takes no longer than the text is long."""

from __future__ import annotations

import pytest

from flowapp.logs import MASK, is_secret_name, mask, mask_text
from tests.support.cost import processor_seconds


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "X-Api-Key",
        "apiKey",
        "APIKey",
        "clientSecret",
        "PASSWORD",
        "user_password",
        "accessToken",
        "access-token",
        "api_key",
        "mot_de_passe",
        "motDePasse",
        "Set-Cookie",
        "X-Webhook-Secret",
        "webhook-signature",
        "privateKey",
        "AWSSecretAccessKey",
        "X-Auth-Key",
        "pwd",
        "credentials",
        "pass",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "passenger_name",
        "secretary",
        "author",
        "monkey",
        "keyboard",
        "tokenize",
        "compass",
        "key",
        "primary_key",
        "name",
        "pin",
        "bypass",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


LINK = "https://flow.example/{}/" + "A1b_-." * 8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x/?access_token=abc&b=1", f"https://x/?access_token={MASK}&b=1"),
        ('{"token": "abc", "b": 1}', f'{{"token": "{MASK}", "b": 1}}'),
        ('"{\\"token\\": \\"abc\\"}"', f'"{{\\"token\\": \\"{MASK}\\"}}"'),
        ("Password : hunter2", f"Password : {MASK}"),
        ("Bearer abcdefgh1", MASK),
        ("at http://ann:pw@host/x", f"at http://{MASK}@host/x"),
        ("key sk_live_1234567890ab", f"key {MASK}"),
        (f"Approve: {LINK.format('approvals')}?decision=approved", f"Approve: https://flow.example/approvals/{MASK}?decision=approved"),
        (LINK.format("resume"), f"https://flow.example/resume/{MASK}"),
        (f"Join {LINK.format('invite')}", f"Join https://flow.example/invite/{MASK}"),
        ("the token is here, passengers: two; compass: north", None),
        ("/approvals/01a229aa864077d0/3 and /approvals", None),
    ],
)  # fmt: skip
def test_texts(text: str, shown: str | None) -> None:
    assert mask_text(text) == (text if shown is None else shown)


def test_values() -> None:
    given = {"a": [{"secret": "x"}], "tokens": 5, "passwords": ["p", None], "token": {"type": "x"}, "none": {"pwd": ""}}
    assert mask(given) == {
        "a": [{"secret": MASK}], "tokens": 5, "passwords": [MASK, None], "token": {"type": "x"}, "none": {"pwd": ""},
    }  # fmt: skip
    assert mask(mask(given)) == mask(given)


HOSTILE = ["token", "token ", "token: ", "pass", "/approvals/", "://", "://a", "sk_", "bearer ", "a", " ", "token\t\t"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_takes_no_longer_than_it_is_long(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece)) + "=x@"
        return processor_seconds(lambda: mask_text(text))

    long = seconds(400_000)
    assert long < 5
    assert long <= 2.5 * seconds(200_000) + 0.05
