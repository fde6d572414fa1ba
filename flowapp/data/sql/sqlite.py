"""What PostgreSQL's SQL means on SQLite: an expression tree is rewritten to functions that we give the connection.

Times are text in UTC on SQLite (`2026-03-31 14:30:00.000000`), dates `2026-03-31`: both sort as they should, so only
what computes with them needs a function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlglot import exp
from sqlglot.expressions import DataType

from flowapp.data.sql.like import ilike, like
from flowapp.errors import StepError
from flowapp.texts import say

_STAMP = "%Y-%m-%d %H:%M:%S.%f"
TIMES = frozenset({DataType.Type.TIMESTAMP, DataType.Type.TIMESTAMPTZ})
_EXACT = frozenset({DataType.Type.DECIMAL, DataType.Type.DOUBLE, DataType.Type.FLOAT})
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ)
_GIVEN = (exp.Literal, exp.Placeholder)


def rewrite(tree: exp.Expr, now: datetime) -> exp.Expr:
    """The tree with everything that SQLite does not know, or reads differently, replaced. Types must be annotated."""
    moment = now.astimezone(UTC)
    for clock, form, kind in (
        (exp.CurrentTimestamp, _STAMP, DataType.Type.TIMESTAMPTZ),
        (exp.CurrentDate, "%Y-%m-%d", DataType.Type.DATE),
    ):
        for call in list(tree.find_all(clock)):
            call.replace(_typed(exp.Literal.string(moment.strftime(form)), kind))
    for comparison in list(tree.find_all(*_COMPARISONS)):
        _align(comparison)
    # Children before parents, so that a replaced parent holds the replaced child.
    for node in reversed(list(tree.walk(bfs=True))):
        new = _replace(node)
        if new is not node:
            node.replace(new)
    return tree


def _typed(node: exp.Expr, kind: object) -> exp.Expr:
    node.type = DataType(this=kind)
    return node


def kind_of(node: object) -> Any:
    """The type that was inferred, None where unknown. What PostgreSQL computes from a date is a time, too."""
    beside = isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval)
    if beside or isinstance(node, exp.TimestampTrunc):
        return DataType.Type.TIMESTAMPTZ
    data_type = node.type if isinstance(node, exp.Expr) else None
    return data_type.this if isinstance(data_type, DataType) else None


def _call(name: str, *args: object) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[a if isinstance(a, exp.Expr) else exp.convert(a) for a in args])


def _align(comparison: exp.Expr) -> None:
    """Brings what is compared with a time or a date into its text form."""
    named = [comparison.args.get(name) for name in ("this", "expression", "low", "high")]
    sides = [side for side in (*named, *comparison.expressions) if isinstance(side, exp.Expr)]
    kinds = {kind_of(side) for side in sides}
    if kinds & TIMES:
        for side in sides:
            if kind_of(side) not in TIMES or isinstance(side, _GIVEN):
                _convert(side, "fa_timestamp", DataType.Type.TIMESTAMPTZ)
    elif DataType.Type.DATE in kinds:
        for side in sides:
            if isinstance(side, _GIVEN):
                _convert(side, "fa_date", DataType.Type.DATE)


def _convert(side: exp.Expr, function: str, kind: object) -> None:
    """Calls the function on it; of a list (data.sql.text) on each entry, when the text is written."""
    if "many" in side.meta:
        side.meta["function"] = function
    else:
        side.replace(_typed(_call(function, side.copy()), kind))


def _replace(node: exp.Expr) -> exp.Expr:
    new = node
    if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
        new = _call("fa_shift", node.this, interval_text(node.expression), 1 if isinstance(node, exp.Add) else -1)
    elif isinstance(node, exp.ILike | exp.Like):
        new = _call("fa_ilike" if isinstance(node, exp.ILike) else "fa_like", node.this, node.expression)
    elif isinstance(node, exp.TimestampTrunc):
        new = _call("fa_trunc", node.args["unit"].name.lower(), node.this)
    elif isinstance(node, exp.Extract):
        new = _call("fa_extract", node.this.name.lower(), node.expression)
    elif isinstance(node, exp.Cast):
        new = _cast(node)
    elif isinstance(node, exp.Div) and {kind_of(node.this), kind_of(node.expression)} & _EXACT:
        real = exp.Cast(this=node.this, to=DataType(this=DataType.Type.DOUBLE))
        new = exp.Div(this=real, expression=node.expression, typed=True)
    return new


def _cast(node: exp.Cast) -> exp.Expr:
    wanted = node.to.this
    if wanted in TIMES:
        return _call("fa_timestamp", node.this)
    if wanted == DataType.Type.DATE:
        return _call("fa_date", node.this)
    return _call("fa_boolean", node.this) if wanted == DataType.Type.BOOLEAN else node


def interval_text(interval: exp.Interval) -> str:
    """`1 day 2 hours`, however it was written."""
    unit = interval.args.get("unit")
    return f"{interval.this.name} {unit.name if unit is not None else ''}".strip().lower()


_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")
MAX_INTERVAL = 200
_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)")
_ALIASES = {"mon": "month", "mons": "month", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute",
            "sec": "second", "secs": "second", "y": "year", "d": "day", "h": "hour", "m": "minute", "s": "second"}  # fmt: skip


@lru_cache(maxsize=256)
def interval(text: str) -> relativedelta:
    """The length of time that an INTERVAL names. StepError where it is not understood."""
    parts = _PART.findall(text.lower()) if len(text) <= MAX_INTERVAL else []
    total = relativedelta()
    for amount, word in parts:
        unit = _ALIASES.get(word, word.removesuffix("s"))
        if unit not in _UNITS or (unit in ("year", "month") and "." in amount):
            parts = []
            break
        total += relativedelta(**{f"{unit}s": float(amount) if "." in amount else int(amount)})  # type: ignore[arg-type]
    if not parts or _PART.sub("", text.lower()).strip(" ,"):
        raise StepError(
            say("INTERVAL '%(text)s' is not supported. Use for example INTERVAL '1 day'.", text=text[:50]),
            permanent=True,
        )
    return total


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value).strip())
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _stamp(moment: datetime | None) -> str | None:
    return moment.strftime(_STAMP).rjust(26, "0") if moment else None


def _timestamp(value: object) -> str | None:
    return _stamp(_moment(value))


def _date(value: object) -> str | None:
    moment = _moment(value)
    return moment.date().isoformat() if moment else None


def _boolean(value: object) -> int | None:
    return None if value is None else int(str(value).strip().lower() in ("1", "t", "true", "y", "yes", "on"))


def _shift(value: object, text: str, sign: int) -> str | None:
    moment = _moment(value)
    return _stamp(moment + interval(text) * sign) if moment else None


def _trunc(unit: str, value: object) -> str | None:
    moment = _moment(value)
    if moment is None:
        return None
    if unit == "week":
        moment, unit = moment - timedelta(days=moment.weekday()), "day"
    if unit == "quarter":
        moment, unit = moment.replace(month=(moment.month - 1) // 3 * 3 + 1, day=1), "month"
    names = [name for name in _UNITS if name != "week"]
    cut = {name: 1 if name in ("month", "day") else 0 for name in names[names.index(unit) + 1 :]}
    return _stamp(moment.replace(**cut, microsecond=0))  # type: ignore[arg-type]


def _extract(part: str, value: object) -> float | None:
    moment = _moment(value)
    if moment is None:
        return None
    readers: dict[str, Callable[[datetime], float]] = {
        "epoch": lambda m: m.replace(tzinfo=UTC).timestamp(),
        "dow": lambda m: m.isoweekday() % 7,
        "isodow": lambda m: m.isoweekday(),
        "doy": lambda m: m.timetuple().tm_yday,
        "week": lambda m: m.isocalendar().week,
        "quarter": lambda m: (m.month + 2) // 3,
        "second": lambda m: m.second + m.microsecond / 1e6,
    }
    part_value = readers[part](moment) if part in readers else getattr(moment, part)
    return int(part_value) if part_value == int(part_value) else part_value


FUNCTIONS: tuple[tuple[str, int, Callable[..., str | int | float | None]], ...] = (
    ("fa_timestamp", 1, _timestamp), ("fa_date", 1, _date), ("fa_boolean", 1, _boolean), ("fa_shift", 3, _shift),
    ("fa_trunc", 2, _trunc), ("fa_extract", 2, _extract), ("fa_like", 2, like), ("fa_ilike", 2, ilike),
)  # fmt: skip
