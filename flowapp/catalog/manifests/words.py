"""Texts in a manifest: in English and French, or one for both where it is a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from flowapp.texts import declare

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_VALUE = re.compile(r"\{([\w.]+)\}")  # in a message: what stands at that path in the answer
_NARROW = re.compile(r"(?<=«) | (?=[»:;?!%])")  # the spaces of French that break no line
_SHAPE = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"en": {"type": "string"}, "fr": {"type": "string"}},
            "required": ["en", "fr"],
            "additionalProperties": False,
        },
    ]
}


def placeholders(text: str) -> list[str]:
    """The names in braces, in their order: `customer` of `/customers/{customer}`."""
    return _PLACEHOLDER.findall(text)


def filled(text: str, values: Mapping[str, object]) -> str:
    """A text with values in the place of their names."""
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[1]) or ""), text)


def _words(value: object) -> object:
    """The English; the French is kept where all other French is looked for (texts.declare)."""
    english, french = _both(value)
    if french != english:
        declare("fr", english, french)
    return english


def _message(value: object) -> object:
    """The same of a message with values, `{team}`: a template as texts.say takes it."""
    english, french = (_VALUE.sub(r"%(\1)s", text.replace("%", "%%")) for text in _both(value))
    if french != english:
        declare("fr", english, french)
    return english


def _both(value: object) -> tuple[str, str]:
    if isinstance(value, str):
        return value, value
    if isinstance(value, dict) and value.keys() == {"en", "fr"}:
        english, french = value["en"], value["fr"]
        if isinstance(english, str) and isinstance(french, str):
            return english, _spaced(french)
    raise ValueError("write a text, or {en: …, fr: …}")


def _spaced(french: str) -> str:
    """French as it is set: the spaces inside guillemets and before : ; ? ! break no line."""
    return _NARROW.sub("\N{NO-BREAK SPACE}", french)


Words = Annotated[str, BeforeValidator(_words), WithJsonSchema(_SHAPE)]
Message = Annotated[str, BeforeValidator(_message), WithJsonSchema(_SHAPE)]
