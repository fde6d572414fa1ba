"""JSON that a person edits as text: shown with its secrets masked, read back with them where they were left alone."""

from __future__ import annotations

import json

from flask_babel import gettext as _
from wtforms.validators import ValidationError

from flowapp.logs import mask
from flowapp.web.forms.info import ABSENT
from flowapp.web.forms.page import CodeField


class JsonTextField(CodeField):
    """`data` is the text, `value` the JSON that it stands for once the form is valid.

    `empty` is what an empty text stands for; without it an empty text is refused, and so is one of more than `longest`
    characters. A field that was not on the page keeps what is stored.
    """

    def __init__(self, label: str, *, empty: object = ABSENT, longest: int = 0, **options: object) -> None:
        self.empty, self.longest = empty, longest
        super().__init__(label, **{"default": ABSENT, **options})

    def process_data(self, value: object) -> None:
        self.stored = self.value = None if value is ABSENT else value
        self.data = "" if value is ABSENT else json.dumps(mask(value), indent=2, ensure_ascii=False, default=str)

    def pre_validate(self, _form: object) -> None:
        if self.raw_data:
            self.value = self._read()

    def _read(self) -> object:
        if self.longest and len(self.data) > self.longest:
            raise ValidationError(
                _("This is too long. Enter at most %(most)s characters.", most=self.longest)
            )  # fmt: skip
        if not self.data.strip():
            if self.empty is not ABSENT:
                return self.empty
            raise ValidationError(_("Enter a JSON value: {}, a list, a text in quotes, a number or null."))
        return _unmasked(_parsed(self.data), self.stored)


def _parsed(text: str) -> object:
    unstorable = _("This JSON contains a value that cannot be stored.")
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        message = _(
            "This is not valid JSON: see line %(line)s, column %(column)s.", line=error.lineno, column=error.colno
        )
        raise ValidationError(message) from None
    except (ValueError, RecursionError):
        raise ValidationError(unstorable) from None
    if "\\u0000" in text or "\0" in text:
        raise ValidationError(unstorable)
    return value


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


def _entry(key: str, value: object, before: object) -> object:
    masked = mask({key: before})
    return before if value == masked[key] else _unmasked(value, before)
