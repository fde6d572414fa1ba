"""Counts what executions store while they run, and adds it to the sizes of their workflows every few seconds.

The sizes are measured anew every hour (engine.retention.sizes): what a process that was killed had not added is made up for then.
"""

from __future__ import annotations

import threading
from collections import Counter
from queue import SimpleQueue

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flowapp.engine.retention import sizes
from flowapp.logs import get_logger
from flowapp.models import utcnow

PAUSE = 5.0  # seconds
log = get_logger(__name__)


class Tally:
    """Of one process. Whoever runs executions for long starts its thread.

    `add((organization, workflow, bytes))`: so many bytes more. It only hands over, since it is called after each commit.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._added: SimpleQueue[tuple[str, str, int]] = SimpleQueue()
        self.add = self._added.put
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Writes every few seconds from now on."""
        threading.Thread(target=self._run, name="tally", daemon=True).start()

    def stop(self) -> None:
        """Writes a last time."""
        self._stop.set()
        self.write()

    def write(self) -> None:
        """Adds what was counted to the sizes; what cannot be written now is kept."""
        with self._lock:
            while not self._added.empty():
                organization_id, workflow_id, stored = self._added.get()
                self._counts[organization_id, workflow_id] += stored
            try:
                if self._counts:
                    sizes.add(self._engine, self._counts, utcnow())
                    self._counts.clear()
            except SQLAlchemyError as error:
                log.warning("sizes not written, trying again", error=str(error).splitlines()[0])

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self.write()
