"""Fills what a manifest says of a call with values: `{name}` alone keeps the value's type, inside text it becomes text.

What has no value is left out, with its key. Values are never filled again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from flowapp.errors import StepError
from flowapp.texts import say

ABSENT: Final = object()
IF: Final = "$if"  # an object with this key is there only where the field that it names has a value
_ONE = re.compile(r"\{(\w+)\}")
_IN_PATH = "!$&'()*+,;=:@~"  # what may stand in a segment of a path as it is (RFC 3986)
Values = Mapping[str, object]


def is_empty(value: object) -> bool:
    """Whether a value counts as not given."""
    return value is None or value in ("", [], {})


def filled(template: object, values: Values) -> object:
    """A template of any JSON shape; ABSENT where nothing of it has a value."""
    if isinstance(template, str):
        return _text(template, values)
    if isinstance(template, Mapping):
        if is_empty(values.get(str(template.get(IF, IF)), True)):
            return ABSENT
        entries = {key: filled(value, values) for key, value in template.items()}
        kept: object = {key: value for key, value in entries.items() if value is not ABSENT and key != IF}
    elif isinstance(template, list):
        kept = [value for entry in template if (value := filled(entry, values)) is not ABSENT]
    else:
        return template
    return ABSENT if template and not kept else kept


def _text(template: str, values: Values) -> object:
    if whole := _ONE.fullmatch(template):
        value = values.get(whole[1])
        return ABSENT if is_empty(value) else value
    names = _ONE.findall(template)
    if names and all(is_empty(values.get(name)) for name in names):
        return ABSENT
    return _ONE.sub(lambda found: as_text(values.get(found[1])), template)


def as_text(value: object) -> str:
    """A value inside text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled_path(template: str, values: Values) -> str:
    """A path; each value is one segment of it, or a part of one. StepError (permanent) where one is missing or leads elsewhere."""

    def segment(found: re.Match[str]) -> str:
        text = as_text(values.get(found[1]))
        if not text or text in (".", ".."):
            raise StepError(
                say("“%(name)s” must not be empty, “.” or “..”: it is a part of the address.", name=found[1]),
                permanent=True,
            )
        return quote(text, safe=_IN_PATH)

    return _ONE.sub(segment, template)


def filled_address(template: str, values: Values) -> str:
    """A base address, of config and credentials only."""
    return _ONE.sub(lambda found: as_text(values.get(found[1])), template)
