"""Messages in the reader's language, also those that were made where nobody knows the reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flask_babel import format_decimal
from flask_babel import gettext as _

from flowapp.catalog.ways import way
from flowapp.errors import Problem
from flowapp.texts import Text


def translated(message: str) -> str:
    """A message made by `texts.say` in the reader's language, its values too; any other message as it is."""
    if not isinstance(message, Text):
        return message
    template = _(message.template) if message.template else ""
    return template % {name: _value(value) for name, value in message.values.items()} if message.values else template


def branch_word(branch: str) -> str:
    """A branch as its lane in the list of steps is called; empty for the one that simply goes on."""
    return "" if branch == "next" else translated(way(branch))


def _value(value: object) -> object:
    if isinstance(value, str):
        return translated(value)
    return format_decimal(value) if type(value) is int else value


def told(problems: Iterable[Problem]) -> list[Problem]:
    """The same problems in the reader's language."""
    return [replace(problem, message=translated(problem.message)) for problem in problems]
