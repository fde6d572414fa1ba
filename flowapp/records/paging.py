"""Pages of a list by key and id: stable while rows are added, as cheap on the last page as on the first."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp import exact_json
from flowapp.errors import UnknownReferenceError
from flowapp.models.base import UtcDateTime
from flowapp.texts import say

COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list; `next` and `previous` are cursors, None where there is nothing more.

    `total` counts all, up to COUNTED; where there are more, it is COUNTED and `at_least` is true: counting a million
    takes seconds.
    """

    rows: list[Any]
    next: str | None
    previous: str | None
    total: int
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after the row with this key and id, or, going `back`, before it."""

    key: Any
    id: str
    back: bool

    def write(self) -> str:
        return base64.urlsafe_b64encode(exact_json.dumps([self.key, self.id, self.back])).decode().rstrip("=")


def paginate(
    session: Session,
    statement: Select[Any],
    *,
    key: ColumnElement[Any] | InstrumentedAttribute[Any],
    id_column: InstrumentedAttribute[str],
    descending: bool = True,
    limit: int = 25,
    cursor: str | None = None,
) -> Page:
    """The page of `statement` (a select of one entity) that `cursor` names. UnknownReferenceError for one that no list gave.

    `key` must never be null. The count is taken over the same entity, so that the tenant's criterion holds for it too.
    """
    some = statement.with_only_columns(id_column, maintain_column_froms=True).limit(COUNTED + 1)
    total = session.scalar(select(func.count()).select_from(some.subquery())) or 0
    place = _read(cursor, key) if cursor else None
    back = place is not None and place.back
    falling = descending != back
    if place is not None:
        here, there = tuple_(key, id_column), tuple_(literal(place.key, key.type), literal(place.id, id_column.type))
        statement = statement.where(here < there if falling else here > there)
    columns = (key, id_column)
    ordered = statement.order_by(*(column.desc() if falling else column.asc() for column in columns))
    rows = session.execute(ordered.add_columns(*columns).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    if back:
        rows = rows[::-1]
    first, last = (rows[0], rows[-1]) if rows else (None, None)
    return Page(
        [row[0] for row in rows],
        _write(last, back=False) if more or back else None,
        _write(first, back=True) if place is not None and (more or not back) else None,
        min(total, COUNTED),
        total > COUNTED,
    )


def _write(row: Any, *, back: bool) -> str | None:
    return _Place(row[-2], row[-1], back).write() if row is not None else None


def _read(cursor: str, key: Any) -> _Place:
    try:
        value, row_id, back = exact_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = _Place(
            datetime.fromisoformat(value) if isinstance(key.type, UtcDateTime) else value, str(UUID(row_id)), back
        )
    except (ValueError, TypeError, AttributeError):
        place = None
    if place is None or not isinstance(place.key, key.type.python_type) or not isinstance(place.back, bool):
        raise UnknownReferenceError.at("cursor", say("This cursor is not valid. Start again without one."))
    return place
