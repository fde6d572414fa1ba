"""JSON values in text boxes: a box keeps the type of what it showed, so that 5 does not come back as "5"."""

from __future__ import annotations

import json

from flowapp.web.forms.info import ABSENT


def shown(value: object) -> str:
    """The value as a box shows it."""
    if value is ABSENT or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def kind(value: object) -> str:
    """The type that a box has to keep; empty for text."""
    if value is ABSENT or isinstance(value, str):
        return ""
    return "lines" if isinstance(value, dict | list) else "json"


def typed(text: str, was: str) -> object:
    """What a box means that showed a value of kind `was`; text where it no longer is JSON."""
    if not was:
        return text
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return text


def number(text: str) -> float | str:
    """The number that a person wrote (also 1,5), else the text as it is: an expression, or to be complained about."""
    text = text.strip()
    for read in (int, float):
        try:
            value = read(text.replace(",", ".") if text.count(",") == 1 else text)
        except ValueError:
            continue
        return value if len(text) < 30 and value == value and abs(value) != float("inf") else text  # noqa: PLR0124
    return text


def same(left: object, right: object) -> bool:
    """Equality that tells true from 1."""
    return type(left) is type(right) and bool(left == right)
