"""What feeds that number their messages by the time have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping

from flowapp.engine.runtime.recorder import Message
from flowapp.errors import MalformedError


def now() -> int:
    """In microseconds since 1970."""
    return time.time_ns() // 1000


class StateFeed:
    """Each message tells the whole state, so that nothing needs to be replayed, and a client has nothing to ask for.

    `seq` is the time of the last message, in microseconds.
    """

    seq = 0

    def answer(self, action: str, question: Mapping[str, object]) -> Message:  # noqa: ARG002 - as the line asks every feed
        """There is nothing to ask for."""
        raise MalformedError(f"There is no action “{action[:50]}” here.")

    def next_seq(self) -> int:
        """The number of the next message, greater than the last one's."""
        self.seq = max(self.seq + 1, now())
        return self.seq
