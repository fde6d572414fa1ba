"""The broker on a real Valkey: messages come at once and in order, and none is kept by who cannot run it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ConnectionClosed, QueueNotFound

from flowapp.broker import QUEUE, DoorbellBroker, make_broker, oldest_due, oldest_message, queue_length


@pytest.fixture
def broker(settings: Any) -> Iterator[DoorbellBroker]:
    broker = make_broker(settings.redis_url)
    broker.declare_queue(QUEUE)
    broker.flush_all()
    yield broker
    broker.flush_all()
    broker.client.close()


class Calls:
    """What an actor was called with; each call waits for `gate`."""

    def __init__(self, broker: DoorbellBroker) -> None:
        self.made: list[str] = []
        self.gate = threading.Event()
        self.more = threading.Condition()

        @dramatiq.actor(actor_name="note", queue_name=QUEUE, broker=broker)
        def note(name: str) -> None:
            with self.more:
                self.made.append(name)
                self.more.notify_all()
            assert self.gate.wait(10)

    def wait_for(self, count: int) -> None:
        with self.more:
            assert self.more.wait_for(lambda: len(self.made) >= count, 10), self.made


def test_messages_come_in_order(broker: DoorbellBroker) -> None:
    calls = Calls(broker)
    calls.gate.set()
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=1000)
    worker.start()
    for n in range(20):
        broker.wake("note", str(n))
    calls.wait_for(20)
    worker.stop()
    assert calls.made == [str(n) for n in range(20)]


def test_a_worker_takes_no_more_than_it_has_threads_for(broker: DoorbellBroker) -> None:
    calls = Calls(broker)
    for n in range(5):
        broker.wake("note", str(n))
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=1000)
    worker.start()
    calls.wait_for(2)
    assert queue_length(broker) == 3
    calls.gate.set()
    calls.wait_for(5)
    worker.stop()
    assert sorted(calls.made) == list("01234")


def test_what_a_stopping_worker_has_not_begun_goes_back(broker: DoorbellBroker) -> None:
    broker.wake("note", "first")
    broker.wake("note", "second")
    consumer = broker.consume(QUEUE, prefetch=4)
    taken = [next(consumer), next(consumer)]
    assert queue_length(broker) == 0
    consumer.requeue([message for message in taken if message is not None])
    assert queue_length(broker) == 2


def test_the_oldest_message(broker: DoorbellBroker) -> None:
    assert oldest_message(broker) is None
    broker.wake("note", "first")
    first = oldest_message(broker)
    broker.wake("note", "second")
    assert first is not None
    assert oldest_message(broker) == first


def test_news_are_published_with_the_ring(broker: DoorbellBroker) -> None:
    with broker.client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("here")
        listener.get_message(timeout=5)
        broker.wake("note", "x", news={"here": b"hello"})
        heard = listener.get_message(timeout=5)
    assert heard is not None
    assert heard["data"] == b"hello"


def test_a_redis_that_is_away_is_told_to_dramatiq(settings: Any) -> None:
    broker = make_broker("redis://127.0.0.1:1/0")
    broker.declare_queue(QUEUE)
    with pytest.raises(ConnectionClosed):
        next(broker.consume(QUEUE))


def test_what_it_does_not_do(broker: DoorbellBroker) -> None:
    with pytest.raises(QueueNotFound):
        broker.consume("another")
    message: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=QUEUE, actor_name="note", args=(), kwargs={}, options={}
    )
    with pytest.raises(ValueError, match="delays nothing"):
        broker.enqueue(message, delay=5)
    broker.enqueue(message)
    assert queue_length(broker) == 1


def test_many_rings_are_one_push(broker: DoorbellBroker) -> None:
    broker.wake_many("run_execution", [])
    broker.wake_many("run_execution", [("a", "o"), ("b", "o"), ("c", "o")])
    assert queue_length(broker) == 3


def test_new_executions_and_those_that_timers_woke_take_turns(broker: DoorbellBroker) -> None:
    """However many of either wait."""
    calls = Calls(broker)
    calls.gate.set()
    broker.wake_many("note", [(f"new {n}",) for n in range(6)])
    broker.wake_due("note", [(f"due {n}",) for n in range(3)])
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=1000)
    worker.start()
    calls.wait_for(9)
    worker.stop()
    in_turn = [name for n in range(3) for name in (f"due {n}", f"new {n}")]
    assert calls.made == [*in_turn, "new 3", "new 4", "new 5"]


def test_what_is_handed_over_comes_next_and_is_as_old_as_the_first(broker: DoorbellBroker) -> None:
    """Else the scheduler would take all that waits behind it for lost."""
    broker.wake_next("run_execution", [])
    broker.wake("run_execution", "another")
    broker.wake_due("run_execution", [("first", "o")])
    oldest = oldest_due(broker)
    time.sleep(0.005)
    broker.wake_next("run_execution", [("a", "o"), ("b", "o")])
    queued = [dramatiq.Message.decode(one).args[0] for one in broker.client.lrange("flowapp:queue:flowapp:due", 0, -1)]
    assert queued == ["a", "b", "first"]
    assert oldest_due(broker) == oldest
    assert queue_length(broker) == 4
