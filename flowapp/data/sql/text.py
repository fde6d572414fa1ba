"""From the text of a query to one that the database may run: parsed, checked, scoped, bound, written anew.

The text is parsed, never passed on: only the kinds of expression named here may stand in it, every table in it is
replaced by one of the project's, every common table expression gets a fresh name. So a name that is resolved wrongly
leads nowhere instead of to somebody else's table.

A query's author can make all of this take for ever (a few aliases that double each other do), so it runs in a helper
process (data.sql.queries), and imports little.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowapp.data import names
from flowapp.data.sql.scope import hide_internal_columns, refuse_whole_rows
from flowapp.errors import StepError
from flowapp.texts import say

if TYPE_CHECKING:  # sqlglot is heavy: it is imported when the first query runs
    from sqlglot import exp

MAX_SQL = 50_000
MAX_LIST = 30_000  # entries for one IN (:list): SQLite and PostgreSQL take about 32,000 and 65,000 parameters
WHOLE = range(-(2**63), 2**63)  # whole numbers that both databases know
_NODES = (
    "Select Union Intersect Except Subquery With CTE From Join Where Group Having Order Ordered Limit Offset Distinct "
    "Table TableAlias Column Identifier Star Alias Placeholder Literal Boolean Null Paren Tuple Var DataType "
    "DataTypeParam Interval Cast And Or Not EQ NEQ GT GTE LT LTE Is In Between Like ILike Add Sub Mul Div Mod Neg DPipe "
    "NullSafeEQ NullSafeNEQ Exists Case If Coalesce Nullif Window WindowSpec Filter "
    "Lower Upper Length Trim Substring Replace Round Abs Ceil Floor Greatest Least Concat StrPosition Left Right "
    "Count Sum Avg Min Max GroupConcat CurrentTimestamp CurrentDate TimestampTrunc Extract "
    "RowNumber Rank DenseRank Lag Lead FirstValue LastValue"
)
_CASTS = (
    "TEXT", "VARCHAR", "CHAR", "INT", "BIGINT", "SMALLINT", "DECIMAL", "DOUBLE", "FLOAT", "BOOLEAN", "DATE",
    "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL",
)  # fmt: skip
_PARTS = ("year", "month", "day", "hour", "minute", "second", "week", "quarter", "dow", "isodow", "doy", "epoch")
_TYPES = {"number": "decimal", "boolean": "boolean", "date": "date", "datetime": "timestamptz", "json": "jsonb"}


@dataclass(frozen=True, slots=True)
class Source:
    """A data table as queries see it. `columns`: what users see of it, with the types of their columns (data.columns)."""

    id: str
    slug: str
    name: str
    physical_name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query in the database's own SQL. `columns`: (name, type) of the result; `tables`: physical names.

    `values` of the parameters: by name for PostgreSQL, in their order for SQLite, which searches long for a name.
    """

    sql: str
    values: dict[str, object] | list[object]
    columns: list[tuple[str, str]]
    tables: frozenset[str]


def prepare(available: Sequence[Source], sql: str, params: Mapping[str, object], dialect: str, limit: int) -> Query:
    """The query as `dialect` runs it, at most `limit` rows. StepError (permanent) says what cannot be in it."""
    from sqlglot.errors import SqlglotError

    tree = _parse(sql)
    _check(tree)
    used = _replace_tables(tree, available)
    try:
        tree = _qualify(tree, used)
        refuse_whole_rows(tree)
        columns = _result_columns(tree)
        values = _bind(tree, params)
        _limit(tree, limit, values)
        text, bound = _write(hide_internal_columns(tree, _visible(used)), dialect, values)
    except SqlglotError as error:
        raise _unclear(error, used) from None
    return Query(text, bound, columns, frozenset(t.physical_name for t in used))


def _wrong(message: str) -> StepError:
    return StepError(message, permanent=True)


def _parse(sql: str) -> exp.Expr:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(sql) > MAX_SQL or "\x00" in sql:
        raise _wrong(
            say(
                "The query is longer than %(most)s characters, or holds a character that is not text.",
                most=MAX_SQL,
            )
        )
    try:
        statements = [s for s in sqlglot.parse(sql, read="postgres") if s is not None]
    except (SqlglotError, RecursionError) as error:
        errors = getattr(error, "errors", None) or [{}]
        near = say(" near “%(place)s”", place=errors[0]["highlight"]) if errors[0].get("highlight") else ""
        raise _wrong(
            say("The query cannot be read as SQL%(near)s. Write one SELECT in PostgreSQL's dialect.", near=near)
        ) from None
    if len(statements) != 1:
        raise _wrong(say("Write exactly one SELECT."))
    if not isinstance(statements[0], exp.Select | exp.SetOperation | exp.Subquery):
        raise _wrong(say("Only SELECT is possible here. To change data, use the step “Save record”."))
    return statements[0]


