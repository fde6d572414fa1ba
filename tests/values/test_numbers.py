"""Numbers as people and programs write them (tests/corpus/numbers.toml), read the same wherever they come in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.errors import UnreadableError
from flowapp.values.conventions import LOCALES, babel_locale
from flowapp.values.numbers import number_text, plain_number, read_number
from tests.corpus import rows

NUMBERS = rows("numbers")


@pytest.mark.parametrize(("text", "locale", "value"), [row for row in NUMBERS if row[2] and "|" not in row[2]])
def test_a_number_is_read(text: str, locale: str, value: str) -> None:
    assert read_number(text, locale) == Decimal(value)


@pytest.mark.parametrize(("text", "locale", "value"), [row for row in NUMBERS if "|" in row[2]])
def test_two_readings_are_refused_and_named(text: str, locale: str, value: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_number(text, locale)
    one, other = value.split("|")
    assert f"may mean {one} or {other}" in caught.value.reason
    assert "Settings, Organization" in caught.value.reason


@pytest.mark.parametrize("text", [row[0] for row in NUMBERS if not row[2]])
@pytest.mark.parametrize("locale", ["", "en-US", "fr-FR", "de-DE"])
def test_what_is_no_number_is_refused_whatever_the_locale(text: str, locale: str) -> None:
    with pytest.raises(UnreadableError, match="is not a number"):
        read_number(text, locale)


@pytest.mark.parametrize(
    ("text", "better"), [("1_000", "1000"), ("\u0663", "3"), ("\uff11\uff12,5", None), ("\uff11\uff12", "12")]
)
def test_a_refusal_names_what_was_probably_meant(text: str, better: str | None) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_number(text)
    assert caught.value.reason.endswith(f"Did you mean {better}?" if better else "Enter for example 1234.50.")


@pytest.mark.parametrize("value", [True, None, [1], {}, float("nan"), float("inf")])
def test_what_is_neither_text_nor_number_is_refused(value: object) -> None:
    with pytest.raises(UnreadableError, match="Enter a number"):
        read_number(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("50", 50),
        (" -1.5 ", -1.5),
        ("1e3", 1000),
        ("1,5", None),
        ("1_000", None),
        ("\u0663", None),
        ("99 €", None),
        (True, None),
    ],
)
def test_plain_notation_is_that_of_programs(value: object, number: float | None) -> None:
    assert plain_number(value) == number


def test_numbers_of_programs_are_exact() -> None:
    assert read_number(0.1) == Decimal("0.1")
    assert read_number(10**21 + 1) == Decimal(10**21 + 1)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**10), max_value=10**10))
def test_what_is_written_for_a_box_or_file_reads_back_under_every_locale(number: Decimal) -> None:
    assert {read_number(number_text(number), locale) for locale in ("", *LOCALES)} == {number}


def test_every_locale_that_is_offered_is_known() -> None:
    assert all(babel_locale(locale) for locale in LOCALES)
    assert babel_locale("xx-YY") is None
