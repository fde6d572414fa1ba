"""Rows of name and value: any names, or the columns of a data table."""

from __future__ import annotations

from collections.abc import Sequence

import wtforms
from flask_babel import gettext as _

from flowapp.web.forms.field import Posted, clean
from flowapp.web.forms.fields.rows import ListField
from flowapp.web.forms.info import ABSENT, Info
from flowapp.web.forms.text import kind, shown, typed


class PairForm(wtforms.Form):  # type: ignore[misc]
    """A row. `kind` is the JSON type that its text keeps."""

    key = wtforms.StringField(default="")
    value = wtforms.StringField(default="", filters=[clean])
    kind = wtforms.StringField(default="")
    acted = False

    @property
    def name(self) -> str:
        return str(self.key.data).strip()

    @property
    def blank(self) -> bool:
        return not self.name and not self.value.data.strip()

    @property
    def json(self) -> object:
        return typed(self.value.data, self.kind.data)


class KeyValueField(ListField, widgets=("keyvalue",), template="forms/keyvalue.html", alternative="json"):
    """Lists and objects among the values are shown as JSON in their row."""

    def __init__(self, info: Info, mode: str = "", **options: object) -> None:
        super().__init__(info, mode, unbound_field=wtforms.FormField(PairForm), default=(), **options)

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)

    def entries_of(self, value: object) -> list[dict[str, object]]:
        pairs = value if isinstance(value, dict) else {}
        return [{"key": key, "value": shown(entry), "kind": kind(entry)} for key, entry in pairs.items()]

    @property
    def rows(self) -> list[PairForm]:
        return [entry.form for entry in self.entries]

    @property
    def data(self) -> object:
        return {row.name: row.json for row in self.rows if not row.blank} or ABSENT

    def validate(self, form: object, extra_validators: Sequence[object] = ()) -> bool:
        """Finds names that are missing or written twice, which JSON could not tell."""
        super().validate(form, extra_validators)
        seen: set[str] = set()
        for row in self.rows:
            if not row.name and not row.blank:
                row.key.errors.append(str(_("Give this value a name.")))
            if row.name in seen and row.name:
                row.key.errors.append(str(_("This name is used twice.")))
            seen.add(row.name)
        return not self.messages

    def show(self, path: Sequence[str], message: str) -> None:
        named = ".".join(path)
        for row in self.rows:
            if path and not row.blank and (named == row.name or named.startswith(f"{row.name}.")):
                field = row.value if row.name else row.key
                field.errors = [*field.errors, message]
                return
        super().show((), message)

    @property
    def shown_rows(self) -> list[PairForm]:
        """An empty form begins with an empty row."""
        return self.rows or [PairForm()]


class MappingField(KeyValueField, widgets=("mapping",), template="forms/mapping.html", alternative="expression"):
    """A row for each column of the table that the field `depends_on` names; what the table does not have stays below.

    Columns left empty are not written.
    """

    @property
    def data(self) -> object:
        kept = [row for row in self.rows if row.value.data.strip() or (row.name and row.key.data not in self.columns)]
        return {row.name: row.json for row in kept} or ABSENT

    @property
    def table(self) -> str:
        """The slug of the chosen table; empty where there is none."""
        return str(self._form.current(self.info.depends_on)) if self.info.depends_on else ""

    @property
    def columns(self) -> dict[str, dict[str, object]]:
        """The table's columns by their key."""
        return {column["key"]: column for column in self.meta.providers.columns(self.table)} if self.table else {}

    def post_process(self, formdata: Posted | None = None) -> None:
        """Puts the rows in the order of the columns, with an empty row for each that has none."""
        rows = {entry.form.key.data: entry for entry in self.entries}
        own = [rows.get(key) or self.append_entry({"key": key}) for key in self.columns]
        self.entries = own + [e for e in self.entries if e.form.key.data not in self.columns and not e.form.blank]
        self._compact_indices()
        super().post_process(formdata)

    def title(self, row: PairForm) -> str:
        """What a column is called."""
        return str(self.columns.get(row.key.data, {}).get("label") or row.key.data)

    def required(self, row: PairForm) -> bool:
        return bool(self.columns.get(row.key.data, {}).get("required"))
