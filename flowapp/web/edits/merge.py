"""Two edits of the same thing put together: what one of them changed is taken, what both changed differently is told.

Everything is JSON. `fields` are compared one by one: those of the whole, and of the parts named `inside`. Lists of rows
that have a "key" are compared row by row; every other value is one field.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

Path = tuple[str, ...]
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both changed; None where one of them has none."""

    path: Path
    mine: object
    theirs: object


@dataclass(slots=True)
class Merge:
    """`value` holds both edits, with mine where they conflict; `taken` are the fields that only the others changed."""

    inside: Collection[str] = ()
    value: dict[str, object] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    taken: list[Path] = field(default_factory=list)

    def value_of(self, path: Path, seen: object, mine: object, theirs: object) -> object:
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping) and len(path) == 1 and path[0] in self.inside:
            return self.fields_of(path, seen if isinstance(seen, Mapping) else {}, mine, theirs)
        if _keyed(seen) and _keyed(theirs) and isinstance(mine, list):
            return _Rows(self, path, seen, mine, theirs).merged()  # type: ignore[arg-type] # keyed lists
        if same(theirs, seen) or same(theirs, mine):
            return mine
        if same(mine, seen):
            self.taken.append(path)
            return theirs
        self.conflicts.append(Conflict(path, mine, theirs))
        return mine

    def fields_of(self, path: Path, seen: Row, mine: Row, theirs: Row) -> dict[str, object]:
        merged = {}
        for name in dict.fromkeys([*mine, *theirs]):
            value = self.value_of((*path, name), seen.get(name), mine.get(name), theirs.get(name))
            if value is not None or name in mine:
                merged[name] = value
        return merged


class _Rows:
    """The rows of one list; those of mine without a key are new."""

    def __init__(
        self, merge: Merge, path: Path, seen: Sequence[Row], mine: Sequence[Row], theirs: Sequence[Row]
    ) -> None:
        self.merge, self.path = merge, path
        self.seen, self.theirs = _by_key(seen), _by_key(theirs)
        self.mine = _by_key(mine)

    def merged(self) -> list[object]:
        rows = {key: row for key in self.mine | self.theirs if (row := self._row(key)) is not None}
        kept = [key for key in self.mine if key in self.seen and key in self.theirs]
        moved = kept != [key for key in self.seen if key in kept]
        first, second = (self.mine, self.theirs) if moved else (self.theirs, self.mine)
        return [rows[key] for key in _in_order(list(first), list(second)) if key in rows]

    def _row(self, key: str) -> object:
        """The row of that key, None where it is gone."""
        seen, mine, theirs = self.seen.get(key), self.mine.get(key), self.theirs.get(key)
        if mine is not None and theirs is not None:
            return self.merge.fields_of((*self.path, key), seen or {}, mine, theirs)
        return self.merge.value_of((*self.path, key), seen, mine, theirs)


def merge(seen: Row, mine: Row, theirs: Row, inside: Collection[str] = ()) -> Merge:
    """`seen` is what both began with."""
    found = Merge(inside)
    found.value = found.fields_of((), seen, mine, theirs)
    return found


def same(left: object, right: object) -> bool:
    """Whether two values say the same; nothing, null and empty text do, and so do the two kinds of line ends."""
    return _text(left) == _text(right)


def _text(value: object) -> str:
    return "" if value in (None, "") else json.dumps(value, sort_keys=True).replace("\\r\\n", "\\n")


def _keyed(value: object) -> bool:
    rows = value if isinstance(value, list) else []
    return bool(rows) and all(isinstance(row, Mapping) and row.get("key") for row in rows)


def _by_key(rows: Sequence[Row]) -> dict[str, Row]:
    """New rows get keys that nobody writes."""
    return {str(row.get("key") or f"\0{at}"): row for at, row in enumerate(rows)}


def _in_order(first: list[str], second: list[str]) -> list[str]:
    """All keys, as `first` has them; those of `second` alone stand behind the one that they follow there."""
    order = list(first)
    for at, key in enumerate(second):
        if key not in order:
            order.insert(order.index(second[at - 1]) + 1 if at else 0, key)
    return order
