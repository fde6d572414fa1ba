"""JSON as text: for values that no other control can show, and for those who prefer it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flask_babel import gettext as _
from wtforms.validators import ValidationError

from flowapp.texts import labelled
from flowapp.web.forms.field import FIELDS, ParamField, clean
from flowapp.web.forms.info import ABSENT
from flowapp.web.forms.text import shown
from flowapp.web.texts import translated


class JsonField(ParamField, widgets=("json",), template="forms/json.html"):
    """Text that is not JSON is kept as it was typed, and is an error."""

    def process_data(self, value: object) -> None:
        structure = isinstance(value, dict | list)
        self.text = json.dumps(value, ensure_ascii=False, indent=2) if structure else shown(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.text = clean(valuelist[0])

    @property
    def data(self) -> object:
        if not self.text.strip():
            return ABSENT
        try:
            return json.loads(self.text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return self.text

    def pre_validate(self, _form: object) -> None:
        if self.problem:
            raise ValidationError(self.problem)

    def show(self, path: Sequence[str], message: str) -> None:
        if not self.problem:  # text that is not JSON has no other fault
            super().show((), translated(labelled(".".join(path), message)))

    @property
    def problem(self) -> str:
        """Why the text is not JSON; empty where it is, or where it is an expression."""
        text = self.text.strip()
        try:
            json.loads(text, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            if text[:1] in ("{", "[") and not text.startswith("{{"):
                return str(
                    _(
                        "This is not valid JSON: see line %(line)d, column %(column)d.",
                        line=error.lineno,
                        column=error.colno,
                    )
                )
        except (ValueError, RecursionError):
            return str(_("This is not valid JSON."))
        return ""

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 4), 20)

    @property
    def switch(self) -> str:
        """Back to the control, where it can show what is written here."""
        value = self.data
        own = FIELDS[self.info.widget] if self.info.widget != "json" else None
        return "plain" if own and (value is ABSENT or own.shows(value, self.info)) else ""


def _refuse(constant: str) -> object:
    raise ValueError(constant)
