"""What a process needs to run executions or to wake them."""

from __future__ import annotations

import os
import socket
import threading
import time
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
from flowapp.models.clock import DatabaseClock
from flowapp.security import helpers
from flowapp.security.credentials import Vault
from flowapp.tasks.bus import Bus
from flowapp.tasks.outgoing import Outgoing
from flowapp.tasks.outgoing.usage import Usage
from flowapp.tasks.pause import Pause
from flowapp.tasks.tally import Tally

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
    bus: Bus
    pause: Pause
    clock: DatabaseClock
    tally: Tally
    outgoing: Outgoing
    usage: Usage
    progress: Progress
    runner: Runner | None = None  # made by the first run
    stopping: threading.Event = field(default_factory=threading.Event)
    name: str = field(default_factory=lambda: process_name(os.getpid()))
    watch: Watch = field(default_factory=Watch)
    _address: tuple[str, float] = ("", 0.0)

    @classmethod
    def make(cls, settings: Settings, engine: Engine, **more: Any) -> Runtime:
        """The runtime of this process; connects to nothing yet. `more`: fields that differ."""
        broker = make_broker(settings.redis_url)
        broker.declare_queue(QUEUE)
        client = connect(settings.redis_url)
        progress = Progress()
        parts = (
            Vault(settings.encryption_keys),
            Bus(broker, client, engine, progress.made),
            Pause(settings, engine),
            DatabaseClock(engine),
            Tally(engine),
            Outgoing(settings, engine),
            Usage(client),
        )
        return cls(settings, engine, broker, client, *parts, progress=progress, **more)

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
