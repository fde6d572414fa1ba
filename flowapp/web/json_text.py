"""JSON that a person edits as text: shown with its secrets masked, read back with them where they were left alone."""

from __future__ import annotations

import json
from typing import Any

from flask_babel import gettext as _

from flowapp.errors import InvalidError
from flowapp.logs import mask


def shown(value: object) -> str:
    """The text to edit."""
    return json.dumps(mask(value), indent=2, ensure_ascii=False, default=str)


def read(text: str, before: object, field: str) -> Any:
    """The value of a text that `shown(before)` began as. InvalidError at `field` says where it is no JSON."""
    if not text.strip():
        raise InvalidError.at(field, _("Enter a JSON value: {}, a list, a text in quotes, a number or null."))
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        message = _(
            "This is not valid JSON: see line %(line)s, column %(column)s.", line=error.lineno, column=error.colno
        )
        raise InvalidError.at(field, message) from None
    except (ValueError, RecursionError):
        raise InvalidError.at(field, _("This JSON contains a value that cannot be stored.")) from None
    if "\\u0000" in text or "\0" in text:
        raise InvalidError.at(field, _("This JSON contains a value that cannot be stored."))
    return _unmasked(value, before)


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _unmasked(value: object, before: object) -> object:
    """`value` with the secrets of `before` where their masks still stand."""
    if isinstance(value, dict) and isinstance(before, dict):
        return {key: _entry(key, entry, before[key]) if key in before else entry for key, entry in value.items()}
    if isinstance(value, list) and isinstance(before, list):
        pairs = zip(value, before, strict=False)
        return [_unmasked(entry, old) for entry, old in pairs] + value[len(before) :]
    return before if isinstance(before, str) and value == mask(before) else value


def _entry(key: str, value: Any, before: Any) -> object:
    return before if value == mask({key: before})[key] else _unmasked(value, before)
