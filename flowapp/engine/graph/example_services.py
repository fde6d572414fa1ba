"""What an example of a result may use in place of services: what tables look like, and what other workflows gave.

Nothing is read of records, and nothing is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowapp.catalog.context import Found, Saved
from flowapp.errors import StepError
from flowapp.values.conventions import UNSTATED, Conventions

Shape = Mapping[str, str]  # the names of columns, with their types
BY_TYPE: Mapping[str, object] = {
    "email": "ada@example.com", "number": 42, "boolean": True, "date": "2026-03-31",
    "datetime": "2026-03-31T09:00:00+00:00", "select": "…", "json": {}, "id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
}  # fmt: skip


def _unknown(_name: str) -> None:
    return None


def _no_query(_sql: str, _params: Mapping[str, object]) -> None:
    return None


def _nothing(_name: str) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a project has, as far as it is known: a table's columns by its name, those of a query, a workflow's last output.

    `own`: the fields that the organization defined for an entity, each with an example.
    """

    columns: Callable[[str], Shape | None] = _unknown
    query: Callable[[str, Mapping[str, object]], Shape | None] = _no_query
    output: Callable[[str], object] = _unknown
    own: Callable[[str], Mapping[str, object]] = _nothing


class ExampleTables:
    """Finds one record in every table, as its columns say; saves nothing."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        """What was to be saved, with what the table adds."""
        del match
        example = _record(self.shapes.columns(table))
        saved = [{**example, **row} for row in rows]
        return Saved(saved, len(saved) if mode == "insert" else 0, 0 if mode == "insert" else len(saved))

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found:
        """One record with the query's columns."""
        del limit
        return Found([_record(self.shapes.query(sql, params))], 1)

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] = (),
        order_by: str = "",
        descending: bool = False,
        limit: int = 100,
    ) -> Found:
        """One record with the chosen columns, that has what is asked for."""
        del order_by, descending, limit
        known = _record(self.shapes.columns(table))
        record = known | {name: value for name, value in (where or {}).items() if name in known and value is not None}
        return Found([{name: record[name] for name in columns or record if name in record}], 1)


def _record(shape: Shape | None) -> dict[str, object]:
    if not shape:
        raise StepError("The columns are not known.")
    return {name: BY_TYPE.get(kind, "…") for name, kind in shape.items()}


class ExampleServices:
    """How the organization writes numbers and dates is not known here."""

    def __init__(self, shapes: Shapes) -> None:
        self.tables = ExampleTables(shapes)

    def conventions(self) -> Conventions:
        """None are stated."""
        return UNSTATED
