"""The database's side of a worker process that cannot speak for itself (engine.store.rescue), kept up through outages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from flowapp.engine.runtime.activity import JOB, Entry
from flowapp.engine.store import rescue
from flowapp.logs import get_logger
from flowapp.models import Heartbeat
from flowapp.models.clock import DatabaseClock
from flowapp.models.sqlite import wait_at_most
from flowapp.models.tenancy import system_session
from flowapp.tasks.fleet.watchdog import Ward

PATIENCE = 1.0  # seconds
log = get_logger(__name__)
Holder = tuple[str, str]  # execution, process


class Handover:
    """What the parent of worker processes reads and writes. A database that is away is asked again later."""

    def __init__(self, engine: Engine, lease: timedelta) -> None:
        self.engine, self.lease, self.now = engine, lease, DatabaseClock(engine).now
        event.listen(engine, "connect", _be_brief)
        self._owed: list[tuple[Ward, list[Entry]]] = []

    def lost(self, holders: Sequence[Holder]) -> set[Holder]:
        """Those that work for nothing; none where the database does not answer."""
        lost_holders: set[Holder] = set()
        if holders:
            self._ask(lambda session: lost_holders.update(rescue.lost(session, holders)))
        return lost_holders

    def prolong(self, ward: Ward, entries: Sequence[Entry]) -> None:
        """Keeps what a stalled process holds."""
        self._ask(lambda session: rescue.prolong(session, ward.owner, _executions(entries), self.now(), self.lease))

    def settle(self, ward: Ward, entries: list[Entry]) -> None:
        """Soon: whoever was at fault is blamed, the others are given back."""
        self._owed.append((ward, entries))

    def pay(self) -> None:
        """Does what is owed."""
        while self._owed and self._ask(lambda session: _settle(session, self.now(), *self._owed[0])):
            self._owed.pop(0)

    def _ask(self, work: Callable[[Session], None]) -> bool:
        try:
            with system_session(self.engine) as session:
                work(session)
                session.commit()
        except SQLAlchemyError as error:
            log.warning("the database does not respond, trying again", error=str(error))
            return False
        return True


def _be_brief(connection: Any, _record: object) -> None:
    """Whoever watches may not be held up: a frozen process can have half the database locked."""
    if isinstance(connection, sqlite3.Connection):
        wait_at_most(connection, PATIENCE)
    else:
        for setting in ("lock_timeout", "statement_timeout"):
            connection.execute(f"SET {setting} = {PATIENCE * 1000:.0f}")
        connection.commit()


def _settle(session: Session, now: datetime, ward: Ward, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if reason := ward.at_fault.get(entry.key):
            rescue.blame(session, ward.owner, entry.execution_id, reason, now)
    beside = [entry for entry in entries if entry.key not in ward.at_fault]
    rescue.give_back(session, ward.owner, _executions(beside))
    host = ward.owner.rpartition(":")[0]
    session.execute(delete(Heartbeat).where(Heartbeat.host == host, Heartbeat.pid == ward.pid))  # nobody need miss it


def _executions(entries: Sequence[Entry]) -> list[str]:
    return [entry.execution_id for entry in entries if entry.phase != JOB]
