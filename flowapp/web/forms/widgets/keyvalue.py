"""Rows of name and value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask_babel import gettext as _

from flowapp.web.forms.field import Field, Posted, clean, row_indexes
from flowapp.web.forms.info import ABSENT, Info
from flowapp.web.forms.text import kind, shown, typed


@dataclass(slots=True)
class Pair:
    """A row. `kind` is the JSON type that its text keeps."""

    key: str = ""
    text: str = ""
    kind: str = ""
    label: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, key: str, value: Any, label: str = "") -> Pair:
        return cls(key, shown(value), kind(value), label)

    @property
    def blank(self) -> bool:
        return not self.key.strip() and not self.text.strip()

    @property
    def value(self) -> Any:
        return typed(self.text, self.kind)


class KeyValueField(Field):
    """Lists and objects among the values are shown as JSON in their row."""

    widgets: ClassVar[tuple[str, ...]] = ("keyvalue",)
    template: ClassVar[str] = "forms/keyvalue.html"
    alternative: ClassVar[str] = "json"

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)

    def set(self, value: Any) -> None:
        self.rows = [Pair.of(key, entry) for key, entry in (value or {}).items()]

    def load(self, data: Posted) -> None:
        if f"{self.name}-rows" not in data:
            return
        starts = [f"{self.name}-{at}" for at in row_indexes(data, self.name)]
        self.rows = [
            Pair(data.get(f"{s}-key", ""), clean(data.get(f"{s}-value", "")), data.get(f"{s}-kind", "")) for s in starts
        ]

    def json(self) -> Any:
        filled = {row.key.strip(): row.value for row in self.rows if not row.blank}
        return filled or ABSENT

    def act(self, verb: str, target: str) -> bool:
        if verb == "add" and target == self.name:
            self.rows.append(Pair())
            return True
        at = target.removeprefix(f"{self.name}-")
        if verb == "remove" and at.isdecimal() and int(at) < len(self.rows):
            del self.rows[int(at)]
            return True
        return False

    def place(self, path: Sequence[str], message: str) -> None:
        named = ".".join(path)
        for row in self.rows:
            key = row.key.strip()
            if path and not row.blank and (named == key or named.startswith(f"{key}.")):
                row.errors.setdefault("value" if key else "key", []).append(message)
                return
        self.errors.append(message)

    def check(self) -> None:
        """Names that are missing or written twice, which JSON could not tell."""
        seen: set[str] = set()
        for row in self.rows:
            key = row.key.strip()
            if not key and not row.blank:
                row.errors.setdefault("key", []).append(str(_("Give this value a name.")))
            if key in seen and key:
                row.errors.setdefault("key", []).append(str(_("This name is used twice.")))
            seen.add(key)

    @property
    def faults(self) -> list[str]:
        return self.errors + [text for row in self.rows for texts in row.errors.values() for text in texts]

    @property
    def shown_rows(self) -> list[Pair]:
        """An empty form begins with an empty row."""
        return self.rows or [Pair()]
