"""The broker: Dramatiq on a Redis list, without polling and without acknowledgements.

Dramatiq's own Redis broker polls an idle queue up to a second apart, and keeps and acknowledges every message. Here a
worker blocks on the list, so it starts within a millisecond and costs nothing while idle. A message is only a doorbell,
"run execution X": the database is the truth, and the scheduler wakes again whatever was not run. So nothing is lost
when a worker dies with messages in its hands, or when Redis loses all it has.

What a timer wakes waits in a list of its own, and a worker looks into each list first in turn: neither many new
executions nor a hundred thousand ended waits make the others stand still.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dramatiq
import redis
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.encoder import Encoder
from dramatiq.errors import ConnectionClosed, QueueNotFound
from redis.backoff import NoBackoff
from redis.retry import Retry

from flowapp import exact_json

QUEUE = "flowapp"
_NEW, _DUE = "flowapp:queue:flowapp", "flowapp:queue:flowapp:due"  # lists of Redis: of all, and of what timers wake
_BLOCK_SECONDS = 1.0  # a stopping worker waits that long for its consumers


class DoorbellConsumer(Consumer):
    """Takes as many messages as threads are free. What waits here for a thread could run in another process."""

    def __init__(
        self, client: redis.Redis, threads: int, timeout: int, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._client, self._alive = client, alive
        self._lists = [_NEW, _DUE]
        self._threads = self._free = threads
        self._block = min(_BLOCK_SECONDS, timeout / 1000)
        self._taken: deque[bytes] = deque()
        self._room = threading.Condition()
        self._connection: Any = None

    def ack(self, message: MessageProxy) -> None:  # noqa: ARG002 - there is nobody to tell
        """The message is done: its thread is free. It may have been taken by a consumer that lost its connection."""
        self._alive()
        with self._room:
            self._free = min(self._free + 1, self._threads)
            self._room.notify()

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Puts back what a stopping worker has not begun."""
        for message in messages:
            self._client.lpush(_DUE if message.actor_name == "run_due" else _NEW, message.encode())

    def __next__(self) -> MessageProxy | None:
        if not self._taken:
            self._take()
        return MessageProxy(dramatiq.Message.decode(self._taken.popleft())) if self._taken else None

    def _take(self) -> None:
        with self._room:
            if not self._free and not self._room.wait(self._block):
                return
            free = self._free
        try:
            taken = self._wait(free)
        except redis.TimeoutError:
            return
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None
        self._alive()
        if taken:
            self._taken.extend(taken[1])
            with self._room:
                self._free -= len(taken[1])

    def _wait(self, count: int) -> Any:
        """Up to `count` messages of the first list that has any, and that list comes second the next time.

        It is what a client's `blmpop` answers, on one connection that is kept: the client's own way takes twice as long.

        A connection that was lost is made anew once, as `connect` has clients do it.
        """
        if self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
        self._lists.reverse()
        command = ("BLMPOP", self._block, len(self._lists), *self._lists, "LEFT", "COUNT", count)
        try:
            self._connection.send_command(*command)
            return self._connection.read_response()
        except redis.ConnectionError:
            self._connection.send_command(*command)
            return self._connection.read_response()

    def close(self) -> None:
        """Gives the connection back."""
        if self._connection is not None:
            self._client.connection_pool.release(self._connection)
            self._connection = None


