"""What a worker owes the executions that it holds: their leases are kept, what happened is written until it is written.

One thread keeps all leases of the process: one UPDATE each, every third of a lease. One whose first steps are pure has no lease yet (engine.store.journal.first): its wake-up is kept instead, so that the scheduler does
not take it for lost and wakes a second worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from flowapp.engine.store.journal import Batch, Claim, Journal
from flowapp.logs import get_logger
from flowapp.models.away import is_away

log = get_logger(__name__)


UNCLAIMED = 2.0  # seconds; well below engine.store.timers.RING_AGAIN
IDLE_LOOKS = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5  # seconds; short, so that who holds the lease is back before it is missed
LAST_SECONDS = 2.0  # of a process that ends


@dataclass(slots=True)
class Held:
    """An execution that this process holds."""

    journal: Journal
    claim: Claim
    kept_at: datetime

    def keep(self, now: datetime) -> None:
        self.kept_at = now
        if self.claim.taken:
            self.journal.extend(self.claim, now)
        elif self.claim.status == "pending":
            self.journal.keep_wake_up(self.claim, now)


class Keeper:
    """Prolongs what is `held`, by any keys. Whoever adds to it starts the keeper where it is not `awake`: its thread ends
    once nothing has been held for IDLE_LOOKS looks."""

    def __init__(self, lease_seconds: float, now: Callable[[], datetime]) -> None:
        self._every = lease_seconds / 3
        self._now = now
        self.held: dict[int, Held] = {}
        self.awake = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Keeps from now on."""
        with self._lock:
            if not self.awake:
                self.awake = True
                threading.Thread(target=self._keep, name="leases", daemon=True).start()

    def _keep(self) -> None:
        pause, idle = threading.Event(), 0
        while not pause.wait(min(self._every, UNCLAIMED)):
            idle = 0 if self.held else idle + 1
            if idle > IDLE_LOOKS and self._ended():
                return
            now = self._now()
            for held in self._due(now):
                try:
                    held.keep(now)
                except SQLAlchemyError as error:  # also what follows a broken connection: this thread must not end
                    log.warning("lease not extended", execution_id=held.claim.row["id"], error=str(error))

    def _ended(self) -> bool:
        """Ends the thread, unless a claim came this moment: it was added before whoever did looked whether this is awake."""
        with self._lock:
            self.awake = False
            self.awake = bool(self.held)
            return not self.awake

    def _due(self, now: datetime) -> list[Held]:
        return [
            h
            for h in list(self.held.values())
            if (now - h.kept_at).total_seconds() >= (self._every if h.claim.taken else UNCLAIMED)
        ]


def write_again(journal: Journal, claim: Claim, batch: Batch, stopping: Callable[[], bool], error: Exception) -> None:
    """Writes a batch whose first write ended with `error`, again and again while the database is away; a process that ends
    tries LAST_SECONDS longer.

    So a database that is away for a while makes no delivered e-mail uncertain. The fence guards each try as it guards the
    first one. A try whose answer was lost may have been written: that is looked up before the next one, which would
    otherwise take its own work for another worker's.

    FencedError where the claim was lost meanwhile; other errors of the database at once.
    """
    pause, tries, last = FIRST_PAUSE, 1, float("inf")
    while True:
        if stopping():
            last = min(last, time.monotonic() + LAST_SECONDS)
        if not is_away(error) or time.monotonic() > last:
            raise error
        if tries == 1:
            log.warning("outcome not written, trying again", execution_id=claim.row["id"], error=_first_line(error))
        time.sleep(pause)
        pause, tries = min(2 * pause, LONGEST_PAUSE), tries + 1
        try:
            if not journal.written(claim, batch):
                journal.write(claim, batch)
        except Exception as again:  # noqa: BLE001 - what it is, is looked at above
            error = again
        else:
            log.info("outcome written", execution_id=claim.row["id"], tries=tries)
            return


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
