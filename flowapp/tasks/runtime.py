"""What a process needs to run executions or to wake them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis
from sqlalchemy import Engine

from flowapp.accounts import installation
from flowapp.broker import QUEUE, DoorbellBroker, connect, make_broker
from flowapp.config import Settings
from flowapp.engine.runtime.activity import Watch
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.store.quota import quotas
from flowapp.logs import get_logger
from flowapp.models.clock import DatabaseClock
from flowapp.security import helpers
from flowapp.security.credentials import Vault
from flowapp.tasks.live_publisher import LivePublisher
from flowapp.tasks.pause import Pause
from flowapp.tasks.tally import Tally

log = get_logger(__name__)
ADDRESS_SECONDS = 10.0


class Progress:
    """When this process last got on with its work."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def made(self) -> None:
        """It got on just now."""
        self._at = time.monotonic()

    def stalled_for(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self._at


def process_name(pid: int) -> str:
    """How a process of this machine is called in leases."""
    return f"{socket.gethostname()}:{pid}"


@dataclass(slots=True)
class Runtime:
    """The settings, database, broker and keys of this process. `name` identifies it in leases."""

    settings: Settings
    engine: Engine
    broker: DoorbellBroker
    redis: redis.Redis
    vault: Vault
    live_publisher: LivePublisher
    pause: Pause
    clock: DatabaseClock
    tally: Tally
    runner: Runner | None = None  # made by the first run
    stopping: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=Progress)
    name: str = field(default_factory=lambda: process_name(os.getpid()))
    watch: Watch = field(default_factory=Watch)
    _address: tuple[str, float] = ("", 0.0)

    @classmethod
    def make(cls, settings: Settings, engine: Engine, **more: Any) -> Runtime:
        """The runtime of this process; connects to nothing yet. `more`: fields that differ."""
        broker = make_broker(settings.redis_url)
        broker.declare_queue(QUEUE)
        client = connect(settings.redis_url)
        parts = (
            Vault(settings.encryption_keys),
            LivePublisher(client),
            Pause(settings, engine),
            DatabaseClock(engine),
            Tally(engine),
        )
        return cls(settings, engine, broker, client, *parts, **more)

    def public_url(self) -> str:
        """Where links in e-mails lead (accounts.installation); asked for at most every 10 s, a step may need it each time."""
        known, at = self._address
        if not known or time.monotonic() - at > ADDRESS_SECONDS:
            known = installation.public_url(self.engine, self.settings)
            self._address = known, time.monotonic()
        return known


_current: list[Runtime] = []


def init(runtime: Runtime) -> None:
    """Makes `runtime` this process's."""
    _current[:] = [runtime]
    quotas.configure(runtime.settings.execution_storage, runtime.settings.organization_storage)
    helpers.configure(runtime.settings.helper_seconds, runtime.settings.helper_memory)


def runtime() -> Runtime:
    """This process's runtime."""
    return _current[0]


def wake(
    execution_id: str,
    organization_id: str,
    news: Mapping[str, bytes] | None = None,
    *,
    fresh: bool = False,
    row: str = "",
) -> None:
    """Tells the workers that an execution has something to do, and publishes `news` by channel. Call after the commit.

    `fresh`: it is new, and this is its first wake-up; `row`: what a worker needs to know of it, as JSON (engine.runtime.runner).
    Redis may be down: then nothing is lost, the scheduler wakes it again once it is back.
    """
    try:
        first = (True, row) if fresh else ()
        runtime().broker.wake("run_execution", execution_id, organization_id, *first, news=news)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", execution_id=execution_id, error=str(error))
