"""How many calls a minute a webhook takes. What is over is refused before anything is stored.

Counted in this process; once a hook is busy, every so many calls are told to Redis, which adds up all processes. So most
calls ask nobody, a busy hook is counted to about 2 %, and without Redis each process has the limit to itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis

from flowapp.errors import ThrottledError
from flowapp.logs import get_logger
from flowapp.texts import say

MINUTE = 60
PARTS = 50  # of a limit, each told to Redis at once
PAUSE = 5.0  # seconds in which Redis is not asked again after it did not answer
KEPT = 10_000  # hooks or callers that are counted at a time

log = get_logger(__name__)


@dataclass(slots=True)
class Count:
    """The calls of one minute: `own` of this process, of which `reported` to Redis, which knew of `all` then."""

    minute: int
    own: int = 0
    reported: int = 0
    all: int = 0

    @property
    def total(self) -> int:
        return self.all + self.own - self.reported


class Rates:
    """Counts calls by key. `client` adds up processes; without one this process is alone."""

    def __init__(self, client: redis.Redis | None, now: Callable[[], float] = time.time) -> None:
        self._redis, self._now = client, now
        self._counts: dict[str, Count] = {}
        self._lock = threading.Lock()
        self._ask_again = 0.0

    def admit(self, key: str, limit: int) -> None:
        """Counts a call. ThrottledError where `limit` calls came in this minute."""
        now = self._now()
        with self._lock:
            count = self._of(key, int(now // MINUTE))
            if count.total >= limit:
                raise _refused(limit, now)
            count.own += 1
            tell = count.own - count.reported if count.own - count.reported >= max(1, limit // PARTS) else 0
            count.reported += tell
            count.all += tell
        if tell and self._redis is not None and now >= self._ask_again:
            self._tell(self._redis, key, count, tell)
            if count.all - tell >= limit:  # the others had used all of it
                raise _refused(limit, now)

    def _of(self, key: str, minute: int) -> Count:
        count = self._counts.get(key)
        if count is None or count.minute != minute:
            if len(self._counts) >= KEPT:
                self._counts.clear()
            count = self._counts[key] = Count(minute)
        return count

    def _tell(self, client: redis.Redis, key: str, count: Count, number: int) -> None:
        name = f"rate:{key}:{count.minute}"
        try:
            with client.pipeline(transaction=False) as pipe:
                pipe.incrby(name, number)
                pipe.expire(name, 2 * MINUTE)
                total = int(pipe.execute()[0])
        except redis.RedisError as error:
            log.warning("Redis does not respond: webhook calls are counted in this process only", error=str(error))
            self._ask_again = self._now() + PAUSE
            return
        with self._lock:
            count.all = max(count.all, total)


def _refused(limit: int, now: float) -> ThrottledError:
    left = MINUTE - int(now % MINUTE)
    words = say("More than %(limit)s calls arrived within a minute. Try again in %(left)s s.", limit=limit, left=left)
    return ThrottledError(words, left)
