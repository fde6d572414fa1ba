"""Forms of pages whose service checks what was typed: WTForms reads it, and shows the service's problems at its fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar, Self

import wtforms
from flask import request
from werkzeug.datastructures import FileStorage
from wtforms.form import BaseForm

from flowapp.errors import InvalidError, Problem
from flowapp.web.forms.field import Posted, clean, row_indexes
from flowapp.web.texts import translated


class _Checked(BaseForm):  # type: ignore[misc]
    """`typed` is for the service; `refused` shows what the service says about it."""

    @property
    def acted(self) -> bool:
        """The post asked for another row or another order, or only to be shown again: not to save."""
        return "_refresh" in request.form or any(field.acted for field in self if isinstance(field, RowList))

    @property
    def typed(self) -> dict[str, object]:
        """What was posted: a field that was not on the page is left out."""
        texts = wtforms.StringField, wtforms.SelectField
        missing = [field for field in self if isinstance(field, texts) and not field.raw_data]
        return {name: field.data for name, field in self._fields.items() if field not in missing}

    def refused(self, error: InvalidError) -> Self:
        """The form with each problem at its field, `columns.0.label` in the first row; the first of a field is enough."""
        self.show(error.problems)
        return self

    def show(self, problems: Iterable[Problem]) -> None:
        """Shows each problem at its field; what belongs to none stands above the form."""
        for problem in problems:
            field: object = self
            for part in problem.path.split("."):
                field = _inside(field, part)
            if not isinstance(field, wtforms.Field) or isinstance(field, wtforms.FormField):
                self.form_errors.append(translated(problem.message))
            elif not field.errors:
                field.errors = [translated(problem.message)]


class PageForm(_Checked, wtforms.Form):  # type: ignore[misc]
    """A form whose class names its fields."""


class FieldsForm(_Checked):
    """A form whose fields are known only when the page is shown, by their names; these may be any."""

    def __init__(
        self,
        fields: Mapping[str, object],
        posted: Posted | None,
        stored: Mapping[str, object],
        prefix: str = "",
        required: Collection[str] = (),
    ) -> None:
        super().__init__(fields, prefix=prefix)
        self.process(posted, data=stored)
        for name in required:
            self[name].flags.required = True


def _inside(field: object, part: str) -> object:
    """The field called `part` of a form, a row or a list; None where there is none."""
    if isinstance(field, wtforms.FieldList):
        return field.entries[int(part)] if part.isdecimal() and int(part) < len(field.entries) else None
    form = field.form if isinstance(field, wtforms.FormField) else field
    return form._fields.get(part) if isinstance(form, BaseForm) else None


def text(**options: object) -> wtforms.StringField:
    """A text that is empty where nothing was written."""
    return wtforms.StringField(**{"default": "", **options})


class LongTextField(wtforms.TextAreaField):  # type: ignore[misc]
    """Several lines, which end as those of JSON do. `mono`: it is drawn in a fixed width."""

    mono: ClassVar[bool] = False

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = clean(valuelist[0])


class UploadField(wtforms.FileField):  # type: ignore[misc]
    """A file. A text that was sent under its name is none."""

    def process_formdata(self, valuelist: list[object]) -> None:
        """Takes the first file."""
        super().process_formdata([one for one in valuelist if isinstance(one, FileStorage)])


class CodeField(LongTextField):
    """Several lines of something that programs read."""

    mono = True


class ChoiceField(wtforms.RadioField):  # type: ignore[misc]
    """One of its choices. Anything else that is posted leaves what was there."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist and valuelist[0] in {choice.value for choice in self.iter_choices()}:
            self.data = valuelist[0]


class RowList(wtforms.FieldList):  # type: ignore[misc]
    """Rows as the macros `rows` and `reorderable` post them: `columns-0-label`, `order`, and the buttons that change rows.

    A row's number is its place on the page.
    """

    acted = False
    errors: Any = ()
    entries: list[wtforms.FormField]

    def process(self, formdata: Posted | None, *data: object, **options: object) -> None:
        super().process(formdata, *data, **options)
        if formdata is not None:
            numbers = row_indexes(formdata, self.name)
            rows = dict(zip(map(str, numbers), self.entries, strict=True))
            order = [number for number in formdata.getlist("order") if number in rows]
            order += [number for number in rows if number not in order]
            self.acted = self._press(formdata, order)
            self.entries = [rows[number] for number in order]
            if formdata.get("_add") == self.name:
                self.append_entry()
            self._compact_indices()

    def _extract_indices(self, prefix: str, formdata: Posted) -> list[int]:
        return row_indexes(formdata, prefix)

    def _press(self, formdata: Posted, order: list[str]) -> bool:
        """Changes the order as a button asked; whether one was pressed."""
        removed = formdata.get("_remove", "").removeprefix(f"{self.name}-")
        if removed in order:
            order.remove(removed)
            return True
        for button, step in (("_up", -1), ("_down", 1)):
            number = formdata.get(button, "")
            if number in order:
                to = min(max(order.index(number) + step, 0), len(order) - 1)
                order.remove(number)
                order.insert(to, number)
                return True
        return "_order" in formdata or formdata.get("_add") == self.name

    def keep(self, wanted: Callable[[wtforms.Form], Any]) -> None:
        """Leaves out the rows that nobody filled in."""
        self.entries = [entry for entry in self.entries if wanted(entry.form)]
        self._compact_indices()