class DoorbellBroker(dramatiq.Broker):
    """Messages in a list for each queue. Not for results, delays or retries: those are the engine's.

    `alive` is called whenever a worker gets on: Redis answered while a thread was free, or a message is done.
    """

    def __init__(self, client: redis.Redis, alive: Callable[[], None] = lambda: None) -> None:
        super().__init__(middleware=[])
        self.client, self.alive = client, alive

    def declare_queue(self, queue_name: str) -> None:
        """Makes the queue known; has no effect the second time."""
        if queue_name not in self.queues:
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> DoorbellConsumer:
        """A consumer; Dramatiq's worker asks for twice as many messages as it has threads. QueueNotFound."""
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return DoorbellConsumer(self.client, max(1, prefetch // 2), timeout, self.alive)

    def enqueue(self, message: dramatiq.Message[object], *, delay: int | None = None) -> dramatiq.Message[object]:
        """Puts the message at the end of its queue. ValueError for a delay: timers are rows (engine/store/timers.py)."""
        if delay is not None:
            raise ValueError("This broker delays nothing.")
        self.client.rpush(_NEW, message.encode())
        return message

    def wake(self, actor_name: str, *args: str | bool, news: Mapping[str, bytes] | None = None) -> None:
        """Has a worker call the actor, and publishes `news` by channel, in one round trip. redis.RedisError."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.rpush(_NEW, _message(actor_name, args))
        for channel, text in (news or {}).items():
            pipeline.publish(channel, text)
        pipeline.execute()

    def wake_many(self, actor_name: str, calls: Sequence[tuple[str, ...]]) -> None:
        """Has workers call the actor once for each of these arguments, in one round trip. redis.RedisError."""
        if calls:
            self.client.rpush(_NEW, *(_message(actor_name, args) for args in calls))

    def wake_due(self, actor_name: str, calls: Sequence[tuple[str, ...]]) -> None:
        """The same for executions that a timer wakes. redis.RedisError."""
        if calls:
            self.client.rpush(_DUE, *(_message(actor_name, args) for args in calls))

    def wake_next(self, actor_name: str, calls: Sequence[tuple[str, ...]]) -> None:
        """The same before all others that timers woke: they were taken from there. redis.RedisError.

        They are as old as the first message of that list, which tells how old all of it is at most (`oldest_due`).
        """
        if calls:
            since = oldest_due(self)
            self.client.lpush(_DUE, *(_message(actor_name, args, since) for args in reversed(calls)))

    def flush(self, queue_name: str) -> None:  # noqa: ARG002 - there is one
        """Drops the messages of a queue."""
        self.client.delete(_NEW, _DUE)

    def flush_all(self) -> None:
        """Drops all messages."""
        for queue_name in self.queues:
            self.flush(queue_name)


def _message(actor_name: str, args: tuple[object, ...], since: datetime | None = None) -> bytes:
    """A message of now, or as old as `since` says."""
    message: dramatiq.Message[object] = dramatiq.Message(
        queue_name=QUEUE, actor_name=actor_name, args=args, kwargs={}, options={}
    )
    if since is not None:
        message = replace(message, message_timestamp=round(since.timestamp() * 1000))
    return message.encode()


# Nobody waits for long: what cannot be said to Redis is found in the database. Blocking commands wait a second.
PATIENCE: dict[str, Any] = {"socket_timeout": 2.0, "socket_connect_timeout": 1.0}


def connect(url: str) -> redis.Redis:
    """A Redis client. A connection that was lost is made anew once; a server that is silent gets no second try."""
    again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(url, **PATIENCE, retry=again, health_check_interval=30)


class Orjson(Encoder):
    """Messages as JSON, by the faster library: they carry rows (tasks.bus)."""

    def encode(self, data: Mapping[str, object]) -> bytes:
        return exact_json.dumps(data)

    def decode(self, data: bytes) -> dict[str, Any]:
        decoded: dict[str, Any] = exact_json.loads(data)
        return decoded


def make_broker(url: str) -> DoorbellBroker:
    """The broker of this process, set as Dramatiq's global one."""
    broker = DoorbellBroker(connect(url))
    dramatiq.set_broker(broker)
    dramatiq.set_encoder(Orjson())
    return broker


def queue_length(broker: DoorbellBroker) -> int:
    """How many messages wait, those of timers too (not those a worker already holds)."""
    return int(broker.client.llen(_NEW)) + due_length(broker)


def due_length(broker: DoorbellBroker) -> int:
    """How many messages about executions that timers woke wait."""
    return int(broker.client.llen(_DUE))


def oldest_message(broker: DoorbellBroker) -> datetime | None:
    """When the first message was put there; None where none waits. Those of timers do not count. redis.RedisError."""
    return _age(broker, _NEW)


def oldest_due(broker: DoorbellBroker) -> datetime | None:
    """The same of executions that timers woke. redis.RedisError."""
    return _age(broker, _DUE)


def _age(broker: DoorbellBroker, key: str) -> datetime | None:
    head: Any = broker.client.lindex(key, 0)
    return datetime.fromtimestamp(dramatiq.Message.decode(head).message_timestamp / 1000, UTC) if head else None
