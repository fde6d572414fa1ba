"""Texts compared by the database as people compare them: É is é (values.text); ids compared with texts, and looked for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, ScalarSelect, SQLColumnExpression, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType


class folded(FunctionElement[str]):  # noqa: N801 - reads as the SQL function that it is
    """A text without regard to case. On SQLite it is values.text.folded (models.sqlite), on PostgreSQL migration 0013's."""

    type = Text()
    inherit_cache = True


@compiles(folded, "sqlite")
def _sqlite(element: folded, compiler: SQLCompiler, **options: object) -> str:
    return f"flowapp_folded({compiler.process(element.clauses, **options)})"


@compiles(folded, "postgresql")
def _postgresql(element: folded, compiler: SQLCompiler, **options: object) -> str:
    return f"flowapp_folded(CAST({compiler.process(element.clauses, **options)} AS TEXT))"


class id_text(FunctionElement[str]):  # noqa: N801
    """An id as the text that it is everywhere else: SQLite keeps its hexadecimal digits alone, PostgreSQL has a type for it."""

    type = Text()
    inherit_cache = True


@compiles(id_text, "sqlite")
def _digits_apart(element: id_text, compiler: SQLCompiler, **options: object) -> str:
    column = compiler.process(element.clauses, **options)
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return "(" + " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in parts) + ")"


@compiles(id_text, "postgresql")
def _as_text(element: id_text, compiler: SQLCompiler, **options: object) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


def holds(column: SQLColumnExpression[str], needle: str) -> ColumnElement[bool]:
    """Whether the column's text has `needle` in it, without regard to case."""
    escaped = needle.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return folded(column).like(folded(literal(f"%{escaped}%")), escape="\\")


def same(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
    """Whether the column's text is `text`, without regard to case."""
    return folded(column) == folded(literal(text))


class _OneOf(FunctionElement[bool]):
    type = NullType()  # type: ignore[assignment] # of a Boolean SQLite is asked whether it is 1, and uses no index then
    inherit_cache = True


@compiles(_OneOf, "sqlite")
def _in_query(element: _OneOf, compiler: SQLCompiler, **options: object) -> str:
    column, ids = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN {ids}"


@compiles(_OneOf, "postgresql")
def _in_array(element: _OneOf, compiler: SQLCompiler, **options: object) -> str:
    column, ids = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY (ARRAY{ids})"


def one_of(
    column: SQLColumnExpression[str] | SQLColumnExpression[str | None], ids: ScalarSelect[str]
) -> ColumnElement[bool]:
    """Whether the column's value is one of those that a query finds, which the database is to find first, and once.

    PostgreSQL takes the policy of row-level security for much narrower than it is, so it expects a row or two and looks
    through them again and again. An array is made before all else.
    """
    return _OneOf(column, ids)
