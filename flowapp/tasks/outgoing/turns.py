"""What calls through an integration have in common, in Redis for all workers: whose turn it is to call (at most so many calls a
minute), and what a step that has to wait has so far.

The generic cell rate algorithm: the bucket is the time at which the next call is due if none is saved up. A caller who comes
too early gets a turn of its own, kept under its ticket, and so waits once, however many wait with it.
"""

from __future__ import annotations

import zlib

import redis

from flowapp import exact_json
from flowapp.logs import get_logger

MAX_PROGRESS = 4 * 2**20  # bytes, packed
_KEPT = 3600  # seconds that a turn is kept after its time
_PROGRESS_KEPT = 86_400 + 3600  # seconds: a service may ask to be left alone for a day
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local turn = redis.call('GET', KEYS[2])
if turn then
  if tonumber(turn) <= now then
    redis.call('DEL', KEYS[2])
    return '0'
  end
  return tostring(tonumber(turn) - now)
end
local interval, saved, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local at = due - saved * interval
redis.call('SET', KEYS[1], string.format('%.6f', due + interval), 'EX', math.ceil(due + interval - now) + 1)
if at <= now then
  return '0'
end
redis.call('SET', KEYS[2], string.format('%.6f', at), 'EX', math.ceil(at - now) + kept)
return tostring(at - now)
"""

log = get_logger(__name__)


class IntegrationCalls:
    """Implements `catalog.Calls` for steps that really run."""

    assumed = False

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._take = client.register_script(_TAKE)

    def turn(self, integration_id: str, calls_per_minute: int, ticket: str) -> float:
        """Seconds until this call may be made. Without Redis nobody counts, and every call may be made."""
        saved = max(1, calls_per_minute // 10)  # calls that may follow each other at once
        interval = 60 / (calls_per_minute - saved + 1)  # in any minute there are `calls_per_minute` at most
        keys = [f"flowapp:calls:{integration_id}", f"flowapp:turn:{integration_id}:{ticket}"]
        try:
            return float(self._take(keys=keys, args=[interval, saved - 1, _KEPT]))
        except redis.RedisError as error:
            log.warning("calls are not counted: Redis does not answer", error=str(error))
            return 0.0

    def keep(self, ticket: str, progress: object) -> bool:
        """Keeps what an attempt has so far, packed. What is larger than MAX_PROGRESS is fetched again."""
        name = f"flowapp:progress:{ticket}"
        packed = b"" if progress is None else zlib.compress(exact_json.dumps(progress), level=1)
        try:
            if 0 < len(packed) <= MAX_PROGRESS:
                self._redis.set(name, packed, ex=_PROGRESS_KEPT)
                return True
            self._redis.delete(name)
        except redis.RedisError as error:
            log.warning("progress of a step is not kept: Redis does not answer", error=str(error))
        return False

    def kept(self, ticket: str) -> object:
        """What an earlier attempt kept, while it is there."""
        try:
            packed = self._redis.get(f"flowapp:progress:{ticket}")
        except redis.RedisError as error:
            log.warning("progress of a step is not known: Redis does not answer", error=str(error))
            return None
        return exact_json.loads(zlib.decompress(packed)) if isinstance(packed, bytes) else None

    def note(self, operation: str, **what: object) -> None:
        """It is made, so nobody is told."""
