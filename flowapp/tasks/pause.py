"""Whether this installation is paused: then no schedule fires, no timer wakes, no execution runs, and nothing goes out.

FLOWAPP_PAUSED pauses the processes that have it; a row of the database all of them: after a restore, where a database is
found to be a copy, or because somebody asked. Each process looks at that row every few seconds, and runs nothing before it
has seen it for the first time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flowapp.config import Settings
from flowapp.errors import ConflictError
from flowapp.logs import get_logger
from flowapp.models import installation
from flowapp.texts import say

LOOK = 2.0  # seconds between two looks
REFUSED = say("This installation is paused: nothing is sent or run. Resume it first.")
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """Why it is paused, and since when. `unknown`: the database has not said yet."""

    reason: Literal["restored", "copied", "asked", "setting", "unknown"]
    since: datetime | None = None


class Pause:
    """What a process knows about it."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._fixed = State("setting") if settings.paused else None
        self._state: State | None = State("unknown")
        self._looked_at = float("-inf")
        self._looking = threading.Lock()

    def state(self) -> State | None:
        """None where the installation works. Asks the database at most every LOOK seconds."""
        if self._fixed is None and self._is_old() and self._looking.acquire(blocking=self._is_unknown()):
            try:
                if self._is_old():
                    self._look()
                    self._looked_at = time.monotonic()
            finally:
                self._looking.release()
        return self._fixed or self._state

    def _is_old(self) -> bool:
        return time.monotonic() - self._looked_at > LOOK

    def _is_unknown(self) -> bool:
        """Whoever asks now waits for the first look: it would take the installation for paused, and drop what it was to run."""
        return self._state is not None and self._state.reason == "unknown"

    def refuse(self) -> None:
        """ConflictError where it is paused."""
        if self.state() is not None:
            raise ConflictError(REFUSED)

    def forget(self) -> None:
        """Looks again at the next question."""
        self._looked_at = float("-inf")

    def _look(self) -> None:
        before = self._state
        try:
            with self._engine.begin() as connection:
                unknown = before is not None and before.reason == "unknown"
                paused = installation.settle(connection) if unknown else installation.paused(connection)
        except SQLAlchemyError as error:
            log.info(
                "the database does not respond, so it is not known whether this is paused",
                error=str(error).splitlines()[0],
            )
            return
        self._state = State(*paused) if paused else None
        if self._state and (before is None or before.reason != self._state.reason):
            log.warning("paused: nothing runs and nothing is sent", reason=self._state.reason, remedy="flask resume")
        elif before and not self._state and before.reason != "unknown":
            log.info("no longer paused")
