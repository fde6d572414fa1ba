"""Steps that give their branches names of their own: cases of a switch, variants of a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from flowapp.texts import say

RESERVED = frozenset({"default", "error", "next", "timeout"})


def _usable(name: str) -> str:
    name = name.strip()
    if not name:
        raise ValueError(say("This must not be empty."))
    if "{{" in name:
        raise ValueError(say("Branch names are fixed: leave out {{ }}."))
    if name.lower() in RESERVED:
        raise ValueError(say("“%(name)s” is reserved: choose another name.", name=name))
    return name


BranchName = Annotated[str, Field(max_length=64), AfterValidator(_usable)]


def names_in(params: Mapping[str, object], key: str) -> list[str]:
    """The names in stored params, which may hold anything."""
    entries = params.get(key)
    if not isinstance(entries, list):
        return []
    names = (entry.get("name") for entry in entries if isinstance(entry, dict))
    return [name.strip() for name in names if isinstance(name, str)]


def check_twice(names: Iterable[str]) -> None:
    """ValueError where a name is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(say("“%(name)s” is used twice: every branch needs its own name.", name=name))
        seen.add(name)
