from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from flowapp.actions.data.transform_data.operation import KINDS, Operation
from flowapp.catalog import ui_of

ORDERS = [
    {"id": 1, "who": {"name": "Ada"}, "amount": "10.1", "tags": ["a", "b"]},
    {"id": 2, "who": {"name": "Bob"}, "amount": 20.2, "tags": []},
    {"id": 3, "who": {"name": "Ada"}, "amount": None, "tags": ["c"]},
]


def transform(run, data, *operations, **params):
    kept = copy.deepcopy(data)
    result = run(
        "transform_data", {"data": data}, data="{{ input.data }}", operations=list(operations), **params
    ).result
    assert data == kept, "what other steps see was changed"
    return result


def test_set_alone_makes_an_object(run) -> None:
    outcome = run(
        "transform_data",
        {"first": "Ada", "n": 2},
        set={"full": "{{ input.first }} L.", "twice": "{{ input.n * 2 }}", "address.city": "Paris"},
    )
    assert outcome.result == {"full": "Ada L.", "twice": 4, "address": {"city": "Paris"}}
    assert outcome.branch == "next"


def test_operations_work_on_the_input_and_set_adds(run) -> None:
    operations = [{"op": "pick", "fields": "a, b.c"}]
    outcome = run("transform_data", {"a": 1, "b": {"c": 2, "d": 3}}, operations=operations, set={"e": 5})
    assert outcome.result == {"a": 1, "b": {"c": 2}, "e": 5}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "set", "field": "c", "value": "{{ item.a }}!"}, {"a": 1, "b": {"c": ""}, "c": "1!"}),
        ({"op": "set", "values": {"b.c": "{{ item.a + 1 }}", "x.y": 1}}, {"a": 1, "b": {"c": 2}, "x": {"y": 1}}),
        ({"op": "rename", "field": "b.c", "to": "d"}, {"a": 1, "b": {}, "d": ""}),
        ({"op": "rename", "values": {"a": "z", "nothing": "n"}}, {"b": {"c": ""}, "z": 1}),
        ({"op": "pick", "fields": ["b.c", "nothing"]}, {"b": {"c": ""}}),
        ({"op": "remove", "fields": ["b.c", "a", "x.y"]}, {"b": {}}),
        ({"op": "default", "field": "b.c", "value": "{{ item.a }}"}, {"a": 1, "b": {"c": 1}}),
        ({"op": "default", "values": {"a": 9, "new": 0}}, {"a": 1, "b": {"c": ""}, "new": 0}),
        ({"op": "merge", "value": {"a": 5, "q": 6}}, {"a": 5, "b": {"c": ""}, "q": 6}),
    ],
)
def test_records(run, operation, result) -> None:
    record = {"a": 1, "b": {"c": ""}}
    assert transform(run, record, operation) == result
    if operation["op"] != "merge":
        assert transform(run, [record, record], operation) == [result, result]


@pytest.mark.parametrize(
    ("operation", "ids"),
    [
        ({"op": "filter", "conditions": {"field": "item.who.name", "operator": "==", "value": "Ada"}}, [1, 3]),
        ({"op": "filter", "conditions": {"all": [{"field": "item.amount", "operator": ">", "value": 15}]}}, [2]),
        ({"op": "filter", "conditions": {"field": "index", "operator": ">=", "value": 1}}, [2, 3]),
        ({"op": "sort", "field": "amount"}, [1, 2, 3]),
        ({"op": "sort", "field": "amount", "descending": True}, [2, 1, 3]),
        ({"op": "sort", "field": "who.name", "descending": True}, [2, 1, 3]),
        ({"op": "limit", "count": 2}, [1, 2]),
        ({"op": "limit", "count": "{{ input.data | length - 2 }}"}, [1]),
        ({"op": "limit", "count": 0}, []),
        ({"op": "dedupe", "field": "who.name"}, [1, 2]),
        ({"op": "dedupe"}, [1, 2, 3]),
    ],
)
def test_lists(run, operation, ids) -> None:
    assert [order["id"] for order in transform(run, ORDERS, operation)] == ids


def test_map_makes_a_value_of_each_item(run) -> None:
    assert transform(run, ORDERS, {"op": "map", "value": "{{ item.who.name }} {{ index }}"}) == [
        "Ada 0",
        "Bob 1",
        "Ada 2",
    ]
    assert transform(run, [1, 2], {"op": "map", "value": {"n": "{{ item }}"}}) == [{"n": 1}, {"n": 2}]


def test_sort_puts_numbers_before_text_and_what_is_missing_last(run) -> None:
    assert transform(run, ["b", "10", None, 9, "A"], {"op": "sort"}) == [9, "10", "A", "b", None]


def test_calculations_that_stand_together_see_the_same_items(run) -> None:
    operations = [{"op": "aggregate", "function": name, "field": "amount"} for name in ("avg", "min", "max", "first")]
    operations += [
        {"op": "aggregate", "field": "amount", "to": "total"},
        {"op": "aggregate", "function": "count", "to": "rows"},
        {"op": "aggregate", "function": "count", "field": "amount", "to": "paid"},
        {"op": "aggregate", "function": "last", "field": "id"},
    ]
    assert transform(run, ORDERS, *operations) == {
        "avg": 15.15, "min": 10.1, "max": 20.2, "first": "10.1", "total": 30.3, "rows": 3, "paid": 2, "last": 3,
    }  # fmt: skip


def test_very_large_whole_numbers_stay_whole(run) -> None:
    assert transform(run, [2**70, 1, 2**70], {"op": "dedupe"}, {"op": "aggregate"}) == {"sum": 2**70 + 1}


