"""When two texts are the same to a person."""

from __future__ import annotations

import pytest

from flowapp.engine.graph.edit import free_step_id
from flowapp.engine.language.expression import render
from flowapp.engine.language.scope import Scope
from flowapp.values.text import address_key, folded, identity, is_address
from flowapp.workflows.projects import slugify
from tests.corpus import rows


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


@pytest.mark.parametrize(("text", "name"), rows("names"))
def test_a_name_keeps_every_letter_of_what_it_is_made_of(text: str, name: str) -> None:
    assert slugify(text, 63, "column") == free_step_id({"steps": []}, text) == name  # type: ignore[typeddict-item]
    assert render("{{ input|slug }}", Scope(input=text)) == name.replace("_", "-")


def test_a_slug_of_before_is_what_it_was() -> None:
    assert [render("{{ 'Größe'|slug }}", Scope(language=language)) for language in (3, 2, 1)] == [
        "groesse",
        "groe",
        "groe",
    ]
