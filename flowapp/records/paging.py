"""Pages of a list by key and id: stable while rows are added, as cheap on the last page as on the first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, UnaryExpression, Uuid, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import operators

from flowapp import exact_json
from flowapp.errors import UnknownReferenceError
from flowapp.models.base import UtcDateTime
from flowapp.texts import say

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)
COUNTED = 10_000
MAX_NUMBER = 10_000  # of a page that is asked for by its number: what is left out is read all the same


@dataclass(frozen=True, slots=True)
class PageAt:
    """Which page of a list: at a `cursor` that a page gave, or with a `number` from 1; else the first. `limit`: its rows."""

    limit: int = 25
    cursor: str | None = None
    number: int | None = None


FIRST = PageAt()


@dataclass(frozen=True, slots=True)
class Page(Generic[Item_co]):
    """Some rows of a list; `next` and `previous` are cursors, None where there is nothing more.

    Where it is `numbered`, they are the numbers of those pages.

    `total` counts all, up to COUNTED; where there are more, it is COUNTED and `at_least` is true: counting a million
    takes seconds.
    """

    rows: Sequence[Item_co]
    next: str | None
    previous: str | None
    total: int
    at_least: bool = False
    numbered: bool = False

    def of(self, rows: Sequence[Item]) -> Page[Item]:
        """The same page of what is made of its rows."""
        return Page(rows, self.next, self.previous, self.total, self.at_least, self.numbered)


def read_page(text: str | None) -> int:
    """The number of a page as an address holds it; the first where it is none."""
    number = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else 1
    return min(max(number, 1), MAX_NUMBER)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after the row with this key and id, or, going `back`, before it."""

    key: Any
    id: Any
    back: bool

    def write(self) -> str:
        return base64.urlsafe_b64encode(exact_json.dumps([self.key, self.id, self.back])).decode().rstrip("=")


def paginate(
    session: Session,
    statement: Select[Item],
    at: PageAt,
    *,
    key: ColumnElement[Any] | InstrumentedAttribute[Any],
    id_column: InstrumentedAttribute[Any],
    descending: bool = True,
) -> Page[Item]:
    """The page of `statement` (a select of one entity) that is asked for. UnknownReferenceError for a foreign cursor.

    `key` must never be null. The count is taken over the same entity, so that the tenant's criterion holds for it too.
    """
    columns = (key, id_column)
    if at.number is not None:
        order = [column.desc() if descending else column.asc() for column in columns]
        page = numbered(session, statement, at, order=order, counted=id_column)
        return page.of([row[0] for row in page.rows])
    whole = statement.limit(COUNTED + 1)
    place = _read(at.cursor, key, id_column) if at.cursor else None
    back = place is not None and place.back
    falling = descending != back
    if place is not None:
        here, there = tuple_(key, id_column), tuple_(literal(place.key, key.type), literal(place.id, id_column.type))
        statement = statement.where(here < there if falling else here > there)
    ordered = statement.order_by(*(column.desc() if falling else column.asc() for column in columns))
    rows = session.execute(ordered.add_columns(*columns).limit(at.limit + 1)).all()
    more, rows = len(rows) > at.limit, rows[: at.limit]
    if back:
        rows = rows[::-1]
    first, last = (rows[0], rows[-1]) if rows else (None, None)
    total = len(rows) if place is None and not more else _number_of(session, whole, id_column)
    return Page(
        [row[0] for row in rows],
        _write(last, back=False) if more or back else None,
        _write(first, back=True) if place is not None and (more or not back) else None,
        min(total, COUNTED),
        total > COUNTED,
    )


def numbered(
    session: Session,
    statement: Select[Any],
    at: PageAt,
    *,
    order: Sequence[ColumnElement[Any]],
    counted: InstrumentedAttribute[Any] | None = None,
) -> Page[Row[Any]]:
    """The page of that number (the first, without one) of any select; its `rows` are the database's.

    For lists whose order no cursor can hold: a column that may be empty, a sum over groups.
    """
    number = at.number or 1
    first = (number - 1) * at.limit
    if first >= COUNTED:
        total = _number_of(session, statement, counted)
        rows, more = _far(session, statement, at, order, total)
    else:
        found = session.execute(slice_of(statement, at, order, more=1)).all()
        rows, more = found[: at.limit], len(found) > at.limit
        ended = not more and (rows or not first)  # all that there are is seen, and need not be counted
        total = first + len(rows) if ended else _number_of(session, statement.limit(COUNTED + 1), counted)
    following = str(number + 1) if more and number < MAX_NUMBER else None
    previous = str(number - 1) if number > 1 else None
    return Page(rows, following, previous, min(total, COUNTED), total > COUNTED, numbered=True)


def slice_of(statement: Select[Any], at: PageAt, order: Sequence[ColumnElement[Any]], more: int = 0) -> Select[Any]:
    """The rows of a numbered page, and `more` behind them."""
    return statement.order_by(*order).limit(at.limit + more).offset(((at.number or 1) - 1) * at.limit)


def _far(
    session: Session, statement: Select[Item], at: PageAt, order: Sequence[ColumnElement[object]], total: int
) -> tuple[Sequence[Row[Item]], bool]:
    """The rows of a page far behind, of `total`, and whether there are more. Read from the end where that is nearer: what
    is left out is read all the same."""
    first = ((at.number or 1) - 1) * at.limit
    last = min(first + at.limit, total)
    if first < total - last:
        return session.execute(slice_of(statement, at, order)).all(), last < total
    backwards = statement.order_by(*map(_backwards, order)).limit(max(last - first, 0)).offset(total - last)
    return session.execute(backwards).all()[::-1], last < total


def _backwards(key: ColumnElement[object]) -> ColumnElement[object]:
    """The key of the same order from its end."""
    if not isinstance(key, UnaryExpression):
        return key.desc()
    if key.modifier in (operators.nulls_last_op, operators.nulls_first_op):
        inner = _backwards(key.element)
        return inner.nulls_first() if key.modifier is operators.nulls_last_op else inner.nulls_last()
    return key.element.asc() if key.modifier is operators.desc_op else key.element.desc()


def _number_of(session: Session, statement: Select[Item], counted: InstrumentedAttribute[object] | None) -> int:
    """How many rows there are; a limit bounds what it costs."""
    ids = statement if counted is None else statement.with_only_columns(counted, maintain_column_froms=True)
    rows = ids.order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(rows)) or 0


def _write(row: Any, *, back: bool) -> str | None:
    return _Place(row[-2], row[-1], back).write() if row is not None else None


def _read(cursor: str, key: Any, id_column: Any) -> _Place:
    try:
        value, row_id, back = exact_json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(key.type, UtcDateTime):
            value = datetime.fromisoformat(value)
        place = _Place(value, _exact(row_id, id_column), back)
    except (ValueError, TypeError, AttributeError):
        place = None
    if place is None or not isinstance(place.key, key.type.python_type) or not isinstance(place.back, bool):
        raise UnknownReferenceError.at("cursor", say("This cursor is not valid. Start again without one."))
    return place


def _exact(value: Any, column: Any) -> Any:
    """An id that a cursor holds. ValueError where the column has no such ones."""
    if isinstance(column.type, Uuid):
        return str(UUID(value))
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(value)
    return value
