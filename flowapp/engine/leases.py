"""Keeps the leases of executions that run for long in this process: one thread, one UPDATE each, every third of a lease."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from flowapp.engine.journal import Claim, Journal
from flowapp.logs import get_logger

log = get_logger(__name__)


class Keeper:
    """Prolongs what is held; started with the first claim, ends with the process."""

    def __init__(self, lease_seconds: float, now: Callable[[], datetime]) -> None:
        self._every = lease_seconds / 3
        self._now = now
        self._held: dict[int, tuple[Journal, Claim, datetime]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, journal: Journal, claim: Claim) -> Iterator[None]:
        """While inside, the claim's lease does not run out."""
        mark = id(claim)
        with self._lock:
            self._held[mark] = (journal, claim, self._now())
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(mark, None)

    def _keep(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._every):
            now = self._now()
            with self._lock:
                held = [(j, c) for j, c, since in self._held.values() if (now - since).total_seconds() >= self._every]
            old = [(journal, claim) for journal, claim in held if claim.taken]
            for journal, claim in old:
                try:
                    journal.extend(claim, now)
                except SQLAlchemyError as error:  # also what follows a broken connection: this thread must not end
                    log.warning("lease not prolonged", execution_id=claim.row["id"], error=str(error))
