"""Forms of fields that a user defined: the columns of a data table, the fields of a hosted form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import wtforms
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import DateInput, DateTimeLocalInput, TimeInput

from flowapp.data.columns import Column, as_text
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import CodeField, FieldsForm, LongTextField
from flowapp.web.locale import zone, zone_text


def record_form(
    columns: Sequence[Column], record: Mapping[str, object] | None = None, posted: Posted | None = None
) -> FieldsForm:
    """A field for each column, begun with the values of a record; times are in the reader's zone."""
    shown = {} if record is None else {column.key: _shown(column, record[column.key]) for column in columns}
    fields = {column.key: _column_field(column, shown.get(column.key, "")) for column in columns}
    return FieldsForm(fields, posted, shown, required=[column.key for column in columns if column.required])


def _shown(column: Column, value: object) -> str:
    if column.type == "datetime" and isinstance(value, datetime):
        return zone_text(value.isoformat())
    return as_text(value)


def _column_field(column: Column, shown: str) -> wtforms.Field:
    if column.type == "boolean":
        return select_box(column.label, {"true": _("Yes"), "false": _("No")}, "—")
    if column.type == "choice":
        stored = [shown] if shown and shown not in column.options else []  # it was offered once
        return select_box(column.label, {option: option for option in (*column.options, *stored)}, "—")
    hint = _("Time zone: %(zone)s", zone=str(zone())) if column.type == "datetime" else ""
    return box(column.type, column.label, hint)


def answers_form(fields: Sequence[Mapping[str, object]], posted: Posted | None = None, prefix: str = "") -> FieldsForm:
    """The fields of a hosted form, as a visitor fills them in."""
    built = {str(field["key"]): _answer_field(field) for field in fields}
    # A checkbox says in its label that it must be ticked.
    required = [str(field["key"]) for field in fields if field["required"] and field["type"] != "checkbox"]
    return FieldsForm(built, posted, {}, prefix, required)


def _answer_field(field: Mapping[str, object]) -> wtforms.Field:
    type_, label, hint = str(field["type"]), str(field["label"] or field["key"]), str(field.get("help") or "")
    if type_ == "select":
        options = field["options"] if isinstance(field["options"], list) else []
        return select_box(label, {option: option for option in options}, _("Choose …"), hint)
    if type_ == "checkbox":
        return wtforms.BooleanField(f"{label} *" if field["required"] else label, description=hint)
    own = {"email": "email", "phone": "tel"}.get(type_) or ("name" if field["key"] in ("name", "nom") else "")
    return box(type_, label, hint, **({"autocomplete": own} if own else {}))


def box(type_: str, label: str, hint: str, **attributes: str) -> wtforms.Field:
    """The box of a value of that type: a text, unless the type has a box of its own."""
    kind, widget, own = _BOXES.get(type_, (wtforms.StringField, None, {}))
    options = {"widget": widget} if widget else {}
    return kind(label, description=hint, default="", render_kw={**own, **attributes}, **options)


_BOXES: Final[Mapping[str, tuple[type[wtforms.Field], object, dict[str, object]]]] = {
    "long_text": (LongTextField, None, {"rows": 5}),
    "textarea": (LongTextField, None, {"rows": 5}),
    "json": (CodeField, None, {"rows": 5}),
    "number": (wtforms.StringField, None, {"inputmode": "decimal"}),
    "date": (wtforms.StringField, DateInput(), {}),
    "time": (wtforms.StringField, TimeInput(), {}),
    "datetime": (wtforms.StringField, DateTimeLocalInput(), {"step": "1"}),
    "email": (wtforms.EmailField, None, {}),
    "phone": (wtforms.TelField, None, {}),
}


def select_box(label: str, options: Mapping[str, str], blank: str | None, description: str = "") -> wtforms.SelectField:
    """A choice, `blank` for none of them. Its value is checked by the service, as texts are."""
    first = [] if blank is None else [SelectChoice("", blank)]
    choices = [*first, *(SelectChoice(value, name) for value, name in options.items())]
    return wtforms.SelectField(label, description=description, choices=choices, default="", validate_choice=False)
