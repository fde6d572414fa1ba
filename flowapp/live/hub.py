"""The hub: one Redis subscription for all sockets of a process.

Only the hub's thread touches the subscription; who joins or leaves wakes it over a channel of its own. The thread runs
while anybody listens. Whenever Redis confirms a channel, first or after it was away, its lines are told to read the
database again: what was published before that moment never reached them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import redis

from flowapp import exact_json
from flowapp.errors import ThrottledError, UnavailableError
from flowapp.live.line import GOING_AWAY, Line
from flowapp.logs import get_logger
from flowapp.models import new_id

RETRY_SECONDS = 0.5
CONFIRM_SECONDS = 5.0
RETRY_AFTER = 60  # seconds

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Open lines of one process: altogether, of an organization, of a member."""

    all: int
    organization: int
    member: int

    def check(self, opened: Counter[str], line: Line) -> None:
        """Whether there is a place for one more."""
        if opened[""] >= self.all:
            raise UnavailableError("Too many live connections are open. Try again in a minute.")
        if opened[line.user_id] >= self.member:
            raise ThrottledError(f"You have {self.member} live connections open. Close some of them.", RETRY_AFTER)
        if opened[line.organization_id] >= self.organization:
            message = f"Your organization has {self.organization} live connections open. Try again later."
            raise ThrottledError(message, RETRY_AFTER)


class Hub:
    """Hands what Redis publishes to the lines of this process, as many as `limits` allows."""

    def __init__(self, client: redis.Redis, limits: SocketLimits) -> None:
        self._redis, self._limits = client, limits
        self._open: Counter[str] = Counter()  # lines of each organization and member, and of all
        self._wake_channel = f"hub:{new_id()}"
        self._lines: dict[str, set[Line]] = {}
        self._confirmed: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def join(self, channel: str, line: Line) -> None:
        """From now on `line` gets what is published on `channel`, or is told to read the database when that begins.

        Waits a few seconds at most for Redis. UnavailableError where all places are taken, ThrottledError where those of
        the line's member or organization are.
        """
        with self._lock:
            self._limits.check(self._open, line)
            self._open.update(("", line.organization_id, line.user_id))
            new = channel not in self._lines
            self._lines.setdefault(channel, set()).add(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-hub", daemon=True)
                self._thread.start()
            confirmed = channel in self._confirmed
        if new:
            self._wake()
        if not confirmed:
            line.subscribed.wait(CONFIRM_SECONDS)

    def leave(self, channel: str, line: Line) -> None:
        """The line gets no more."""
        with self._lock:
            lines = self._lines.get(channel, set())
            if line in lines:
                self._open.subtract(("", line.organization_id, line.user_id))
                self._open += Counter()  # without those that have none any more
            lines.discard(line)
            last = not lines and self._lines.pop(channel, None) is not None
        if last:
            self._wake()

    def close_all(self) -> None:
        """Asks every socket to close: this process ends. Takes no lock, so that a signal handler may call it."""
        for lines in list(self._lines.values()):
            for line in list(lines):
                line.close_soon(*GOING_AWAY)

    def _wake(self) -> None:
        # Without Redis nothing needs to be told: the thread subscribes anew when it is back.
        with contextlib.suppress(redis.RedisError):
            self._redis.publish(self._wake_channel, b"")

    def _run(self) -> None:
        while True:
            try:
                with self._redis.pubsub() as pubsub:
                    pubsub.subscribe(self._wake_channel)
                    self._listen(pubsub)
            except redis.RedisError as error:
                log.warning("live bus does not respond, sockets read the database", error=str(error))
                time.sleep(RETRY_SECONDS)
            with self._lock:
                self._confirmed.clear()
                if not self._lines:
                    self._thread = None
                    return

    def _listen(self, pubsub: Any) -> None:
        """Returns once nobody listens."""
        subscribed: set[str] = set()
        while True:
            with self._lock:
                wanted = set(self._lines)
                self._confirmed &= wanted
            if not wanted:
                return
            if wanted - subscribed:
                pubsub.subscribe(*(wanted - subscribed))
            if subscribed - wanted:
                pubsub.unsubscribe(*(subscribed - wanted))
            subscribed = wanted
            message = pubsub.get_message(timeout=10)
            if message is not None:
                self._hand_on(message["type"], message["channel"].decode(), message["data"])

    def _hand_on(self, kind: str, channel: str, data: Any) -> None:
        with self._lock:
            lines = list(self._lines.get(channel, ()))
            if kind == "subscribe" and lines:
                self._confirmed.add(channel)
        if kind == "subscribe":
            for line in lines:
                line.read_again()
        elif kind == "message" and lines:
            for news in exact_json.loads(data):
                for line in lines:
                    line.offer(news)
