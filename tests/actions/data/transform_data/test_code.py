"""transform_data: base64, hashes, JSON and CSV."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.actions.data.transform_data.base import Work
from flowapp.actions.data.transform_data.code import BASE64
from flowapp.actions.data.transform_data.notations import CSV, JSON
from flowapp.actions.data.transform_data.operation import Operation


def change(run, value, op, **params):
    key = {"hmac_key": params.pop("key")} if "key" in params else {}
    operation = {"op": op, **params}
    return run("transform_data", {"data": value}, data="{{ input.data }}", operations=[operation], **key).result


@pytest.mark.parametrize(
    ("value", "op", "params", "result"),
    [
        ("Été", "base64", {}, "w4l0w6k="),
        ("w4l0w6k=", "base64", {"coding": "decode"}, "Été"),
        ("w4l0\n w6k", "base64", {"coding": "decode"}, "Été"),
        ("_-7_", "base64", {"coding": "encode"}, "Xy03Xw=="),
        ("Pz8_", "base64", {"coding": "decode"}, "???"),
        ("", "base64", {"coding": "decode"}, ""),
        (["a", None], "base64", {}, ["YQ==", None]),
        ("abc", "hash", {}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("abc", "hash", {"algorithm": "sha1"}, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("", "hash", {"algorithm": "md5"}, "d41d8cd98f00b204e9800998ecf8427e"),
        # RFC 4231, test case 2
        (
            "what do ya want for nothing?", "hash", {"algorithm": "hmac_sha256", "key": "Jefe"},
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ('{"a": [1, 2.5, null, "é"]}', "json", {}, {"a": [1, 2.5, None, "é"]}),
        ("\ufeff[]", "json", {}, []),
        (["a", 1], "json", {"way": "format"}, '["a", 1]'),
        ({"é": None}, "json", {"way": "format", "pretty": True}, '{\n  "é": null\n}'),
        ([{"j": "[1]"}, {"j": None}, {}], "json", {"field": "j"}, [{"j": [1]}, {"j": None}, {}]),
        ({"j": {"a": 1}}, "json", {"way": "format", "field": "j", "to": "t"}, {"j": {"a": 1}, "t": '{"a": 1}'}),
        ("a,b\r\n1,2.50\r\n", "csv", {}, [{"a": "1", "b": "2.50"}]),
        ('\ufeffnom;prix\n"Été; Paris";1 234,50\n\n', "csv", {"separator": ";"}, [{"nom": "Été; Paris", "prix": "1 234,50"}]),
        ("a\tb", "csv", {"separator": "\\t", "header": False}, [["a", "b"]]),
        ('a,b\n"x ""y""\nz",', "csv", {}, [{"a": 'x "y"\nz', "b": ""}]),
        ("a,,a\n1,2,3", "csv", {}, [{"a": "1", "column 2": "2", "a 3": "3"}]),
        ("a,b\n1\n1,2,\n", "csv", {}, [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]),
        ("", "csv", {}, []),
        ("a,b", "csv", {}, []),
        ([{"a": 1, "b": True}, {"b": None, "c": [1]}], "csv", {"way": "format"}, "a,b,c\r\n1,true,\r\n,,[1]\r\n"),
        ([["x;y", 0.1]], "csv", {"way": "format", "separator": ";"}, '"x;y";0.1\r\n'),
        ([{"a": 1}], "csv", {"way": "format", "header": False, "quoting": "all"}, '"1"\r\n'),
        ({"a": "é"}, "csv", {"way": "format"}, "a\r\né\r\n"),
        ([], "csv", {"way": "format"}, ""),
    ],
)  # fmt: skip
def test_notations(run, value, op, params, result) -> None:
    assert change(run, value, op, **params) == result


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_base64_comes_back(text) -> None:
    work, operation = Work(ctx=None), Operation(op="base64")
    coded = BASE64.conversions["encode"].change(text, operation, work)
    assert BASE64.conversions["decode"].change(coded, operation, work) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(VALUES, st.booleans())
def test_json_comes_back(value, pretty) -> None:
    work, operation = Work(ctx=None), Operation(op="json", pretty=pretty)
    text = JSON.conversions["format"].change(value, operation, work)
    assert json.dumps(JSON.conversions["parse"].change(text, operation, work)) == json.dumps(value)


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.lists(st.text("abcé;,\"' x", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=4, unique=True)


@given(st.data(), NAMES, st.sampled_from([",", ";", "\\t"]), st.sampled_from(["needed", "all"]))
def test_csv_comes_back(data, names, separator, quoting) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=4))
    work, operation = Work(ctx=None), Operation(op="csv", separator=separator, quoting=quoting)
    text = CSV.conversions["format"].change(rows, operation, work)
    assert CSV.conversions["parse"].change(text, operation, work) == rows


@pytest.mark.parametrize(
    ("value", "operation", "told"),
    [
        ("a", {"op": "base64", "coding": "decode"}, "This is not base64"),
        ("a*b=", {"op": "base64", "coding": "decode"}, "This is not base64"),
        ("é", {"op": "base64", "coding": "decode"}, "This is not base64"),
        ("/w==", {"op": "base64", "coding": "decode"}, "not text (UTF-8)"),
        ({"a": 1}, {"op": "hash"}, "This needs text, not an object. Enter the field"),
        ("a", {"op": "hash", "algorithm": "hmac_sha1"}, "HMAC needs a key"),
        ("{", {"op": "json"}, "This text is not valid JSON"),
        ("NaN", {"op": "json"}, "NaN is not a JSON number"),
        ("1e999", {"op": "json"}, "1e999 is not a JSON number"),
        ('"\\ud800"', {"op": "json"}, "half a character"),
        ("[" * 100_000, {"op": "json"}, "nested too deeply"),
        ({"a": 1}, {"op": "json"}, "already data"),
        ("1" * 5000, {"op": "json"}, "not valid JSON"),
        ([{"t": "{}"}, {"t": "x"}], {"op": "json", "field": "t"}, "Operation 1 (json): item 2, field “t”: This text"),
        ('a\n"x', {"op": "csv"}, "row 2: this is not valid CSV"),
        ("a\n1,2", {"op": "csv"}, "row 2: it has 2 values, but there are 1 columns"),
        ("a", {"op": "csv", "separator": "::"}, "one character"),
        ("a", {"op": "csv", "separator": '"'}, "one character"),
        ([1], {"op": "csv"}, "Only text can be parsed as CSV"),
        ([{"a": 1}, [2]], {"op": "csv", "way": "format"}, "row 2: CSV needs either records"),
        ([1], {"op": "csv", "way": "format"}, "row 1: CSV needs either records"),
        ("a," * 600_000, {"op": "csv"}, "too much data"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(refused, value, operation, told) -> None:
    error = refused("transform_data", {"data": value}, data="{{ input.data }}", operations=[operation])
    assert error.permanent
    assert told in error.message
