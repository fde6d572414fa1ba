"""What a query sees of a data table: the columns that its users see, as if the table had no others.

The physical table has columns of ours (whose it is, which step wrote a row). A list of forbidden names would have to
foresee every way of naming a column without its name (`SELECT people`, `people AS t(a, b)`, NATURAL JOIN), so the
database itself gets a table without them: `(SELECT id, name, … FROM ud_…) AS people`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flowapp.errors import StepError
from flowapp.texts import say

if TYPE_CHECKING:  # sqlglot is heavy: it is imported when the first query runs
    from sqlglot import exp


def refuse_whole_rows(tree: exp.Expr) -> None:
    """StepError for what is not a column in a qualified tree: PostgreSQL takes it for a whole row, SQLite for a text."""
    from sqlglot import exp

    for node in tree.find_all(exp.Column, exp.TableColumn, exp.Dot):
        starred = isinstance(node.this, exp.Star)
        whole_row = isinstance(node, exp.Column) and bool(node.table) and not starred
        if not whole_row and not _names_a_result(node):
            raise _not_a_column(node.args["table"].name if starred else node.name, dotted=isinstance(node, exp.Dot))


def _not_a_column(name: str, *, dotted: bool) -> StepError:
    hint = "." if dotted else say(": name the columns that you want, as in %(name)s.id.", name=name)
    return StepError(say("“%(name)s” is not a column here%(hint)s", name=name, hint=hint), permanent=True)


def _names_a_result(node: exp.Expr) -> bool:
    """Whether it stands bare in ORDER BY, GROUP BY or DISTINCT ON, and a column of the result is called so."""
    from sqlglot import exp

    clause = node.parent.parent if isinstance(node.parent, exp.Ordered) else node.parent
    if isinstance(clause, exp.Tuple):  # DISTINCT ON (…)
        clause = clause.parent
    query = clause.parent if isinstance(clause, exp.Order | exp.Group | exp.Distinct) else None
    return isinstance(query, exp.Query) and node.name in query.named_selects


def hide_internal_columns(tree: exp.Expr, visible: Mapping[str, Sequence[str]]) -> exp.Expr:
    """The tree with each physical table (the keys of `visible`) cut down to those columns."""
    from sqlglot import exp

    for table in list(tree.find_all(exp.Table)):
        if table.name in visible:
            alias, joins = table.args.pop("alias"), table.args.pop("joins", None)
            columns = [exp.column(name, quoted=True) for name in visible[table.name]]
            shown = exp.Select(expressions=columns, from_=exp.From(this=table.copy()))
            table.replace(exp.Subquery(this=shown, alias=alias, joins=joins))
    return tree
