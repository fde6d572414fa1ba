"""Heartbeats of processes that a test only imagines, written as real ones write theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from flowapp import tasks
from flowapp.models import Heartbeat
from flowapp.models.clock import database_now
from flowapp.models.tenancy import system_session
from flowapp.tasks.fleet.heartbeats import Heart


def beat(kind: str, *, still: float = 0.0, silent: float = 0.0, **columns: Any) -> None:
    """A process that has made no progress for `still` seconds, and was last heard of `silent` seconds ago."""
    runtime = tasks.runtime()
    heart = Heart(runtime, kind, lambda: still)
    heart.beat()
    with system_session(runtime.engine) as session:
        seen = session.scalar(database_now().select()) - timedelta(seconds=silent)
        session.execute(update(Heartbeat).where(Heartbeat.id == heart.id).values(seen_at=seen, **columns))
        session.commit()


def whole_fleet() -> None:
    """One process of each kind, and all is well."""
    for kind in ("web", "worker", "scheduler"):
        beat(kind)
