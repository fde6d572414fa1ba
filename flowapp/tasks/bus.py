"""What a process tells the others after a commit: workers are woken, and whoever watches hears what has happened.

Redis may lose all of it: the scheduler wakes what was not woken, and whoever was away replays the rows.
Channels: live:<execution> with every message of an execution; monitor:<organization> with starts and ends; job:<job> with
the progress of a job; member:<organization>:<user> that there are notifications. What is published is a JSON list of messages: those of one commit together.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import redis
from redis.client import PubSub
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.broker import DoorbellBroker, due_length
from flowapp.engine.runtime.recorder import Message, execution_started
from flowapp.engine.store.journal import FIRST_ROW
from flowapp.engine.store.rows import Columns
from flowapp.exact_json import dump_json
from flowapp.logs import get_logger
from flowapp.models import TERMINAL, Execution
from flowapp.models.tenancy import tenant_session

MAX_CARRIED = 16 * 1024  # characters of an execution's row in its first message; a worker reads a larger one itself
AT_ONCE = 500  # messages in one round trip
QUEUED = 500  # executions that were begun together and may wait in the queue; the others wait in the database
FEW = 10  # of them while a burst is being written: run at once, they would take the processor from who writes it
MOST_WAITING = 100  # callers of one process that wait for an execution's end; a web process has 256 threads
log = get_logger(__name__)
_places = threading.BoundedSemaphore(MOST_WAITING)

News = list[tuple[str, bytes]]  # channel, text


def live_channel(execution_id: str) -> str:
    """The channel of one execution."""
    return f"live:{execution_id}"


def monitor_channel(organization_id: str) -> str:
    """The channel of an organization: its executions' starts and ends."""
    return f"monitor:{organization_id}"


def job_channel(job_id: str) -> str:
    """The channel of one job: how far it is."""
    return f"job:{job_id}"


def member_channel(organization_id: str, user_id: str) -> str:
    """The channel of a member: that their notifications changed."""
    return f"member:{organization_id}:{user_id}"


def _carried(row: Mapping[str, Any]) -> str:
    """What its first message carries of a new execution: nothing where it has to wait, or is large."""
    if not row["timezone"] or row["held"] or row["start_after"]:
        return ""
    text = dump_json({name: row[name] for name in FIRST_ROW})
    return text if len(text) <= MAX_CARRIED else ""


class Bus:
    """Publishes in order, from a thread of its own: no step waits for it, and many messages go at once. Failing to is no
    failure: the rows are there to be read. `alive` is called with each message: an execution got on. `most_together`: how many of
    those that were begun together may wait in the queue."""

    most_together = QUEUED

    def __init__(self, broker: DoorbellBroker, client: redis.Redis, engine: Engine, alive: Callable[[], None]) -> None:
        self._broker, self._client, self._engine, self._alive = broker, client, engine, alive
        self._waiting: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, row: Mapping[str, Any]) -> None:
        """Has a new execution run that is committed, by its row and its organization's timezone; tells the monitors."""
        news = {monitor_channel(row["organization_id"]): exact_json.dumps([execution_started(row)])}
        self.wake(row["id"], row["organization_id"], news, fresh=True, row=_carried(row))

    def begin_together(self, rows: Sequence[Columns]) -> None:
        """The same for many of one organization: in the list of what timers wake, so that what begins alone need not wait
        behind them. What there is no room for is left to the scheduler; the monitors get one message."""
        organization_id = str(rows[0]["organization_id"])
        ready = [row for row in rows if not row["held"] and not row["start_after"]]
        news = exact_json.dumps([execution_started(row) for row in rows])
        try:
            room = max(0, self.most_together - due_length(self._broker))
            wake_ups = [(str(row["id"]), organization_id) for row in ready[:room]]
            self._broker.wake_due("run_execution", wake_ups)
        except redis.RedisError as error:
            log.warning("broker does not respond, the scheduler will wake them", executions=len(rows), error=str(error))
        self._say([(monitor_channel(organization_id), news)])

    def wake(
        self,
        execution_id: str,
        organization_id: str,
        news: Mapping[str, bytes] | None = None,
        *,
        fresh: bool = False,
        row: str = "",
    ) -> None:
        """Tells the workers that an execution has something to do, and publishes `news` by channel.

        `fresh`: it is new, and this is its first wake-up; `row`: what a worker needs to know of it, as JSON (engine.runtime.runner).
        Redis may be down: then nothing is lost, the scheduler wakes it again once it is back.
        """
        try:
            first = (True, row) if fresh else ()
            self._broker.wake("run_execution", execution_id, organization_id, *first, news=news)
        except redis.RedisError as error:
            log.warning(
                "broker does not respond, the scheduler will wake it", execution_id=execution_id, error=str(error)
            )

    def publish(self, organization_id: str, execution_id: str, messages: list[Message]) -> None:
        """Sends messages to whoever watches, soon and in order."""
        news = [(live_channel(execution_id), exact_json.dumps(messages, default=str))]
        ends = [message for message in messages if message["type"] == "execution_completed"]
        if ends:
            news.append((monitor_channel(organization_id), exact_json.dumps(ends, default=str)))
        self._alive()
        self._say(news)

    def tell(self, job_id: str, job: Mapping[str, object]) -> None:
        """Sends how far a job is to whoever watches it."""
        self._alive()
        self._say([(job_channel(job_id), exact_json.dumps([{"type": "job_progress", "job": job}], default=str))])

    def tell_members(self, members: Iterable[tuple[str, str]]) -> None:
        """Tells the open pages of these (organization, user) that there is something new for them."""
        text = exact_json.dumps([{"type": "notifications"}])
        self._say([(member_channel(*member), text) for member in members])

    def wait(
        self, execution_id: str, organization_id: str, seconds: float, *, answered: bool = False
    ) -> Execution | None:
        """The execution once it has ended, or has `answered` its caller; None if that takes longer than `seconds`.

        None at once where MOST_WAITING callers of this process wait already: each holds a thread, and others need some.
        """
        if not _places.acquire(blocking=False):
            return None
        try:
            return self._wait(execution_id, organization_id, seconds, answered)
        finally:
            _places.release()

    def close(self, seconds: float = 1.0) -> None:
        """Sends what waits, if that takes no longer than `seconds`."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(seconds)
            self._thread = None

    # --- publishing

    def _say(self, news: News) -> None:
        self._waiting.put(news)
        if self._thread is None:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-publisher", daemon=True)
                self._thread.start()

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

    # --- waiting for an end

    def _wait(self, execution_id: str, organization_id: str, seconds: float, answered: bool) -> Execution | None:
        end = time.monotonic() + seconds
        with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            with contextlib.suppress(redis.RedisError):
                pubsub.subscribe(live_channel(execution_id))
            while True:
                with tenant_session(self._engine, organization_id) as session:
                    settled = _settled(session, execution_id, answered)
                left = end - time.monotonic()
                if settled is not None or left <= 0:
                    return settled
                _pause(pubsub, min(left, 1.0))


def _pause(pubsub: PubSub, seconds: float) -> None:
    """Until the next message, which may be the last one; a second at most, in case one was lost or Redis is away."""
    try:
        pubsub.get_message(timeout=seconds)
    except (redis.RedisError, RuntimeError):  # RuntimeError: never subscribed
        time.sleep(min(seconds, 0.2))


def _settled(session: Session, execution_id: str, answered: bool) -> Execution | None:
    execution = session.get(Execution, execution_id)
    if execution is None or execution.status in TERMINAL or (answered and execution.response is not None):
        return execution
    return None
