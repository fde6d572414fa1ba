"""transform_data: two lists become one."""

from __future__ import annotations

import pytest

PEOPLE = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}, {"name": "Eve"}, {"id": None, "name": "Tim"}]
ORDERS = [{"who": 2, "sum": 5}, {"who": 1, "sum": 7}, {"who": 2, "sum": 6}, {"who": 9, "sum": 1}, {"sum": 0}]


def merged(run, data, other, **params):
    scope = {"data": data, "other": other}
    operation = {"op": "merge", "value": "{{ input.other }}", **params}
    return run("transform_data", scope, data="{{ input.data }}", operations=[operation]).result


@pytest.mark.parametrize(
    ("how", "pairs"),
    [
        ("inner", [("Ada", 7), ("Bob", 5), ("Bob", 6)]),
        ("left", [("Ada", 7), ("Bob", 5), ("Bob", 6), ("Eve", None), ("Tim", None)]),
        ("full", [("Ada", 7), ("Bob", 5), ("Bob", 6), ("Eve", None), ("Tim", None), (None, 1), (None, 0)]),
        ("", [("Ada", 7), ("Bob", 6), ("Eve", 0), ("Tim", None)]),
    ],
)
def test_joined_by_a_field(run, how, pairs) -> None:
    found = merged(run, PEOPLE, ORDERS, how=how, field="id", other_field="who")
    assert [(record.get("name"), record.get("sum")) for record in found] == pairs


def test_the_key_may_lie_deep_and_text_is_no_number(run) -> None:
    data, other = [{"a": {"k": "x"}}, {"a": {"k": 1}}], [{"a": {"k": "x"}, "v": 1}, {"a": {"k": "1"}, "v": 2}]
    assert merged(run, data, other, how="inner", field="a.k") == [{"a": {"k": "x"}, "v": 1}]


@pytest.mark.parametrize(
    ("how", "data", "other", "result"),
    [
        ("append", [1], [{"a": 2}], [1, {"a": 2}]),
        ("position", [{"a": 1}, {"a": 2}], [{"b": 3}], [{"a": 1, "b": 3}, {"a": 2}]),
        ("position", [], [{"b": 3}], [{"b": 3}]),
        ("position", [{"a": 1}], [{"a": 2}], [{"a": 2}]),
        ("left", [], ORDERS, []),
        ("left", PEOPLE, [], PEOPLE),
        ("full", [], ORDERS, ORDERS),
        ("inner", PEOPLE, [], []),
    ],
)
def test_edges(run, how, data, other, result) -> None:
    key = {"field": "id", "other_field": "who"} if how in ("left", "inner", "full") else {}
    assert merged(run, data, other, how=how, **key) == result


@pytest.mark.parametrize(
    ("data", "other", "params", "told"),
    [
        ([1], [{"id": 1}], {"how": "left", "field": "id"}, "item 1 of the list: only records"),
        ([{"id": 1}], ["x"], {"how": "full", "field": "id"}, "item 1 of the other list: only records"),
        ([{"a": 1}, 2], [{}], {"how": "position"}, "item 2: only records"),
        ({"a": 1}, {"b": 2}, {"how": "left", "field": "a"}, "two lists or two objects"),
        ([], [], {"how": "inner"}, "needs field"),
        ([{"id": 1}] * 1000, [{"id": 1}] * 1000, {"how": "inner", "field": "id"}, "too much data"),
    ],
)
def test_what_cannot_be_done_is_said(refused, data, other, params, told) -> None:
    scope = {"data": data, "other": other}
    operation = {"op": "merge", "value": "{{ input.other }}", **params}
    error = refused("transform_data", scope, data="{{ input.data }}", operations=[operation])
    assert error.permanent
    assert told in error.message


@pytest.mark.parametrize(
    ("values", "locale", "ordered"),
    [
        (["2026-03-31T10:00:00+02:00", "2026-03-31T09:00:00Z", "2026-03-31"], "", [2, 0, 1]),
        (["1.200,50 €", "99 €", "1.000 €"], "de-DE", [1, 2, 0]),
        (["10", 9, "b", "a"], "", [1, 0, 3, 2]),
    ],
)
def test_dates_are_sorted_as_moments_and_numbers_as_the_organization_writes(run, values, locale, ordered) -> None:
    run.locale = locale
    data = [{"v": value, "at": at} for at, value in enumerate(values)]
    found = run("transform_data", data, operations=[{"op": "sort", "field": "v"}]).result
    assert [item["at"] for item in found] == ordered
