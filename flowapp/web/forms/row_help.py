"""What stands beside a row of a form: what it does, an example of it, and what it makes of the sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from flask_babel import gettext as _

from flowapp.catalog.rows import RowHelp


class RowResult(NamedTuple):
    """What is known of a row by the sample: the fields that it can use, what it makes, as text, or why it does not."""

    fields: list[str]
    text: str = ""
    error: str = ""


class ShownHelp(NamedTuple):
    """What a row does, in words and by an example; `settings` are the example's, by the labels of the form."""

    help: str
    data: str
    settings: str
    result: str


def shown_help(found: RowHelp, label: Callable[[str], str]) -> ShownHelp:
    """In the reader's language; `label` is what the form calls a setting."""
    data, settings, result = found.example
    shown_settings = (f"{label(name)}: {_as_text(value)}" for name, value in settings.items())
    return ShownHelp(str(_(found.help)), _as_text(data), " · ".join(shown_settings), _as_text(result))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
