"""transform_data: numbers."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.actions.data.transform_data.numbers import rounded
from flowapp.values.conventions import Conventions


def change(run, value, way, **params):
    operation = {"op": "number", "number": way, **params}
    return run("transform_data", {"data": value}, data="{{ input.data }}", operations=[operation]).result


@pytest.mark.parametrize(
    ("text", "notation", "number"),
    [
        ("1 234,50 €", "fr", 1234.5),
        ("1\u202f234,50\u00a0€", "fr", 1234.5),
        ("1 234,50 €", "en", 1234.5),
        ("$1,234.50", "en", 1234.5),
        ("1.234,50", "en", 1234.5),
        ("1,234.50", "fr", 1234.5),
        ("1,234", "en", 1234),
        ("1,234", "fr", 1.234),
        ("1.234", "en", 1.234),
        ("1.234", "fr", 1234),
        ("0,125", "en", 0.125),
        ("1.234.567", "en", 1234567),
        ("1,234,567", "fr", 1234567),
        ("12'345.60 CHF", "en", 12345.6),
        ("EUR 10", "en", 10),
        ("-5", "en", -5),
        ("\u22125,5", "fr", -5.5),
        ("+7", "en", 7),
        (",5", "fr", 0.5),
        ("12,5 %", "fr", 0.125),
        ("007", "en", 7),
        (3.25, "en", 3.25),
        ("99999999999999999999", "en", 99999999999999999999),
    ],
)
def test_parse(run, text, notation, number) -> None:
    found = change(run, text, "parse", notation=notation)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    ("value", "way", "params", "result"),
    [
        (2.5, "round", {}, 3),
        (-2.5, "round", {}, -3),
        (1.005, "round", {"decimals": 2}, 1.01),
        ("2.675", "round", {"decimals": "2"}, 2.68),
        (1250, "round", {"decimals": -2}, 1300),
        (1e250, "round", {"decimals": 2}, int(Decimal("1e250"))),
        (1234.5, "format", {}, "1,234.5"),
        (1234.5, "format", {"decimals": 2}, "1,234.50"),
        (1234.5, "format", {"decimals": 2, "notation": "fr"}, "1\u202f234,50"),
        (1234.565, "format", {"currency": "EUR", "notation": "fr"}, "1\u202f234,57\u00a0€"),
        (1234.5, "format", {"currency": "usd"}, "$1,234.50"),
        (-3, "format", {"currency": "EUR"}, "-€3.00"),
        (1234.5, "format", {"currency": "JPY"}, "¥1,235"),
        (0, "format", {"decimals": 0}, "0"),
        (0.125, "percent", {}, "12.5%"),
        (0.125, "percent", {"decimals": 0, "notation": "fr"}, "13\u00a0%"),
        (12, "percent", {}, "1,200%"),
        (5, "between", {"minimum": 0, "maximum": 3}, 3),
        (-5, "between", {"minimum": 0}, 0),
        ("2", "between", {"maximum": "{{ 1 + 2 }}"}, 2),
        ([1, None, 9], "between", {"maximum": 5}, [1, None, 5]),
    ],
)
def test_numbers(run, value, way, params, result) -> None:
    found = change(run, value, way, **params)
    assert found == result
    assert type(found) is type(result)


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(-3, 6))
def test_rounding_is_at_most_half_a_unit_off(number, places) -> None:
    assert abs(rounded(number, places) - number) <= Decimal(1).scaleb(-places) / 2


@given(st.decimals(-(10**12), 10**12, places=2), st.sampled_from(["en", "fr"]), st.sampled_from(["", "EUR"]))
def test_what_is_written_is_read_again(number, notation, currency) -> None:
    from flowapp.actions.data.transform_data.base import Work
    from flowapp.actions.data.transform_data.numbers import NUMBER
    from flowapp.actions.data.transform_data.operation import Operation

    operation = Operation(op="number", field="", number="format", decimals=2, currency=currency, notation=notation)
    work = Work(ctx=SimpleNamespace(conventions=Conventions))
    text = NUMBER.conversions["format"].change(str(number), operation, work)
    assert NUMBER.conversions["parse"].change(text, operation, work) == float(number)


@pytest.mark.parametrize(
    ("value", "params", "told"),
    [
        ("abc", {}, "“abc” is not a number. Enter for example"),
        ("", {}, "is not a number"),
        ("1,2,3", {}, "is not a number"),
        ("1.2.3,4", {}, "is not a number"),
        ("12 34 abc", {}, "is not a number"),
        ("1" * 200, {}, "is not a number"),
        (True, {}, "is not a number"),
        ([[1]], {}, "item 1: “[1]” is not a number"),
        ("x", {"number": "round"}, "Operation 1 (number): “x” is not a number"),
        ("1e999999999", {"number": "round"}, "is not a number"),
        (1, {"number": "round", "decimals": 99}, "decimals must be a whole number"),
        (1, {"number": "format", "currency": "euros"}, "three letters"),
        (1, {"number": "between", "minimum": 2, "maximum": 1}, "larger than the maximum"),
    ],
)
def test_what_cannot_be_done_is_said(refused, value, params, told) -> None:
    error = refused("transform_data", {"data": value}, data="{{ input.data }}", operations=[{"op": "number", **params}])
    assert error.permanent
    assert told in error.message


def test_the_record_and_field_are_named(refused) -> None:
    error = refused("transform_data", [{"n": "1"}, {"n": "x"}], operations=[{"op": "number", "field": "n"}])
    assert error.message.startswith("Operation 1 (number): item 2, field “n”: “x” is not a number.")


def test_a_huge_exponent_is_refused_at_once(refused) -> None:
    error = refused("transform_data", ["1e999999999"], operations=[{"op": "aggregate"}])
    assert "is not a number" in error.message
