"""The scheduler: `python -m flowapp.scheduler`. Rings for timers, lost messages and dead workers; fires clock triggers.

Any number may run: a lease in the database decides which one works; the others stand by.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson
import redis
from setproctitle import setproctitle
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from flowapp import catalog, logs, tasks
from flowapp.broker import oldest_message
from flowapp.config import Settings
from flowapp.engine import clock, timers
from flowapp.models import Event, Lease, utcnow
from flowapp.models.tenancy import make_engine, prepare_engine, system_session

TICK = 0.5
LEASE = timedelta(seconds=6)
log = logs.get_logger(__name__)


class Scheduler:
    """The jobs of one process. `tick()` does what is due now."""

    def __init__(self, runtime: tasks.Runtime, now: Callable[[], datetime] = utcnow) -> None:
        self.runtime, self.now = runtime, now
        self.leased_until: datetime | None = None

    def tick(self) -> None:
        """One round, if this process holds the lease."""
        now = self.now()
        if not self._hold(now):
            return
        for job in (self.ring_timers, self.ring_lost, self.fire_clocks, self.publish_events):
            job(now)

    def _hold(self, now: datetime) -> bool:
        """Takes or keeps the lease; it is written only when half of it is over."""
        if self.leased_until and now < self.leased_until - LEASE / 2:
            return True
        with system_session(self.runtime.engine) as session:
            held = take_lease(session, "scheduler", self.runtime.name, now, now + LEASE)
            session.commit()
        self.leased_until = now + LEASE if held else None
        return held

    def ring_timers(self, now: datetime) -> None:
        """Wakes tokens whose time has come."""
        with system_session(self.runtime.engine) as session:
            bells = timers.due_timers(session, now)
            session.commit()
        self._ring(bells)

    def ring_lost(self, now: datetime) -> None:
        """Rings again for what was not run."""
        try:
            since = oldest_message(self.runtime.broker)
        except redis.RedisError:
            return
        with system_session(self.runtime.engine) as session:
            bells = timers.lost(session, now, queued_since=since)
            session.commit()
        self._ring(bells)

    def fire_clocks(self, now: datetime) -> None:
        """Starts what schedules say."""
        with system_session(self.runtime.engine) as session:
            for trigger in clock.due_triggers(session, now):
                started = clock.fire(session, trigger, now)
                session.commit()
                for execution in started:
                    tasks.begin(execution)

    def publish_events(self, now: datetime) -> None:
        """Hands recorded events to the bus, in their order."""
        with system_session(self.runtime.engine) as session:
            rows = session.scalars(
                select(Event).where(Event.published_at.is_(None)).order_by(Event.id).limit(500)
            ).all()
            for row in rows:
                body = {"id": row.id, "type": row.type, "entity": [row.entity_type, row.entity_id], **row.payload}
                self.runtime.redis.publish(f"events:{row.organization_id}", orjson.dumps(body, default=str))
                row.published_at = now
            session.commit()

    def _ring(self, bells: list[timers.Bell]) -> None:
        for execution_id, organization_id in bells:
            tasks.ring(execution_id, organization_id)


def take_lease(session: Session, name: str, owner: str, now: datetime, until: datetime) -> bool:
    """Takes, keeps or fails to get a lease. The caller commits."""
    taken = session.execute(
        update(Lease)
        .where(Lease.name == name, (Lease.owner == owner) | (Lease.until < now))
        .values(owner=owner, until=until)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 1:  # type: ignore[attr-defined]
        return True
    if session.get(Lease, name) is not None:
        return False
    try:
        session.execute(insert(Lease).values(name=name, owner=owner, until=until))
    except IntegrityError:
        session.rollback()
        return False
    return True


def main() -> None:
    """Ticks until SIGTERM. A database or Redis that is away is waited for."""
    settings = Settings.from_env()
    logs.configure(settings.log_level, settings.log_format)
    setproctitle("flowapp scheduler")
    catalog.load()
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    runtime = tasks.Runtime.make(settings, engine)
    tasks.init(runtime)
    gc.collect()
    gc.freeze()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = Scheduler(runtime)
    while not stop.is_set():
        began = time.monotonic()
        try:
            scheduler.tick()
        except (DBAPIError, redis.RedisError) as error:
            log.warning("tick failed, trying again", error=str(error))
            stop.wait(1.0)
        stop.wait(max(0.0, TICK - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
