"""Values for the columns of a data table."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.field import Posted, row_indexes
from flowapp.web.forms.info import ABSENT
from flowapp.web.forms.widgets.keyvalue import KeyValueField, Pair


class MappingField(KeyValueField):
    """A row for each column of the table that the field `depends_on` names; what the table does not have stays below.

    Columns left empty are not written.
    """

    widgets: ClassVar[tuple[str, ...]] = ("mapping",)
    template: ClassVar[str] = "forms/mapping.html"
    alternative: ClassVar[str] = "expression"

    def load(self, data: Posted) -> None:
        super().load(data)
        at = row_indexes(data, self.name)
        for row, index in zip(self.rows, at, strict=False):
            row.label = data.get(f"{self.name}-{index}-label", "")

    def json(self) -> Any:
        kept = [row for row in self.rows if row.text.strip() or (row.key.strip() and not self.is_column(row))]
        return {row.key.strip(): row.value for row in kept} or ABSENT

    def is_column(self, row: Pair) -> bool:
        return any(row.key == column["key"] for column in self.columns)

    @property
    def table(self) -> str:
        """The slug of the chosen table; empty where there is none."""
        return self.form.current(self.info.depends_on) if self.info.depends_on else ""

    @property
    def columns(self) -> list[dict[str, Any]]:
        return list(self.form.providers.columns(self.table)) if self.table else []

    def lay(self) -> None:
        """Puts the rows in the order of the columns, with an empty row for each that has none."""
        rows = {row.key: row for row in self.rows}
        laid = []
        for column in self.columns:
            row = rows.pop(column["key"], Pair(column["key"]))
            row.label = column.get("label") or column["key"]
            laid.append(row)
        columns = {row.key for row in laid}
        self.rows = laid + [row for row in self.rows if row.key not in columns and not row.blank]

    @property
    def shown_rows(self) -> list[Pair]:
        self.lay()
        return self.rows

    def required(self, row: Pair) -> bool:
        return any(column["key"] == row.key and column.get("required") for column in self.columns)
