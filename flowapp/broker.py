"""The broker: Dramatiq on Redis, with a doorbell in place of polling.

Dramatiq's consumer polls an idle queue up to a second apart. This one blocks on a wake-up list that every enqueue
pushes to, so an idle worker starts within milliseconds and costs next to nothing. A message only says "run execution X":
the database is the truth, and the scheduler rings again for whatever was not run, so Redis may lose everything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed

QUEUE = "flowapp"
_BLOCK_SECONDS = 1.0  # a stopping worker waits that long for its consumers
_WAKE_LENGTH = 32  # more waiting tokens than that would only cause empty fetches


class DoorbellConsumer(_RedisConsumer):
    """Blocks on the wake-up list while the queue is empty, and on its own acks while it has its fill."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.room = threading.Event()

    def ack(self, message: Any) -> None:
        super().ack(message)
        self.room.set()

    def nack(self, message: Any) -> None:
        super().nack(message)
        self.room.set()

    def __next__(self) -> Any:
        try:
            if not self.message_cache:
                self._fetch_or_wait()
            return super().__next__() if self.message_cache else None
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None

    def _fetch_or_wait(self) -> None:
        free = self.prefetch - self.outstanding_message_count
        if free <= 0:
            self.room.clear()
            self.room.wait(0.05)
            return
        self.message_cache = self.broker.do_fetch(self.queue_name, free)
        if not self.message_cache:
            try:
                self.broker.client.blpop([wake_key(self.queue_name)], timeout=min(_BLOCK_SECONDS, self.timeout / 1000))
            except redis.TimeoutError:
                return


class DoorbellBroker(RedisBroker):
    """RedisBroker whose consumers wake at once."""

    @property
    def consumer_class(self) -> type[DoorbellConsumer]:
        return DoorbellConsumer

    def do_enqueue(self, queue_name: str, message_id: str, data: bytes, news: Mapping[str, bytes] | None = None) -> None:
        """Puts the message into the queue, wakes a worker and publishes `news` by channel, all in one round trip.

        The first two commands are what Dramatiq's own script does for "enqueue".
        """
        pipeline = self.client.pipeline(transaction=False)
        pipeline.hset(f"{self.namespace}:{queue_name}.msgs", message_id, data)
        pipeline.rpush(f"{self.namespace}:{queue_name}", message_id)
        pipeline.lpush(wake_key(queue_name), 1)
        pipeline.ltrim(wake_key(queue_name), 0, _WAKE_LENGTH - 1)
        for channel, text in (news or {}).items():
            pipeline.publish(channel, text)
        pipeline.execute()

    def ring(self, actor_name: str, *args: str, news: Mapping[str, bytes] | None = None) -> None:
        """Has a worker call the actor, and publishes `news` by channel. redis.RedisError where Redis is away."""
        message_id = str(uuid4())
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name=QUEUE, actor_name=actor_name, args=args, kwargs={},
            message_id=message_id, options={"redis_message_id": message_id},
        )  # fmt: skip
        self.do_enqueue(QUEUE, message_id, message.encode(), news)


def wake_key(queue_name: str) -> str:
    """Name of the wake-up list of a queue."""
    return f"flowapp:wake:{queue_name}"


def connect(url: str) -> redis.Redis:
    """A Redis client; commands time out after 10 s (blocking ones wait a second)."""
    return redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5, health_check_interval=30)


def make_broker(url: str) -> DoorbellBroker:
    """The broker of this process, set as Dramatiq's global one.

    Dramatiq's retries, time limits and results are left out: the engine retries, and keeps its results in the database.
    """
    broker = DoorbellBroker(client=connect(url), middleware=[], maintenance_chance=100_000, heartbeat_timeout=15_000)
    dramatiq.set_broker(broker)
    return broker


def queue_length(broker: DoorbellBroker) -> int:
    """How many messages wait in the queue (not those a worker already holds)."""
    return int(broker.client.llen(f"{broker.namespace}:{QUEUE}"))


def wait_for(client: redis.Redis, seconds: float) -> None:
    """Returns once Redis answers; raises redis.ConnectionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
