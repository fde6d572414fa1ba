"""Runs the jobs that have a time of their own, beside the scheduler's ticks: a purge takes longer than a tick may."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from flowapp.logs import get_logger
from flowapp.models.sqlite import refresh_statistics
from flowapp.tasks import jobs
from flowapp.tasks.runtime import runtime

LOOK = 30.0  # seconds between two looks at what is due
NOTE = timedelta(minutes=1)
_OF_EVERY_TICK = {
    "process_waiting_executions": ("timers", "lost", "signals"),
    "process_scheduled_triggers": ("started",),
}
log = get_logger(__name__)


class Upkeep(threading.Thread):
    """The thread of a scheduler. `leads()` says whether this one holds the lease; `stop` ends it."""

    def __init__(self, leads: Callable[[], bool], stop: threading.Event) -> None:
        super().__init__(name="upkeep", daemon=True)
        self.leads, self.stop = leads, stop

    def run(self) -> None:
        jobs.load()
        refresh_statistics(runtime().engine)
        while not self.stop.wait(LOOK):
            try:
                self.look(runtime().clock.now())
            except Exception:
                log.exception("looking at what is due failed, trying again")

    def look(self, now: datetime) -> None:
        """Runs what is due, one job after the other."""
        last = jobs.last_runs() if self.leads() else {}
        for name, spec in jobs.JOBS.items():
            known = last.get(name)
            if not self.leads() or self.stop.is_set():
                return
            if jobs.is_due(spec, known.started_at if known else None, now):
                try:
                    jobs.perform(name, **spec.by_itself)
                except Exception:
                    log.exception("job failed, trying again when it is due next", job=name)


class Notes:
    """What the jobs of every tick did, if only nothing, written down once a minute: a row each tick would be a write each tick."""

    def __init__(self) -> None:
        self._written: datetime | None = None
        self._begin()

    def _begin(self) -> None:
        self._counts = {job: Counter(dict.fromkeys(names, 0)) for job, names in _OF_EVERY_TICK.items()}
        self._seconds = dict.fromkeys(_OF_EVERY_TICK, 0.0)

    def count(self, job: str, name: str, work: Callable[[datetime], int], now: datetime) -> None:
        """Does the work, and counts what it did."""
        began = time.monotonic()
        self._counts[job][name] += work(now)
        self._seconds[job] += time.monotonic() - began

    def write(self, now: datetime) -> None:
        """Writes the notes of the last minute down, if it is over."""
        if self._written is not None and self._written <= now < self._written + NOTE:
            return
        for job, counts in self._counts.items():
            jobs.record(job, now, self._seconds[job], result=dict(counts))
        self._written = now
        self._begin()