def _check(tree: exp.Expr) -> None:
    """Refuses every kind of expression that is not on the list."""
    from sqlglot import exp

    allowed = {getattr(exp, name) for name in _NODES.split()}
    for node in tree.walk():
        if type(node) not in allowed:
            raise _wrong(say("%(what)s cannot be used in a query here.", what=_describe(node)))
        wrong = (
            (isinstance(node, exp.Var) and not node.name.isalpha())
            or (isinstance(node, exp.DataType) and node.this.name not in _CASTS)
            or (isinstance(node, exp.With) and node.args.get("recursive"))
            or (isinstance(node, exp.Table) and {k for k, v in node.args.items() if v} - {"this", "alias", "joins"})
            or (isinstance(node, exp.Table) and node.alias_column_names)
            or (isinstance(node, exp.Column) and len(node.parts) > 2)
            or (isinstance(node, exp.Interval) and not _plain_interval(node))
            or (isinstance(node, exp.TimestampTrunc) and node.args["unit"].name.lower() not in _PARTS[:8])
            or (isinstance(node, exp.Extract) and node.this.name.lower() not in _PARTS)
        )
        if wrong:
            raise _wrong(say("“%(part)s” cannot be used in a query here.", part=node.sql("postgres")[:80]))


def _describe(node: exp.Expr) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return say("The function %(name)s()", name=str(node.this).lower())
    if isinstance(node, exp.Func):
        return say("The function %(name)s()", name=node.sql_name().lower())
    return f"“{node.sql('postgres')[:60]}”"


def _plain_interval(node: exp.Interval) -> bool:
    """`INTERVAL '1 day'`, added to or taken from something."""
    from sqlglot import exp

    from flowapp.data.sql.sqlite import interval, interval_text

    beside = isinstance(node.parent, exp.Add | exp.Sub) and node.parent.expression is node
    return beside and isinstance(node.this, exp.Literal) and bool(interval(interval_text(node)))


def _replace_tables(tree: exp.Expr, available: Sequence[Source]) -> list[Source]:
    """Puts physical names and fresh names into the tree; returns the data tables that it reads."""
    from sqlglot import exp

    token = secrets.token_hex(6)
    fresh = {cte.alias.casefold(): f"cte_{token}_{at}" for at, cte in enumerate(tree.find_all(exp.CTE))}
    used: dict[str, Source] = {}
    for node in list(tree.find_all(exp.Table)):
        name = node.name
        if (physical := fresh.get(name.casefold())) is None:
            data_table = names.find(available, name)
            if data_table is None:
                hint = names.suggestion(name, [table.slug for table in available])
                raise _wrong(say("There is no data table “%(name)s” in this project.%(hint)s", name=name, hint=hint))
            used[data_table.id], physical = data_table, data_table.physical_name
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(name.lower(), quoted=True)))
        node.set("this", exp.to_identifier(physical, quoted=True))
    for cte in list(tree.find_all(exp.CTE)):
        cte.args["alias"].set("this", exp.to_identifier(fresh[cte.alias.casefold()], quoted=True))
    return list(used.values())


def _qualify(tree: exp.Expr, used: Sequence[Source]) -> exp.Expr:
    """Every column resolved and every star spelled out against what users may see; types annotated."""
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify import qualify

    schema = _visible(used)
    tree = qualify(tree, dialect="postgres", schema=schema)
    return annotate_types(tree, schema=schema, dialect="postgres")


def _visible(used: Sequence[Source]) -> dict[str, Any]:
    """The columns that users see, with their types, of each physical table."""
    return {
        table.physical_name: {name: _TYPES.get(kind, "text") for name, kind in table.columns.items()} for table in used
    }


def _result_columns(tree: exp.Expr) -> list[tuple[str, str]]:
    from flowapp.data.sql.sqlite import kind_of

    selects: list[exp.Expr] = tree.selects  # type: ignore[attr-defined]
    if any(select.is_star for select in selects):
        raise _wrong(say("It is not clear what * stands for here: name the columns."))
    titles = [select.alias_or_name for select in selects]
    for name, count in Counter(titles).items():
        if count > 1:
            raise _wrong(
                say("Two columns of the result are called “%(name)s”: give one another name with AS.", name=name)
            )
    kinds = [kind_of(select.unalias()) for select in selects]
    return [(name, kind.name if kind else "") for name, kind in zip(titles, kinds, strict=True)]


