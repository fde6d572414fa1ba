"""Sends what the live bus is to hear, from a thread of its own: no step waits for it, and many messages go at once."""

from __future__ import annotations

import queue
import threading

import redis

from flowapp.logs import get_logger

AT_ONCE = 500
log = get_logger(__name__)

News = list[tuple[str, bytes]]  # channel, text


class LivePublisher:
    """Publishes in the order of `put`. Failing to is no failure: the rows are there to be read."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._waiting: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, news: News) -> None:
        """Publishes these soon."""
        self._waiting.put(news)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="live-publisher", daemon=True)
                    self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Sends what waits, if that takes no longer than `seconds`."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(seconds)
            self._thread = None

    def _run(self) -> None:
        while (news := self._waiting.get()) is not None:
            last = False
            while not self._waiting.empty() and len(news) < AT_ONCE:
                more = self._waiting.get()
                last = more is None
                news = [*news, *(more or ())]
            self._send(news)
            if last:
                return

    def _send(self, news: News) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for channel, text in news:
            pipeline.publish(channel, text)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            log.warning("live bus does not respond", error=str(error))
