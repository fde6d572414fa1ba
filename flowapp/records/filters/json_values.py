"""Values inside a JSON column, of one type each: NULL where there is none, or one of another type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, Numeric, SQLColumnExpression, Text, and_, case, cast, func, literal, or_, select
from sqlalchemy.sql.functions import Function

from flowapp.models.folding import folded
from flowapp.records.filters.context import Context, Kind
from flowapp.records.filters.dates import DateKind, DateTimeKind
from flowapp.records.filters.kinds import IdKind, ListKind, NumberKind, TextKind, TruthKind

T = TypeVar("T")
_PLAIN = re.compile(r"[A-Za-z0-9 _.@:-]+")
_DAY, _MOMENT = "____-__-__", "____-__-__T%+00:00"


@dataclass(frozen=True, slots=True)
class HeldTextKind(TextKind):
    """A text in the JSON `whole`. PostgreSQL reads JSON anew for each question, so only that is read that has what is looked
    for anywhere in it; what JSON may write in several ways is not looked for so."""

    whole: ColumnElement[str]

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> ColumnElement[bool]:
        """As of any text."""
        test = TextKind.test(self, operator, value, context, ignore_case=ignore_case)
        texts = [str(entry) for entry in value] if isinstance(value, list) else [str(value)]
        if ignore_case or not texts or not all(map(_PLAIN.fullmatch, texts)):
            return test
        return and_(or_(*(func.strpos(self.whole, text) > 0 for text in texts)), test)


class JsonValue:
    """The value that a JSON object has under a key, in the words of the database that reads it."""

    def __init__(self, column: SQLColumnExpression[object], key: str, *, sqlite: bool) -> None:
        self.column, self.key, self.sqlite, self.path = column, key, sqlite, f'$."{key}"'

    @property
    def type(self) -> Function[str]:
        """The name of the value's type; SQLite and PostgreSQL name them differently."""
        if self.sqlite:
            return func.json_type(self.column, self.path, type_=Text)
        return func.json_typeof(func.json_extract_path(self.column, self.key), type_=Text)

    @property
    def raw(self) -> Function[str]:
        """The value as text, or as SQLite reads it."""
        if self.sqlite:
            return func.json_extract(self.column, self.path, type_=Text)
        return func.json_extract_path_text(self.column, self.key, type_=Text)

    def where(self, types: Sequence[str], value: ColumnElement[T]) -> ColumnElement[T]:
        """The value where it is of one of the types."""
        return case((self.type.in_(types), value))

    @property
    def text(self) -> ColumnElement[str]:
        """A text; what is a number or yes or no is read as text, too."""
        if not self.sqlite:
            return case((self.type.in_(("string", "number", "boolean")), self.raw))
        plain = (self.type.in_(("text", "integer", "real")), cast(self.raw, Text))
        return case(plain, (self.type.in_(("true", "false")), self.type))

    def shaped(self, pattern: str) -> ColumnElement[str]:
        """A text of that shape, compared by its bytes."""
        text = case((self.type.in_(("text", "string")), self.raw))
        shaped = case((text.like(pattern), text))
        return shaped if self.sqlite else shaped.collate("C")

    def kind(self, name: str, find: Callable[[str], str | None]) -> Kind:
        """The kind of a custom field's type."""
        if name in ("number", "money"):
            stored = self.where(("integer", "real", "number"), self.raw)
            return NumberKind(stored if self.sqlite else cast(stored, Numeric))
        if name == "date":
            return DateKind(self.shaped(_DAY), as_text=True)
        if name == "datetime":
            return DateTimeKind(self.shaped(_MOMENT), as_text=True)
        if name == "boolean":
            return TruthKind(self.says, self.type.in_(("true", "false", "boolean")))
        if name == "multiple_choice":
            return ListKind(self.holds, self.entries())
        return IdKind(self.text, find) if name == "relation" else self._text_kind()

    def _text_kind(self) -> TextKind:
        return TextKind(self.text) if self.sqlite else HeldTextKind(self.text, cast(self.column, Text))

    def says(self, wanted: bool) -> ColumnElement[bool]:
        """Whether it is true, or false."""
        word = "true" if wanted else "false"
        return self.type == word if self.sqlite else case((self.type == "boolean", self.raw == word))

    def holds(self, texts: Sequence[str], ignore_case: bool) -> ColumnElement[bool]:
        """Whether one of the list's entries is one of the texts."""
        return self.entries(texts, ignore_case=ignore_case)

    def entries(self, texts: Sequence[str] | None = None, *, ignore_case: bool = False) -> ColumnElement[bool]:
        """Whether the list has an entry; one of the texts, where they are given."""
        if self.sqlite:
            rows = func.json_each(case((self.type == "array", func.json_extract(self.column, self.path)), else_="[]"))
        else:
            value = func.json_extract_path(self.column, self.key)
            rows = func.json_array_elements_text(case((self.type == "array", value), else_=func.json_build_array()))
        entry = rows.table_valued("value").c.value
        query = select(literal(1)).select_from(entry.table)
        if texts is None:
            return query.exists()
        if ignore_case:
            return query.where(folded(entry).in_([folded(literal(text)) for text in texts])).exists()
        return query.where(entry.in_(texts)).exists()
