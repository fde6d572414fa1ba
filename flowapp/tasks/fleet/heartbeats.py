"""Heartbeats: every process says every few seconds that it lives, and for how long it has made no progress.

One row a process, written by a thread of its own (one UPSERT, one round trip), so that a process whose other threads all
hang still says so. A process that ends in order takes its row with it; one that is killed or frozen falls silent.
`tasks.fleet.health` reads them.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from flowapp.config import VERSION, Settings
from flowapp.logs import get_logger
from flowapp.models import Heartbeat, new_id, utcnow
from flowapp.models.clock import database_now
from flowapp.models.tenancy import at_once
from flowapp.security.installation_keys import fingerprint, fingerprints
from flowapp.tasks.runtime import Runtime

KEPT = timedelta(hours=1)  # rows of processes that were killed: who looks for the reason still finds them
_PRUNE_EVERY = 100  # beats of a scheduler
_ROUND_TRIP = timedelta(seconds=0.5)  # a slower one says nothing about clocks
log = get_logger(__name__)


def every(settings: Settings) -> float:
    """Seconds between two beats: 5, or less where leases are short."""
    return min(5.0, settings.lease_seconds / 2)


def clock_ahead(engine: Engine) -> float:
    """Seconds by which this host's clock is ahead of the database's."""
    with engine.connect() as connection:
        before = utcnow()
        there: datetime = connection.execute(select(database_now())).scalar_one()
        after = utcnow()
    return (before + (after - before) / 2 - there).total_seconds()


class Heart(threading.Thread):
    """Beats for this process until `stop`. `stalled_for()`: for how many seconds the process has made no progress."""

    def __init__(self, runtime: Runtime, kind: str, stalled_for: Callable[[], float]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.runtime, self.kind, self.stalled_for = runtime, kind, stalled_for
        self.id = ""  # given by the first beat: a fork is another process
        self._ended = threading.Event()
        self._fixed: dict[str, object] = {}
        self._clock_ahead_ms: int | None = None

    def run(self) -> None:
        beats, well = 0, True
        pause = every(self.runtime.settings)
        while True:
            try:
                self.beat()
                if self.kind == "scheduler" and beats % _PRUNE_EVERY == _PRUNE_EVERY - 1:
                    self.prune()
                well = True
            except SQLAlchemyError as error:
                if well:  # once: the database is away, or not yet set up
                    log.warning("heartbeat not written, trying again", error=str(error).splitlines()[0])
                well = False
            beats += 1
            # The second beat comes soon: it tells what the first one learnt about the clock.
            if self._ended.wait(pause if beats > 1 else min(pause, 1.0)):
                return

    def beat(self) -> None:
        """Writes the row. SQLAlchemyError where the database is away."""
        fixed = self._fixed = self._fixed or self._about_this_process()
        now = {
            "seen_at": database_now(),
            "stalled_seconds": int(self.stalled_for()),
            "clock_ahead_ms": self._clock_ahead_ms,
        }
        dialect = self.runtime.engine.dialect.name
        insert = (sqlite if dialect == "sqlite" else postgresql).insert(Heartbeat)
        statement = (
            insert.values(**fixed, started_at=database_now(), **now)
            .on_conflict_do_update(index_elements=["id"], set_=now)
            .returning(Heartbeat.seen_at)
        )
        with self.runtime.engine.connect().execution_options(**at_once(dialect)) as connection:
            before = utcnow()
            seen: datetime = connection.execute(statement).scalar_one()
            after = utcnow()
            connection.commit()
        if after - before < _ROUND_TRIP:
            self._clock_ahead_ms = round((before + (after - before) / 2 - seen) / timedelta(milliseconds=1))

    def prune(self) -> None:
        """Deletes the rows of processes that fell silent long ago."""
        with self.runtime.engine.begin() as connection:
            now: datetime = connection.execute(select(database_now())).scalar_one()
            connection.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - KEPT))

    def stop(self) -> None:
        """Ends the thread and takes the row away: this process ends in order."""
        self._ended.set()
        if not self.id:
            return
        self.join(0.5)  # a beat that is under way would write the row again
        try:
            with self.runtime.engine.begin() as connection:
                connection.execute(delete(Heartbeat).where(Heartbeat.id == self.id))
        except SQLAlchemyError:
            log.info("heartbeat not removed: the process will show as silent")

    def _about_this_process(self) -> dict[str, object]:
        settings = self.runtime.settings
        self.id = new_id()
        return {
            "id": self.id,
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "kind": self.kind,
            "version": VERSION,
            "secret_key": fingerprint(settings.secret_key),
            "encryption_keys": fingerprints(settings.encryption_keys),
        }
