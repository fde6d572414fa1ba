"""Deleting much without standing in anybody's way: small transactions, and a pause after each.

A transaction deletes what takes about AIM seconds; how much that is, is learned while deleting. Then it pauses
for as long as it deleted, so that others write in between (SQLite lets one write at a time).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Delete, Engine, Row, Select, Table, delete, false

from flowapp.models import Lease
from flowapp.models.tenancy import SYSTEM, use_tenant

AIM = 0.05  # seconds of a transaction
PAUSE = 0.005  # seconds at least between two
FIRST, LEAST, MOST = 100, 10, 5000  # pieces of a transaction: at first, at least, at most
PIECE = 4096  # bytes that weigh as much as a row
_TAKE_TURN = delete(cast(Table, Lease.__table__)).where(false())


@dataclass(slots=True)
class BatchTotals:
    """Transactions so far; the longest took that many milliseconds, and the heaviest weighed that many pieces."""

    batches: int = 0
    longest_ms: int = 0
    heaviest: int = 0


class BatchDelete:
    """Deletes over all organizations. `stop` ends the work after the transaction that is under way."""

    def __init__(self, engine: Engine, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine, self.stop, self.clock = engine, stop, clock
        self.dialect = engine.dialect.name
        self.pieces = FIRST
        self.totals = BatchTotals()

    def rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        """What a statement finds."""
        with self.engine.connect() as connection, connection.begin():
            use_tenant(connection, SYSTEM)
            return connection.execute(statement).all()

    def delete(self, weight: int, *statements: Delete) -> int:
        """One transaction, and a pause; how many rows the last statement deleted."""
        with self.engine.connect() as connection, connection.begin():
            use_tenant(connection, SYSTEM)
            connection.execute(_TAKE_TURN)  # waiting for SQLite's one place to write is not counted
            began = self.clock()
            deleted = [connection.execute(statement).rowcount for statement in statements]
        took = self.clock() - began
        self._learn(weight, took)
        self.stop.wait(max(PAUSE, took))
        return deleted[-1]

    def parts(self, weighed: Iterable[tuple[object, int]]) -> Iterator[tuple[list[object], int]]:
        """As many as one transaction may delete, and their weight. Ends early once it is stopped."""
        some: list[object] = []
        total = 0
        for one, weight in weighed:
            if some and total + weight > self.pieces:
                yield some, total
                some, total = [], 0
            if self.stop.is_set():
                return
            some.append(one)
            total += weight
        if some:
            yield some, total

    def _learn(self, weight: int, took: float) -> None:
        self.totals.batches += 1
        self.totals.longest_ms = max(self.totals.longest_ms, round(took * 1000))
        self.totals.heaviest = max(self.totals.heaviest, weight)
        if took > AIM or weight > self.pieces // 2:  # a small batch says nothing of how large one may be
            wanted = int(self.pieces * max(0.25, min(2.0, AIM / max(took, 0.001))))
            self.pieces = max(LEAST, min(MOST, wanted))
