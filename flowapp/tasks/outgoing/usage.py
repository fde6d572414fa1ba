"""Counts the calls of integrations in Redis, for all processes together; a job brings what was counted into the database.

A step that calls a service writes nothing to the database for that. Where Redis does not answer, calls go on uncounted.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

import redis

from flowapp.errors import FlowError
from flowapp.integrations.usage import LONGEST_ERROR, Counted, LastUse, latency_class
from flowapp.logs import get_logger
from flowapp.models import new_id, utcnow
from flowapp.security.opened import masked

COUNTED, TAKEN = "flowapp:usage", "flowapp:usage:taken"  # hashes of Redis: what is counted, what is being written
PAUSE = 5.0  # seconds in which Redis is not asked again after it did not answer
_BATCH = "batch"
# Removes what was taken, unless that is another batch by now.
_DROP = "if redis.call('HGET', KEYS[1], 'batch') == ARGV[1] then redis.call('DEL', KEYS[1]) end"
log = get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """What was counted up to a moment."""

    id: str
    counted: defaultdict[tuple[str, date], Counted] = field(default_factory=lambda: defaultdict(Counted))
    last: dict[str, LastUse] = field(default_factory=dict)


class Usage:
    """What a process counts."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis, self._ask_again = client, 0.0

    @contextmanager
    def of(self, integration_id: str) -> Iterator[None]:
        """Counts what happens in here as one call of the integration, and as an error where it raises one."""
        began, error = time.monotonic(), ""
        try:
            yield
        except FlowError as failure:
            error = str(masked(failure.message)) or failure.title
            raise
        except Exception as failure:
            error = type(failure).__name__
            raise
        finally:
            self._count(integration_id, time.monotonic() - began, error)

    def _count(self, integration_id: str, seconds: float, error: str) -> None:
        if time.monotonic() < self._ask_again:
            return
        now = utcnow()
        place = f"{integration_id}|{now.date().isoformat()}"
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.hincrby(COUNTED, f"{place}|calls", 1)
                pipe.hincrby(COUNTED, f"{place}|took {latency_class(seconds)}", 1)
                pipe.hset(COUNTED, f"{integration_id}||used_at", now.isoformat())
                if error:
                    pipe.hincrby(COUNTED, f"{place}|errors", 1)
                    pipe.hset(COUNTED, f"{integration_id}||error", f"{now.isoformat()} {error[:LONGEST_ERROR]}")
                pipe.execute()
        except redis.RedisError as failure:
            self._ask_again = time.monotonic() + PAUSE
            log.warning("Redis does not respond, so calls of integrations are not counted", error=str(failure))

    def take(self) -> Batch | None:
        """What was counted since the last time; the same again, as long as nobody says that it is `written`."""
        if not self._redis.exists(TAKEN):
            try:
                self._redis.rename(COUNTED, TAKEN)
            except redis.ResponseError:  # nothing was counted
                return None
        self._redis.hsetnx(TAKEN, _BATCH, new_id())
        return _read({_text(key): _text(value) for key, value in self._redis.hgetall(TAKEN).items()})

    def written(self, batch: Batch) -> None:
        """The batch is in the database."""
        self._redis.eval(_DROP, 1, TAKEN, batch.id)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _read(found: dict[str, str]) -> Batch:
    batch = Batch(found.pop(_BATCH))
    for key, value in found.items():
        integration_id, day, what = key.split("|")
        if what == "used_at":
            _use(batch, integration_id, value)
        elif what == "error":
            at, _, error = value.partition(" ")
            use = _use(batch, integration_id, at)
            use.error, use.error_at = error, datetime.fromisoformat(at)
        else:
            _add(batch.counted[integration_id, date.fromisoformat(day)], what, int(value))
    return batch


def _use(batch: Batch, integration_id: str, at: str) -> LastUse:
    moment = datetime.fromisoformat(at)
    use = batch.last.setdefault(integration_id, LastUse(moment))
    use.used_at = max(use.used_at, moment)
    return use


def _add(counted: Counted, what: str, count: int) -> None:
    if what == "calls":
        counted.calls += count
    elif what == "errors":
        counted.errors += count
    else:
        counted.latencies[int(what.removeprefix("took "))] += count
