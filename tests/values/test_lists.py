"""Where a list is wanted, a single value is a list of one."""

from __future__ import annotations

import pytest

from flowapp.engine.language.expression import render
from flowapp.values.lists import as_list


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        ("red", ["red"]), (["red", "blue"], ["red", "blue"]), ('["red", "blue"]', ["red", "blue"]), (" [1]\n", [1]), ("[]", []), ([], []),
        ("", []), (None, []), (5, [5]), (0, [0]), (False, [False]), ({"a": 1}, [{"a": 1}]), ("[red]", ["[red]"]), ("a,b", ["a,b"]),
        ('{"a": 1}', ['{"a": 1}']), ("[" * 100_000 + "]" * 100_000, ["[" * 100_000 + "]" * 100_000]),
    ],
)  # fmt: skip
def test_a_single_value_is_a_list_of_one(value: object, entries: list[object]) -> None:
    assert as_list(value) == entries


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ input.tags|join(' and ') }}", "red"), ("{{ input.json|join(' and ') }}", "red and blue"), ("{{ input.one|map('name') }}", ["Ann"]),
        ("{{ input.amount|sum }}", 5), ("{{ input.tags|unique }}", ["red"]), ("{{ input.null|join(', ') }}", ""),
    ],
)  # fmt: skip
def test_filters_take_a_single_value(source: str, value: object) -> None:
    data = {"tags": "red", "json": '["red", "blue"]', "one": {"name": "Ann"}, "amount": "5", "null": None}
    assert render(source, {"input": data}) == value
