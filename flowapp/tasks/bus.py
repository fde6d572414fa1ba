"""The live bus: Redis publish/subscribe. Whoever watches hears at once; whoever was away replays the rows.

Channels: live:<execution> with every message of an execution; monitor:<organization> with starts and ends. What is
published is a JSON list of messages: those of one commit together.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import redis
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.logs import get_logger
from flowapp.models import TERMINAL, Execution
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import runtime

log = get_logger(__name__)
MOST_WAITING = 100  # callers of one process that wait for an execution's end; a web process has 256 threads
_places = threading.BoundedSemaphore(MOST_WAITING)


def live_channel(execution_id: str) -> str:
    """The channel of one execution."""
    return f"live:{execution_id}"


def monitor_channel(organization_id: str) -> str:
    """The channel of an organization: its executions' starts and ends."""
    return f"monitor:{organization_id}"


def publish(organization_id: str, execution_id: str, messages: list[dict[str, Any]]) -> None:
    """Sends messages to whoever watches, soon and in order."""
    news = [(live_channel(execution_id), exact_json.dumps(messages, default=str))]
    ends = [message for message in messages if message["type"] == "execution_completed"]
    if ends:
        news.append((monitor_channel(organization_id), exact_json.dumps(ends, default=str)))
    current = runtime()
    current.progress.made()  # an execution got on: a worker whose threads are all busy is not stuck
    current.live_publisher.put(news)


def announce_end(execution: Execution) -> None:
    """Tells who watches that an execution was ended from outside (cancelled). Call after the commit."""
    from flowapp.engine.store.messages import execution_completed

    message = execution_completed(
        execution.id, execution.seq, execution.status, execution.error_message, execution.output_data
    )
    publish(execution.organization_id, execution.id, [message])


def wait(execution_id: str, organization_id: str, seconds: float, *, answered: bool = False) -> Execution | None:
    """The execution once it has ended, or has `answered` its caller; None if that takes longer than `seconds`.

    None at once where MOST_WAITING callers of this process wait already: each holds a thread, and others need some.
    """
    if not _places.acquire(blocking=False):
        return None
    try:
        return _wait(execution_id, organization_id, seconds, answered)
    finally:
        _places.release()


def _wait(execution_id: str, organization_id: str, seconds: float, answered: bool) -> Execution | None:
    current = runtime()
    end = time.monotonic() + seconds
    with current.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        with contextlib.suppress(redis.RedisError):
            pubsub.subscribe(live_channel(execution_id))
        while True:
            with tenant_session(current.engine, organization_id) as session:
                settled = _settled(session, execution_id, answered)
            left = end - time.monotonic()
            if settled is not None or left <= 0:
                return settled
            _pause(pubsub, min(left, 1.0))


def _pause(pubsub: Any, seconds: float) -> None:
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