def _bind(tree: exp.Expr, params: Mapping[str, object]) -> dict[str, object]:
    """The values of the parameters. A list is one placeholder until the text is written: see _write."""
    from sqlglot import exp

    values: dict[str, object] = {}
    for node in tree.find_all(exp.Placeholder):
        name = str(node.this or "")
        if name not in params:
            hint = names.suggestion(name, params)
            raise _wrong(
                say("The query asks for :%(name)s, which is not among its parameters.%(hint)s", name=name, hint=hint)
            )
        value = params[name]
        if isinstance(value, list | tuple) and isinstance(node.parent, exp.In):
            if len(value) > MAX_LIST:
                raise _wrong(
                    say(
                        "The list “%(name)s” has %(count)s entries: at most %(most)s can stand in IN (:%(name)s).",
                        name=name,
                        count=len(value),
                        most=MAX_LIST,
                    )
                )
            many = [f"{name}_{at}_" for at in range(len(value))]
            values.update(zip(many, (_scalar(name, entry) for entry in value), strict=True))
            node.meta["many"] = many
        else:
            values[name] = _scalar(name, value)
    return values


def _scalar(name: str, value: object) -> object:
    if isinstance(value, dict | list | tuple):
        raise _wrong(
            say("The parameter “%(name)s” must be a single value; a list can only stand in IN (:%(name)s).", name=name)
        )
    if isinstance(value, int) and value not in WHOLE:
        raise _wrong(say("The parameter “%(name)s” is too large: a whole number can have at most 64 bits.", name=name))
    return value


def _limit(tree: exp.Expr, limit: int, values: dict[str, object]) -> None:
    from sqlglot import exp

    node = tree.args.get("limit")
    asked = node.expression if isinstance(node, exp.Limit) else None
    wanted: Any = limit
    if isinstance(asked, exp.Placeholder):
        wanted = values.pop(str(asked.this))
    elif asked is not None:
        wanted = asked.name if isinstance(asked, exp.Literal) else None
    if not str(wanted).isdigit():
        raise _wrong(say("LIMIT must be a whole number, or a parameter that is one."))
    tree.set("limit", exp.Limit(expression=exp.Literal.number(min(int(wanted), limit))))


def _write(tree: exp.Expr, dialect: str, values: dict[str, object]) -> tuple[str, dict[str, object] | list[object]]:
    """The SQL text, its parameters as the driver wants them, and their values.

    Meanwhile a parameter is a mark in the text, a random one, so that no text holds it.
    """
    from sqlglot import ErrorLevel, exp

    from flowapp.data.sql.sqlite import rewrite

    if dialect == "sqlite":
        tree = rewrite(tree, datetime.now(UTC))
    mark, marked = f"p{secrets.token_hex(8)}", list[tuple[list[str], str]]()
    for node in tree.find_all(exp.Placeholder):
        marked.append((node.meta.get("many", [str(node.this)]), node.meta.get("function", "")))
        node.args["this"] = f"{mark}_{len(marked) - 1}_"
    if dialect != "sqlite":
        text = tree.sql("postgres").replace("%", "%%")
        return re.sub(rf"%%\({mark}_(\d+)_\)s", lambda m: _each(marked[int(m[1])], "%({})s"), text), values
    text = tree.sql("sqlite", unsupported_level=ErrorLevel.RAISE)
    order = [int(match[1]) for match in re.finditer(rf":{mark}_(\d+)_", text)]
    text = re.sub(rf":{mark}_(\d+)_", lambda m: _each(marked[int(m[1])], "?"), text)
    return text, [values[name] for at in order for name in marked[at][0]]


def _each(marked: tuple[list[str], str], form: str) -> str:
    """One parameter, or those of a list, each inside the function that SQLite needs around it."""
    many, function = marked
    around = f"{function}({form})" if function else form
    return ", ".join(around.format(name) for name in many) or "NULL"


def _unclear(error: Exception, used: Sequence[Source]) -> StepError:
    text = str(error).split("\n", maxsplit=1)[0]
    if column := re.search(r"Column '\"?([^'\"]+)\"?' could not be resolved|Unknown column: (\w+)", text):
        name = (column[1] or column[2]).rsplit(".", 1)[-1]
        known = {column for table in used for column in table.columns}
        where = " and ".join(table.slug for table in used)
        return _wrong(
            say(
                "There is no column “%(name)s” in %(where)s.%(suggestion)s",
                name=name,
                where=where,
                suggestion=names.suggestion(name, known),
            )
        )
    return _wrong(say("The query cannot be understood: %(text)s", text=text))
