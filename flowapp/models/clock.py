"""The database's clock, in SQL: the one clock that all hosts of an installation share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from flowapp.models.base import UtcDateTime


class database_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """What the database's clock says while the statement runs, aware, in UTC."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _postgresql(*_arguments: Any, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(database_now, "sqlite")
def _sqlite(*_arguments: Any, **_options: Any) -> str:
    """In the form that SQLAlchemy stores times in: to the microsecond, of which SQLite knows the first three digits."""
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
