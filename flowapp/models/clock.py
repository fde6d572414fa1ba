"""The database's clock: the one clock that all hosts of an installation share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from flowapp.logs import get_logger
from flowapp.models.base import UtcDateTime, utcnow
from flowapp.models.tenancy import at_once

READ_EVERY = 10.0  # seconds; between two reads the process counts on by itself
_ROUND_TRIP = 0.5  # seconds; a slower answer says less than the one before
log = get_logger(__name__)


class database_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """What the database's clock says while the statement runs, aware, in UTC."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _postgresql(*_arguments: object, **_options: object) -> str:
    return "clock_timestamp()"


@compiles(database_now, "sqlite")
def _sqlite(*_arguments: object, **_options: object) -> str:
    """In the form that SQLAlchemy stores times in: to the microsecond, of which SQLite knows the first three digits."""
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class DatabaseClock:
    """What the database's clock says now, to a few milliseconds, without asking it each time.

    A host whose clock is wrong fires no schedule early and takes no lease over that way. SQLite has the host's clock.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.now: Callable[[], datetime] = utcnow if engine.dialect.name == "sqlite" else self._now
        self._known: tuple[datetime, float] | None = None  # what it said, and when by time.monotonic()
        self._asked_at = float("-inf")

    def _now(self) -> datetime:
        """Aware, in UTC. The host's time as long as the database has never answered."""
        if time.monotonic() - self._asked_at > READ_EVERY:
            self._asked_at = time.monotonic()  # the other threads count on meanwhile
            self._ask()
        if self._known is None:
            return utcnow()
        said, at = self._known
        return said + timedelta(seconds=time.monotonic() - at)

    def _ask(self) -> None:
        try:
            with self._engine.connect().execution_options(**at_once("postgresql")) as connection:
                before = time.monotonic()
                said = connection.execute(select(database_now())).scalar_one()
                after = time.monotonic()
        except SQLAlchemyError as error:
            log.info("the database's clock cannot be read", error=str(error).splitlines()[0])
            return
        if self._known is None or after - before < _ROUND_TRIP:
            self._known = said, (before + after) / 2
