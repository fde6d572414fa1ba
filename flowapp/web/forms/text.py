"""JSON values in text boxes: a box keeps the type of what it showed, so that 5 does not come back as "5"."""

from __future__ import annotations

import json
from typing import Any

from flowapp.web.forms.info import ABSENT


def shown(value: Any) -> str:
    """The value as a box shows it."""
    if value is ABSENT or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def kind(value: Any) -> str:
    """The type that a box has to keep; empty for text."""
    if value is ABSENT or isinstance(value, str):
        return ""
    return "lines" if isinstance(value, dict | list) else "json"


def typed(text: str, was: str) -> Any:
    """What a box means that showed a value of kind `was`; text where it no longer is JSON."""
    if not was:
        return text
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return text


def number(text: str) -> Any:
    """The number that a person wrote (also 1,5), else the text as it is: an expression, or to be complained about."""
    text = text.strip()
    for read in (int, float):
        try:
            found = read(text.replace(",", ".") if text.count(",") == 1 else text)
        except ValueError:
            continue
        return found if len(text) < 30 and found == found and abs(found) != float("inf") else text  # noqa: PLR0124
    return text


def same(left: Any, right: Any) -> bool:
    """Equality that tells true from 1."""
    return type(left) is type(right) and bool(left == right)
