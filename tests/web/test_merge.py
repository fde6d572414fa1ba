"""Two edits of the same thing, put together."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from flowapp.web.edits.merge import merge, same


def rows(*labels: str) -> dict[str, Any]:
    """A form with a field for each label; the first letter is its key."""
    return {"fields": [{"key": label[0], "label": label} for label in labels]}


@pytest.mark.parametrize(
    ("seen", "mine", "theirs", "merged"),
    [
        (rows("a", "b"), rows("a1", "b"), rows("a", "b2"), rows("a1", "b2")),
        (rows("a", "b"), rows("a", "b", "c"), rows("a", "d", "b"), rows("a", "d", "b", "c")),
        (rows("a", "b"), rows("a"), rows("a2", "b"), rows("a2")),
        (rows("a", "b"), rows("a", "b"), rows("b"), rows("b")),
        (rows("a", "b", "c"), rows("c", "a", "b"), rows("a", "b", "c", "d"), rows("c", "d", "a", "b")),
        (rows("a", "b", "c"), rows("a", "b", "c9"), rows("c", "a", "b"), rows("c9", "a", "b")),
    ],
    ids=["cells of two rows", "rows added by both", "removed here", "removed there", "moved here", "moved there"],
)
def test_rows_are_merged(seen: Any, mine: Any, theirs: Any, merged: Any) -> None:
    found = merge(seen, mine, theirs)
    assert (found.value, found.conflicts) == (merged, [])


@pytest.mark.parametrize(
    ("mine", "theirs", "path", "kept"),
    [
        (rows("a1", "b"), rows("a2", "b"), ("fields", "a", "label"), rows("a1", "b")),
        (rows("b"), rows("a2", "b"), ("fields", "a"), rows("b")),
        (rows("a1", "b"), rows("b"), ("fields", "a"), rows("b", "a1")),
    ],
    ids=["both changed", "removed here, changed there", "changed here, removed there"],
)
def test_what_both_changed_is_asked_about(mine: Any, theirs: Any, path: tuple[str, ...], kept: Any) -> None:
    found = merge(rows("a", "b"), mine, theirs)
    assert [conflict.path for conflict in found.conflicts] == [path]
    assert sorted(row["label"] for row in found.value["fields"]) == sorted(row["label"] for row in kept["fields"])  # type: ignore[attr-defined]


def test_a_new_row_has_no_key_yet() -> None:
    new = {"key": "", "label": "New"}
    mine = {"fields": [*rows("a")["fields"], new]}
    assert merge(rows("a"), mine, rows("a", "b")).value["fields"] == [
        *rows("a")["fields"],
        new,
        *rows("b")["fields"],
    ]


def test_parts_are_compared_field_by_field_where_they_are_named() -> None:
    seen, mine, theirs = ({"params": {"a": a, "b": b}} for a, b in [(1, 1), (2, 1), (1, 2)])
    assert merge(seen, mine, theirs, inside=("params",)).value == {"params": {"a": 2, "b": 2}}
    assert merge(seen, mine, theirs).conflicts


def test_nobodys_change_goes_without_a_word() -> None:
    for before, here, there in product(["", "x", "y", 1, None, ["x"]], repeat=3):
        found = merge({"a": before}, {"a": here}, {"a": there})
        changed_here, changed_there = not same(here, before), not same(there, before)
        assert same(found.value["a"], here if changed_here else there)
        assert bool(found.conflicts) == (changed_here and changed_there and not same(here, there))
