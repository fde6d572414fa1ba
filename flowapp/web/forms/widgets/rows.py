"""A list of objects: a row of fields each, of one model or of several to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask_babel import gettext as _
from pydantic import BaseModel

from flowapp.catalog import ui_of
from flowapp.web.forms.field import Field, Posted, row_indexes
from flowapp.web.forms.form import Form
from flowapp.web.forms.info import ABSENT, Info, literals, models_in


class Row:
    """An entry: its form, and the name of its kind where there are several."""

    def __init__(self, field: RowsField, value: dict[str, Any], at: int) -> None:
        self.kind = str(value.get(field.tag, "")) if field.tag else ""
        model = field.model_of(self.kind)
        rest = {key: entry for key, entry in value.items() if key != field.tag}
        self.form = Form(model, rest, field.form.providers, f"{field.name}-{at}-")
        self.form.picker = field.form.picker
        self.form.fields = [inner for inner in self.form.fields if inner.info.key != field.tag]

    def json(self, tag: str) -> dict[str, Any]:
        return {**({tag: self.kind} if tag else {}), **self.form.params()}


class RowsField(Field):
    """Rows can be added, removed and moved. `tag` is the field that tells the models apart."""

    widgets: ClassVar[tuple[str, ...]] = ("rows",)
    template: ClassVar[str] = "forms/rows.html"
    alternative: ClassVar[str] = "json"

    @classmethod
    def shows(cls, value: Any, info: Info) -> bool:
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            return False
        known = dict(_kinds(info))
        tag = _tag(info)
        return bool(known) and (not tag or all(entry.get(tag) in known for entry in value))

    def set(self, value: Any) -> None:
        self.tag = _tag(self.info)
        self._lay(value or [])

    def _lay(self, values: list[dict[str, Any]]) -> None:
        self.rows = [Row(self, value, at) for at, value in enumerate(values)]

    def model_of(self, kind: str) -> type[BaseModel]:
        return dict(_kinds(self.info)).get(kind) or models_in(self.info.annotation)[0]

    def load(self, data: Posted) -> None:
        if f"{self.name}-rows" not in data:
            return
        known = dict(_kinds(self.info))
        self.rows = []
        for at in row_indexes(data, self.name):
            start = f"{self.name}-{at}-"
            kind = data.get(f"{start}{self.tag}", "")
            row = Row(self, {self.tag: kind if kind in known else next(iter(known))} if self.tag else {}, at)
            row.form.load(data)
            self.rows.append(row)

    def json(self) -> Any:
        return [row.json(self.tag) for row in self.rows] or ABSENT

    def act(self, verb: str, target: str) -> bool:
        values = [row.json(self.tag) for row in self.rows]
        head, _sep, rest = target.removeprefix(f"{self.name}-").partition("-")
        if target == self.name and verb == "add":
            values.append({self.tag: next(iter(dict(_kinds(self.info))))} if self.tag else {})
        elif rest and head.isdecimal():
            return any(row.form.act(verb, target) for row in self.rows)
        elif not head.isdecimal() or int(head) >= len(values) or not _move(values, verb, int(head)):
            return False
        self._lay(values)
        return True

    def check(self) -> None:
        for row in self.rows:
            row.form.check()

    def place(self, path: Sequence[str], message: str) -> None:
        if path and path[0].isdecimal() and int(path[0]) < len(self.rows):
            self.rows[int(path[0])].form.place_at(path[1:], message)
        else:
            self.errors.append(message)

    @property
    def faults(self) -> list[str]:
        return self.errors + [text for row in self.rows for texts in row.form.errors.values() for text in texts]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """The kinds of entry to choose from: (tag, label)."""
        models = _kinds(self.info)
        choices = [ui_of(model, self.tag).get("choices") or () for _kind, model in models] if self.tag else []
        labels = {value: name for given in choices for value, name in given}
        return [(kind, str(_(labels.get(kind) or kind.replace("_", " ").capitalize()))) for kind, _model in models]


def _move(values: list[dict[str, Any]], verb: str, at: int) -> bool:
    if verb == "remove":
        del values[at]
        return True
    to = at + {"up": -1, "down": 1}.get(verb, 0)
    if to == at or not 0 <= to < len(values):
        return False
    values[at], values[to] = values[to], values[at]
    return True


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
