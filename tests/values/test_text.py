"""When two texts are the same to a person."""

from __future__ import annotations

import pytest

from flowapp.engine.language.expression import render
from flowapp.values.text import address_key, folded, identity, is_address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Élodie", "ÉLODIE"),
        ("e\u0301lodie", "ÉLODIE"),
        ("Бьёрн", "БЬЁРН"),
        ("Straße", "STRASSE"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("Åse", "A\u030aSE"),
    ],
)
def test_case_and_composition_do_not_tell_texts_apart(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert folded(folded(one)) == folded(one)


def test_accents_tell_texts_apart() -> None:
    assert folded("pêche") != folded("peche")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", True),
        (" Ann@Example.COM ", True),
        ("ann@localhost", False),
        ("@example.com", False),
        ("a b@example.com", False),
        ("Ann", False),
    ],
)
def test_what_looks_like_an_address(text: str, address: bool) -> None:
    assert is_address(text) is address


def test_addresses_are_the_same_in_any_case_and_other_texts_are_not() -> None:
    assert identity("Ann@Example.COM ") == identity("ann@example.com")
    assert identity("Ann") != identity("ann")
    assert address_key("ANN.É@EXAMPLE.com") == "ann.É@example.com"
    emails = {"input": {"list": ["ann@x.io", "ANN@x.io", "Ann", "ann"], "people": [{"e": "a@x.io"}, {"e": "A@X.io"}]}}
    assert render("{{ input.list|unique }}", emails) == ["ann@x.io", "Ann", "ann"]
    assert render("{{ input.people|unique('e')|length }}", emails) == 1