def test_calculations_over_nothing(run) -> None:
    operations = [{"op": "aggregate", "function": name} for name in ("sum", "avg", "min", "count", "last")]
    assert transform(run, [], *operations) == {"sum": 0, "avg": None, "min": None, "count": 0, "last": None}


def test_sums_have_no_rounding_noise(run) -> None:
    assert transform(run, [0.1, 0.2, "0.3"], {"op": "aggregate"}) == {"sum": 0.6}


def test_group_then_map(run) -> None:
    grouped = transform(run, ORDERS, {"op": "group", "field": "who.name"})
    assert [(g["key"], g["count"], [o["id"] for o in g["items"]]) for g in grouped] == [
        ("Ada", 2, [1, 3]),
        ("Bob", 1, [2]),
    ]
    line = {"op": "map", "value": "{{ item.key }}: {{ item.count }}"}
    assert transform(run, ORDERS, {"op": "group", "field": "who.name"}, line) == ["Ada: 2", "Bob: 1"]


def test_merge_lists_one_after_the_other_or_by_a_field(run) -> None:
    assert transform(run, [1], {"op": "merge", "value": [2, 3]}) == [1, 2, 3]
    other = [{"id": 2, "city": "Rome"}, {"id": 9, "city": "Oslo"}]
    merged = transform(run, [{"id": 1}, {"id": 2}], {"op": "merge", "field": "id", "value": other})
    assert merged == [{"id": 1}, {"id": 2, "city": "Rome"}]


def test_split_text_into_a_list(run) -> None:
    assert transform(run, "a, b,,c", {"op": "split"}) == ["a", "b", "c"]
    assert transform(run, {"t": "x;y"}, {"op": "split", "field": "t", "to": "l", "separator": ";"}) == {
        "t": "x;y",
        "l": ["x", "y"],
    }
    assert transform(run, [{"t": "x\ny"}, {}], {"op": "split", "field": "t", "separator": "\\n"}) == [
        {"t": ["x", "y"]},
        {},
    ]


def test_split_out_makes_items_of_a_list_in_a_field(run) -> None:
    found = transform(
        run, ORDERS, {"op": "pick", "fields": ["id", "tags"]}, {"op": "split_out", "field": "tags", "to": "tag"}
    )
    assert found == [{"id": 1, "tag": "a"}, {"id": 1, "tag": "b"}, {"id": 3, "tag": "c"}]


@pytest.mark.parametrize(
    ("data", "operation", "told"),
    [
        ([1], {"op": "set", "field": "a", "value": 1}, "named fields"),
        ([{"a": "much"}], {"op": "aggregate", "field": "a"}, "a: “much” is not a number"),
        ([{"a": True}], {"op": "aggregate", "field": "a"}, "not a number"),
        ([1], {"op": "limit", "count": -1}, "0 or more"),
        ([1], {"op": "limit", "count": "few"}, "not a number"),
        ([1], {"op": "merge", "value": {"a": 1}}, "two lists or two objects"),
        ([{"a": 1}], {"op": "split_out", "field": "b"}, "not in every record"),
        ([{"a": 1}], {"op": "split", "field": "a"}, "Only text"),
        ([1], {"op": "explode"}, "operations.0.op"),
        ([1], {"op": "group"}, "needs field"),
        ([1], {"op": "rename", "field": "a"}, "new name"),
        ([1], {"op": "map"}, "needs value"),
    ],
)
def test_what_cannot_be_done_is_said(run, refused, data, operation, told) -> None:
    error = refused("transform_data", {"data": data}, data="{{ input.data }}", operations=[operation])
    assert error.permanent
    assert told in error.message


def test_nothing_to_do_is_refused(refused) -> None:
    assert "add an operation" in refused("transform_data", {}).message


def test_set_needs_an_object(refused) -> None:
    assert "needs an object" in refused("transform_data", {}, data=[1], set={"a": 1}).message


def test_every_field_of_the_form_is_declared_by_an_operation_and_shown_for_it() -> None:
    fields = set(Operation.model_fields) - {"op"}
    declared = {name for kind in KINDS.values() for name in fields if kind.uses(name) or name == kind.choice}
    assert declared == fields
    for name in fields:
        shown = ui_of(Operation, name)["show_if"]
        assert set(shown["op"]) == {op for op, kind in KINDS.items() if kind.uses(name) or name == kind.choice}
        of_ways = [kind for kind in KINDS.values() if any(name in way.fields for way in kind.conversions.values())]
        assert set(shown) == {"op"} | {kind.choice for kind in of_ways}
        assert not of_ways or len(shown["op"]) == 1, "shown only where another family's select happens to fit"


@pytest.mark.parametrize("op", KINDS)
def test_every_way_can_be_written_down(op) -> None:
    """With what it needs filled in, and by its name alone in the form's select."""
    kind = KINDS[op]
    for way, declared in (kind.conversions or {"": None}).items():
        needed = {*kind.needs[:1], *(declared.needs if declared else ())}
        values = {name: {"fields": ["a"], "values": {"a": "b"}}.get(name, "1") for name in needed}
        choice = {kind.choice: way} if kind.choice else {}
        assert Operation.model_validate({"op": op, **choice, **values}).op == op
        if needed:
            with pytest.raises(ValidationError):
                Operation.model_validate({"op": op, **choice})


def test_a_single_item_is_a_list_of_one(run) -> None:
    assert transform(
        run, {"a": 1}, {"op": "filter", "conditions": {"field": "item.a", "operator": "==", "value": 1}}
    ) == [{"a": 1}]
    assert transform(run, '[{"a": 2}]', {"op": "map", "value": "{{ item.a }}"}) == [2]
    assert transform(run, [{"a": "x"}, {"a": ["y", "z"]}], {"op": "split_out", "field": "a"}) == [
        {"a": "x"},
        {"a": "y"},
        {"a": "z"},
    ]
