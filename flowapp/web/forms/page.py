"""Forms of pages whose service checks what was typed: WTForms reads it, and shows the service's problems at its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import wtforms

from flowapp.errors import InvalidError
from flowapp.web.forms.field import Posted, row_indexes
from flowapp.web.texts import translated


class PageForm(wtforms.Form):  # type: ignore[misc]
    """`typed` is for the service; `refused` shows what the service says about it."""

    @property
    def acted(self) -> bool:
        """The post asked for another row or another order, not to save."""
        return any(field.acted for field in self if isinstance(field, RowList))

    @property
    def typed(self) -> dict[str, Any]:
        """What was posted: a field that was not on the page is left out."""
        missing = [f for f in self if isinstance(f, wtforms.StringField) and not f.raw_data]
        return {name: field.data for name, field in self._fields.items() if field not in missing}

    def refused(self, error: InvalidError) -> Self:
        """The form with each problem at its field, `columns.0.label` in the first row; the first of a field is enough."""
        for problem in error.problems:
            field: Any = self
            for part in problem.path.split("."):
                field = _inside(field, part)
            if field is None or isinstance(field, wtforms.FormField):
                self.form_errors.append(translated(problem.message))
            elif not field.errors:
                field.errors = [translated(problem.message)]
        return self


def _inside(field: Any, part: str) -> Any:
    """The field called `part` of a form, a row or a list; None where there is none."""
    if isinstance(field, wtforms.FieldList):
        return field.entries[int(part)] if part.isdecimal() and int(part) < len(field.entries) else None
    form = field.form if isinstance(field, wtforms.FormField) else field
    return form._fields.get(part) if isinstance(form, wtforms.Form) else None


def text(**options: Any) -> wtforms.StringField:
    """A text that is empty where nothing was written."""
    return wtforms.StringField(**{"default": "", **options})


class RowList(wtforms.FieldList):  # type: ignore[misc]
    """Rows as the macros `rows` and `reorderable` post them: `columns-0-label`, `order`, and the buttons that change rows.

    A row's number is its place on the page.
    """

    acted = False
    errors: Any = ()
    entries: list[Any]

    def process(self, formdata: Posted | None, *data: Any, **options: Any) -> None:
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
