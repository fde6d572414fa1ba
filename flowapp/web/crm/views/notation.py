"""Numbers and dates of conditions as people here write them: 1 250,50 and 31/12/2026 become 1250.50 and 2026-12-31."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from flowapp.crm.views.reader import ListField
from flowapp.engine.language.condition_parser import GROUPS
from flowapp.errors import UnreadableError
from flowapp.values.conventions import Conventions
from flowapp.values.dates import read_day
from flowapp.values.numbers import plain_number, read_number

_DAY = re.compile(r"[0-9]{1,2}[./\-][0-9]{1,2}[./\-][0-9]{4}")


def in_plain_notation(conditions: object, known: Mapping[str, ListField], conventions: Conventions) -> object:
    """The same conditions; what cannot be read stays, for the list to refuse."""
    if not isinstance(conditions, Mapping):
        return conditions
    for name in GROUPS:
        if isinstance(conditions.get(name), list):
            parts = cast(list[object], conditions[name])
            return {**conditions, name: [in_plain_notation(part, known, conventions) for part in parts]}
    one, value = known.get(str(conditions.get("field", "")).removeprefix("fields.")), conditions.get("value")
    if one is None or not isinstance(value, str) or conditions.get("operator") in ("in", "not_in"):
        return conditions
    return {**conditions, "value": _plain(one.type, value.strip(), conventions)}


def _plain(kind: str, text: str, conventions: Conventions) -> str:
    try:
        if kind in ("number", "money") and plain_number(text) is None:
            return format(read_number(text, conventions.locale), "f")
        if kind in ("date", "datetime") and _DAY.fullmatch(text):
            return read_day(text, conventions).isoformat()
    except UnreadableError:
        pass
    return text
