"""JSON keeps whole numbers as they are, and is orjson's in all else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp import exact_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_again(value) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value
    assert exact_json.loads(exact_json.dumps(value).decode()) == value
    assert json.loads(exact_json.dumps(value)) == value


def test_long_numbers_beside_what_only_orjson_writes() -> None:
    value = {"at": datetime(2026, 1, 2, tzinfo=UTC), 7: (10**30, [-(10**19)]), "text": "9" * 40}
    assert exact_json.dumps(value) == (
        b'{"at":"2026-01-02T00:00:00+00:00","7":[%d,[-%d]],"text":"%s"}' % (10**30, 10**19, b"9" * 40)
    )
    assert exact_json.dumps({"a": {10**30}}, default=sorted) == b'{"a":[%d]}' % 10**30


@pytest.mark.parametrize("digits", [301, 4301, 100_000])
def test_numbers_without_end_are_refused(digits) -> None:
    with pytest.raises(exact_json.LongNumberError, match="more than 300 digits"):
        exact_json.loads(b"[-" + b"7" * digits + b"]")
    with pytest.raises(exact_json.LongNumberError, match="more than 300 digits"):
        exact_json.dumps([7 * 10 ** (digits - 1)])
    assert exact_json.loads(exact_json.dumps(10**299)) == 10**299


@pytest.mark.parametrize(
    "text", ["{", "NaN", "1e999", '["\\ud800"]', '[{"a":99999999999999999999}', "[NaN, 99999999999999999999]"]
)
def test_what_is_no_json_stays_none(text) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        exact_json.loads(text)


@pytest.mark.parametrize("depth", [990, 1000, 1020])
def test_a_long_number_in_the_deep_is_read_or_refused(depth) -> None:
    text = "[" * depth + "9" * 20 + "]" * depth
    try:
        assert exact_json.loads(text)
    except ValueError as error:
        assert "nested too deeply" in str(error)


def test_a_long_number_too_deep_to_be_written_is_refused_as_any_depth_is() -> None:
    value: object = 10**30
    for _ in range(5000):
        value = [value]
    with pytest.raises(TypeError, match="ecursion"):
        exact_json.dumps([10**30, value])


def test_a_decimal_is_written_as_the_number_that_it_is() -> None:
    value = {"price": Decimal("12345678901234567.890"), "tiny": [Decimal("1E-7")], "long": 10**30}
    written = b'{"price":12345678901234567.890,"tiny":[1E-7],"long":%d}' % 10**30
    assert exact_json.dumps(value) == exact_json.dumps(value, default=str) == written
    with pytest.raises(TypeError):
        exact_json.dumps([Decimal("NaN")])
