"""Forms of repeated rows, as the macros `rows` and `reorderable` post them: `columns-0-label`, `_add`, `_remove`, `_up`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from flowapp.errors import InvalidError
from flowapp.web.texts import translated

Row = dict[str, Any]


def read_rows(form: MultiDict[str, str], name: str) -> list[Row]:
    """The rows called `name`, in the order that the fields `order` give, else by number; each knows its `id`."""
    rows: dict[str, Row] = {}
    for key, value in form.items():
        start, _, rest = key.partition("-")
        number, _, field = rest.partition("-")
        if start == name and number.isdecimal() and len(number) < 5 and field:
            rows.setdefault(number, {"id": number})[field] = value
    order = {number: at for at, number in enumerate(form.getlist("order"))}
    return sorted(rows.values(), key=lambda row: (order.get(row["id"], len(order)), int(row["id"])))


def change_rows(form: MultiDict[str, str], name: str, rows: list[Row], blank: Mapping[str, Any]) -> list[Row] | None:
    """The rows after the button that was pressed to add, remove or move one; None where it was another button."""
    if form.get("_add") == name:
        return [*rows, {"id": str(1 + max((int(row["id"]) for row in rows), default=-1)), **blank}]
    if (form.get("_remove") or "").startswith(f"{name}-"):
        return [row for row in rows if f"{name}-{row['id']}" != form["_remove"]]
    if "_order" in form:
        return rows
    for button, step in (("_up", -1), ("_down", 1)):
        places = [at for at, row in enumerate(rows) if row["id"] == form.get(button)]
        if button in form and places:
            at, to = places[0], min(max(places[0] + step, 0), len(rows) - 1)
            rows[at], rows[to] = rows[to], rows[at]
            return rows
    return None


def number_rows(rows: list[Row]) -> list[Row]:
    """The rows, their ids being their places: as error paths count them."""
    return [{**row, "id": str(at)} for at, row in enumerate(rows)]


def errors_of(error: InvalidError) -> dict[str, str]:
    """Messages by the name of the input: `columns.0.label` stands at `columns-0-label`."""
    errors: dict[str, str] = {}
    for problem in error.problems:
        errors.setdefault(problem.path.replace(".", "-"), translated(problem.message))
    return errors
