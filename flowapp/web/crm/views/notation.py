"""Numbers and dates of conditions as people here write them: 1 250,50 and 31/12/2026 become 1250.50 and 2026-12-31."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from flowapp.crm.views.reader import ListField
from flowapp.engine.language.condition_parser import GROUPS
from flowapp.errors import InvalidError, UnreadableError
from flowapp.texts import say
from flowapp.values.conventions import Conventions
from flowapp.values.dates import read_day
from flowapp.values.examples import day_example, number_example
from flowapp.values.numbers import plain_number, read_number

_NUMBERS = ("number", "money")
_DAY = re.compile(r"[0-9]{1,2}[./\-][0-9]{1,2}[./\-][0-9]{4}")


class PlainNotation:
    """Turns conditions into plain notation; what cannot be read stays, for the list to refuse."""

    def __init__(self, known: Mapping[str, ListField], conventions: Conventions) -> None:
        self.known, self.conventions = known, conventions
        self.unread: dict[str, str] = {}  # why, by path

    def of(self, conditions: object, path: str = "filter") -> object:
        """The same conditions in plain notation."""
        if not isinstance(conditions, Mapping):
            return conditions
        for name in GROUPS:
            if isinstance(conditions.get(name), list):
                parts = cast(list[object], conditions[name])
                return {**conditions, name: [self.of(part, f"{path}.{name}.{at}") for at, part in enumerate(parts)]}
        one, value = self.known.get(str(conditions.get("field", "")).removeprefix("fields.")), conditions.get("value")
        if one is None or not isinstance(value, str) or conditions.get("operator") in ("in", "not_in"):
            return conditions
        return {**conditions, "value": self._plain(one.type, value.strip(), f"{path}.value")}

    def refused(self, error: InvalidError) -> InvalidError:
        """What the list refuses, with examples as people here write."""
        return InvalidError(
            [replace(one, message=self.unread.get(one.path, one.message)) for one in error.problems]
        )  # fmt: skip

    def _plain(self, kind: str, text: str, path: str) -> str:
        try:
            if kind in _NUMBERS and plain_number(text) is None:
                return format(read_number(text, self.conventions.locale), "f")
            if kind in ("date", "datetime") and _DAY.fullmatch(text):
                return read_day(text, self.conventions).isoformat()
        except UnreadableError as error:
            self.unread[path] = error.reason
        if kind in _NUMBERS and not text:
            example = number_example(self.conventions.locale)
            self.unread[path] = say("Enter a number such as %(example)s.", example=example)
        if kind == "date":
            example = day_example(self.conventions.locale)
            self.unread.setdefault(path, say("Enter a date such as %(example)s.", example=example))
        return text
