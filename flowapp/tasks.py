"""Every Dramatiq actor, and the runtime they share. An actor loads, calls, commits and rings: nothing more.

This is also where the services that a StepContext promises are wired (tasks_context), so that no lower room imports an
upper one.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

import dramatiq
import redis
from sqlalchemy import Engine

from flowapp.broker import QUEUE, DoorbellBroker, connect, make_broker
from flowapp.config import Settings
from flowapp.logs import get_logger
from flowapp.security.credentials import Vault

log = get_logger(__name__)


@dataclass(slots=True)
class Runtime:
    """What a process needs to run or ring executions. `name` identifies the process in leases."""

    settings: Settings
    engine: Engine
    broker: DoorbellBroker
    redis: redis.Redis
    vault: Vault
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    @classmethod
    def make(cls, settings: Settings, engine: Engine) -> Runtime:
        """The runtime of this process; connects to nothing yet."""
        return cls(settings, engine, make_broker(settings.redis_url), connect(settings.redis_url), Vault(settings.encryption_keys))


_runtime: list[Runtime] = []


def init(runtime: Runtime) -> None:
    """Makes `runtime` this process's."""
    _runtime[:] = [runtime]


def runtime() -> Runtime:
    """This process's runtime."""
    return _runtime[0]


def ring(execution_id: str, organization_id: str) -> None:
    """Tells the workers that an execution has something to do. Call after the commit.

    Redis may be down: then nothing is lost, the scheduler rings again once it is back.
    """
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=QUEUE, actor_name="run_execution", args=(execution_id, organization_id), kwargs={}, options={}
    )
    try:
        runtime().broker.enqueue(message)
    except redis.RedisError as error:
        log.warning("broker does not answer, the scheduler will ring", execution_id=execution_id, error=str(error))
