"""Rows that can be added, removed and moved: a list of objects, of one model or of several to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import wtforms
from flask_babel import gettext as _
from pydantic import BaseModel

from flowapp.catalog import ui_of
from flowapp.catalog.rows import ExplainedRow
from flowapp.web.forms.field import ParamField, Posted, row_indexes
from flowapp.web.forms.info import ABSENT, Info, literals, models_in
from flowapp.web.forms.row_help import RowResult, ShownHelp, shown_help


class ListField(ParamField, wtforms.FieldList, mark="-rows"):  # type: ignore[misc]
    """Entries under `name-0-…`. `name-rows` says that the list was on the page, even without an entry."""

    entries: list[wtforms.FormField]

    def process(self, formdata: Posted | None, data: object = ABSENT, extra_filters: object = None) -> None:
        """The entries that were posted, else those of `data`; then what a row's button asked for."""
        if formdata is not None and f"{self.name}{self.mark}" in formdata:
            wtforms.FieldList.process(self, formdata, (), extra_filters)
        else:
            wtforms.FieldList.process(self, None, self.entries_of(data), extra_filters)
        if formdata is not None:
            self.acted = self._press(formdata) or any(entry.form.acted for entry in self.entries)

    def _extract_indices(self, prefix: str, formdata: Posted) -> list[int]:
        return row_indexes(formdata, prefix)

    def entries_of(self, value: object) -> list[dict[str, object]]:
        """What each entry's form shows of a stored value."""
        return [dict(entry) for entry in value] if isinstance(value, list) else []

    def entry_values(self) -> list[dict[str, object]]:
        """What each entry holds, as `entries_of` gives it."""
        return [entry.data for entry in self.entries]

    def blank(self) -> dict[str, object]:
        """A new entry."""
        return {}

    def _press(self, formdata: Posted) -> bool:
        values = self.entry_values()
        if formdata.get("_add") == self.name:
            values.append(self.blank())
        elif not any(
            _moved(values, formdata.get(f"_{verb}", ""), self.name, verb) for verb in ("remove", "up", "down")
        ):
            return False
        wtforms.FieldList.process(self, None, values)
        return True

    def validate(self, form: object, extra_validators: Sequence[object] = ()) -> bool:
        """The entries keep their own errors; `errors` are those of the list."""
        del form, extra_validators
        self.errors = []
        valid = [entry.form.validate() for entry in self.entries]  # each marks its own errors
        return all(valid)

    @property
    def messages(self) -> list[str]:
        inner = (texts for entry in self.entries for texts in entry.form.errors.values())
        return [*self.errors, *(text for texts in inner for text in texts)]


def _moved(values: list[dict[str, object]], target: str, name: str, verb: str) -> bool:
    head = target.removeprefix(f"{name}-")
    if head == target or not head.isdecimal() or len(head) > 4 or int(head) >= len(values):
        return False
    at = int(head)
    to = at + {"up": -1, "down": 1, "remove": 0}[verb]
    if verb == "remove":
        del values[at]
    elif 0 <= to < len(values):
        values[at], values[to] = values[to], values[at]
    else:
        return False
    return True


class Entry(wtforms.FormField):  # type: ignore[misc]
    """A row: the form of its model, and the name of its kind where there are several."""

    known: RowResult | None = None

    def __init__(self, info: Info, **options: object) -> None:
        super().__init__(None, **options)
        self.models, self.tag = dict(_kinds(info)), _tag(info)

    def process(self, formdata: Posted | None, data: object = ABSENT, extra_filters: object = None) -> None:
        """`data` is an entry of the stored list."""
        del extra_filters
        values = dict(data) if isinstance(data, Mapping) else {}
        stored = values.pop(self.tag, "") if self.tag else ""
        kind = str(stored) if formdata is None else formdata.get(f"{self.name}-{self.tag}", "")
        self.kind = kind if kind in self.models else next(iter(self.models))
        self.form = self._form.inner(self.models[self.kind], self.name, formdata, values, self.tag)

    @property
    def data(self) -> dict[str, object]:
        return {**({self.tag: self.kind} if self.tag else {}), **self.form.data}

    @property
    def explained(self) -> ShownHelp | None:
        """What the row does, as it is filled in now."""
        model = self.models[self.kind]
        found = model.explained(self.data) if issubclass(model, ExplainedRow) else None
        return shown_help(found, self.form.label) if found else None


class RowsField(ListField, widgets=("rows",), template="forms/rows.html", alternative="json"):
    """`tag` is the field that tells the models of the entries apart."""

    def __init__(self, info: Info, mode: str = "", **options: object) -> None:
        super().__init__(info, mode, unbound_field=Entry(info), default=(), **options)
        self.tag = _tag(info)

    def tell_rows(self, known: Sequence[RowResult]) -> None:
        for entry, result in zip(self.entries, known, strict=False):
            entry.known, entry.form.field_names = result, result.fields

    @classmethod
    def shows(cls, value: object, info: Info) -> bool:
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            return False
        known = dict(_kinds(info))
        tag = _tag(info)
        return bool(known) and (not tag or all(entry.get(tag) in known for entry in value))

    def blank(self) -> dict[str, object]:
        return {self.tag: next(iter(dict(_kinds(self.info))))} if self.tag else {}

    @property
    def data(self) -> object:
        return self.entry_values() or ABSENT

    def show(self, path: Sequence[str], message: str) -> None:
        if path and path[0].isdecimal() and int(path[0]) < len(self.entries):
            self.entries[int(path[0])].form.show_at(path[1:], message)
        else:
            super().show((), message)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """The kinds of entry to choose from: (tag, label)."""
        models = _kinds(self.info)
        choices = [ui_of(model, self.tag).get("choices") or () for _kind, model in models] if self.tag else []
        labels = {value: name for given in choices for value, name in given}
        return [(kind, str(_(labels.get(kind) or kind.replace("_", " ").capitalize()))) for kind, _model in models]


class ModelField(ParamField, wtforms.FormField, widgets=("model",), template="forms/model.html", alternative="json"):  # type: ignore[misc]
    """An object with known fields. Nothing filled in means that it is not set."""

    switch = ""

    def __init__(self, info: Info, mode: str = "", **options: object) -> None:
        super().__init__(info, mode, form_class=None, **options)

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return isinstance(value, dict)

    def process(self, formdata: Posted | None, data: object = ABSENT, extra_filters: object = None) -> None:
        """`data` is the stored object."""
        del extra_filters
        values = data if isinstance(data, Mapping) else {}
        self.form = self._form.inner(models_in(self.info.annotation)[0], self.name, formdata, values)
        self.acted = self.form.acted

    @property
    def data(self) -> object:
        return self.form.data or ABSENT

    def show(self, path: Sequence[str], message: str) -> None:
        if path:
            self.form.show_at(path, message)
        else:
            super().show((), message)

    @property
    def messages(self) -> list[str]:
        return [*self.errors, *(text for texts in self.form.errors.values() for text in texts)]


def _tag(info: Info) -> str:
    """The field in which the models have different literals."""
    models = models_in(info.annotation)
    if len(models) < 2:
        return ""
    return next((name for name in models[0].model_fields if all(_literal(model, name) for model in models)), "")


def _literal(model: type[BaseModel], name: str) -> list[str]:
    return list(literals(model.model_fields[name].annotation)) if name in model.model_fields else []


def _kinds(info: Info) -> list[tuple[str, type[BaseModel]]]:
    models, tag = models_in(info.annotation), _tag(info)
    if not tag:
        return [("", model) for model in models[:1]]
    return [(kind, model) for model in models for kind in _literal(model, tag)]
