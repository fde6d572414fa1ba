"""transform_data: text, split and join."""

from __future__ import annotations

import pytest


def change(run, value, way, **params):
    operation = {"op": "text", "text": way, "field": "v", **params}
    return run("transform_data", {"data": {"v": value}}, data="{{ input.data }}", operations=[operation]).result["v"]


@pytest.mark.parametrize(
    ("value", "way", "params", "result"),
    [
        ("été", "upper", {}, "ÉTÉ"),
        ("ÉTÉ", "lower", {}, "été"),
        ("jean-luc o'neil", "title", {}, "Jean-Luc O'neil"),
        (" \u00a0a  b\n", "trim", {}, "a  b"),
        (" a \n\t b ", "squeeze", {}, "a b"),
        ("a-b-c", "replace", {"find": "-", "replacement": "+"}, "a+b+c"),
        ("a\nb", "replace", {"find": "\\n", "replacement": "\\s"}, "a b"),
        ("C:\\new", "replace", {"find": "C:\\new", "replacement": "D"}, "D"),
        ("a.b", "replace", {"find": ".", "replacement": ""}, "ab"),
        ("2025-10-18", "replace_pattern", {"find": r"(\d+)-(\d+)-(\d+)", "replacement": "$3/$2/$1"}, "18/10/2025"),
        ("a1b22", "replace_pattern", {"find": r"\d+", "replacement": "<$0>$$"}, "a<1>$b<22>$"),
        ("abxd", "replace_pattern", {"find": "x*", "replacement": "-"}, "-a-b--d-"),
        ("Order 42 of 43", "extract", {"find": r"order (\d+)"}, None),
        ("Order 42 of 43", "extract", {"find": r"(?i)order (\d+)"}, "42"),
        ("Order 42 of 43", "extract", {"find": r"\d+"}, "42"),
        ("a=1, b=2", "extract_all", {"find": r"(\w)=\d"}, ["a", "b"]),
        ("", "extract_all", {"find": "a"}, []),
        (42, "pad", {"length": 5, "fill": "0"}, "00042"),
        ("ab", "pad", {"length": 7, "fill": "xyz", "side": "end"}, "abxyzxy"),
        ("abc", "pad", {"length": 2}, "abc"),
        ("ab", "pad", {"length": "{{ 1 + 2 }}"}, " ab"),
        ("Bonjour", "truncate", {"length": 4}, "Bon…"),
        ("Bonjour", "truncate", {"length": 7}, "Bonjour"),
        ("Bonjour", "truncate", {"length": 0}, ""),
        ("Été à Paris : l'Œuvre !", "slug", {}, "ete-a-paris-l-oeuvre"),
        ("日本", "slug", {}, ""),
        ("Crème brûlée, Straße", "strip_accents", {}, "Creme brulee, Strasse"),
        ("한글 ñ", "strip_accents", {}, "한글 n"),
        (True, "upper", {}, "TRUE"),
        (None, "upper", {}, None),
        ("", "title", {}, ""),
    ],
)
def test_text(run, value, way, params, result) -> None:
    assert change(run, value, way, **params) == result


def test_a_field_of_each_record_into_another_one(run) -> None:
    data = [{"a": {"b": "x"}}, {"a": {}}, {"a": {"b": None}}]
    operation = {"op": "text", "text": "upper", "field": "a.b", "to": "c"}
    result = run("transform_data", data, operations=[operation]).result
    assert result == [{"a": {"b": "x"}, "c": "X"}, {"a": {}}, {"a": {"b": None}}]
    assert "c" not in data[0]


def test_a_path_leads_through_lists(run) -> None:
    data = {"rows": [{"n": "a"}, {"n": "b"}], "tags": ["x", "y"]}
    operations = [{"op": "text", "field": "rows.1.n"}, {"op": "text", "field": "tags.0"}]
    result = run("transform_data", data, operations=operations).result
    assert result == {"rows": [{"n": "a"}, {"n": "B"}], "tags": ["X", "y"]}
    assert data["rows"][1] == {"n": "b"}


def test_without_a_field_the_value_or_each_entry_is_changed(run) -> None:
    assert run("transform_data", "ab", operations=[{"op": "text"}]).result == "AB"
    assert run("transform_data", ["ab", None, 3], operations=[{"op": "text"}]).result == ["AB", None, "3"]
    assert run("transform_data", [], operations=[{"op": "text"}]).result == []


def test_expressions_see_the_record(run) -> None:
    data = [{"t": "a-b", "by": "+"}, {"t": "c-d", "by": "*"}]
    operation = {"op": "text", "text": "replace", "field": "t", "find": "-", "replacement": "{{ item.by }}{{ index }}"}
    assert [r["t"] for r in run("transform_data", data, operations=[operation]).result] == ["a+0b", "c*1d"]


@pytest.mark.parametrize(
    ("data", "params", "result"),
    [
        (["a", 1, None, True], {"separator": ",\\s"}, "a, 1, , true"),
        ([], {}, ""),
        ({"l": ["a", "b"]}, {"field": "l", "to": "t", "separator": "\\n"}, {"l": ["a", "b"], "t": "a\nb"}),
        ([{"l": ["a", "b"]}, {"l": None}], {"field": "l"}, [{"l": "a,b"}, {"l": None}]),
    ],
)
def test_join(run, data, params, result) -> None:
    assert run("transform_data", data, operations=[{"op": "join", **params}]).result == result


def test_split_at_tabs_and_spaces(run) -> None:
    assert run("transform_data", "a\tb c", operations=[{"op": "split", "separator": "\\t"}]).result == ["a", "b c"]
    assert run("transform_data", "a b", operations=[{"op": "split", "separator": "\\s"}]).result == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "operation", "told"),
    [
        (
            [{"v": "a"}, {"v": ["b"]}],
            {"field": "v"},
            "Operation 1 (text): item 2, field “v”: This needs text, not a list",
        ),
        ({"v": {}}, {"field": "v"}, "Operation 1 (text): field “v”: This needs text, not an object"),
        ([1, {}], {}, "item 2: This needs text, not an object. Enter the field"),
        (["a"], {"field": "v"}, "item 1, field “v”: This is not a record"),
        ("a", {"text": "replace"}, "needs find"),
        ("a", {"text": "extract", "find": "("}, "“(” without “)”"),
        ("a", {"text": "extract", "find": "{{ '(' }}"}, "“(” without “)”"),
        ("a", {"text": "replace_pattern", "find": "a", "replacement": "$1"}, "no group 1"),
        ("a", {"text": "pad", "length": "many"}, "length: “many” is not a number"),
        ("a", {"text": "pad", "length": 10**9}, "whole number from 0 to 1,000,000"),
        ("a", {"text": "truncate", "length": -1}, "whole number from 0"),
        ("a" * 20_001, {"text": "extract", "find": "b"}, "too long for a pattern"),
        ("a" * 20_000, {"text": "extract", "find": "a{400}b"}, "processes too much data"),
        ("a" * 100_000, {"text": "replace", "find": "a", "replacement": "b" * 1000}, "too much data"),
        ("a", {"text": "shout"}, "operations.0.text"),
    ],
)
def test_what_cannot_be_done_is_said(refused, data, operation, told) -> None:
    error = refused("transform_data", data, operations=[{"op": "text", **operation}])
    assert error.permanent
    assert told in error.message


def test_join_needs_a_list(refused) -> None:
    assert "This needs a list" in refused("transform_data", "ab", operations=[{"op": "join"}]).message
