"""The scheduler: `python -m flowapp.scheduler`. Rings for timers, lost messages and dead workers; fires clock triggers.

Any number may run: a lease in the database decides which one works; the others stand by.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import redis
from setproctitle import setproctitle
from sqlalchemy.exc import SQLAlchemyError

from flowapp import catalog, logs, tasks
from flowapp.config import Settings
from flowapp.crm.search import backfill
from flowapp.engine.store import admission
from flowapp.engine.store.event_matching.outbox import Outbox
from flowapp.engine.store.named_leases import take_lease
from flowapp.engine.store.work_due import WorkDue, work_due
from flowapp.executions import replays, search
from flowapp.models import utcnow
from flowapp.models.tenancy import at_once, make_engine, prepare_engine, system_session
from flowapp.notifications import alerts
from flowapp.records.jobs import claims
from flowapp.security import installation_keys
from flowapp.tasks import due, event_relay, repeating
from flowapp.tasks.bus import FEW, QUEUED
from flowapp.tasks.fleet.heartbeats import Heart
from flowapp.tasks.jobs import run_job
from flowapp.tasks.maintenance import Notes, Upkeep

TICK = 0.5
BRIEF = 0.02  # between two ticks while a burst of events is handed on
LEASE = timedelta(seconds=6)
RECOVERIES = timedelta(seconds=5)
INDEXING = timedelta(seconds=2)
JOBS = timedelta(seconds=2)
log = logs.get_logger(__name__)


class Scheduler:
    """The jobs of one process. `tick()` does what is due now."""

    def __init__(self, runtime: tasks.Runtime, now: Callable[[], datetime] = utcnow) -> None:
        self.runtime, self.now = runtime, now
        self.leased_until: datetime | None = None
        self.notes, self.outbox = Notes(), Outbox()
        self.looked_at: dict[str, datetime] = {}  # when, by what is looked for every few seconds only
        self.records_indexed = False

    def tick(self) -> None:
        """One round, if this process holds the lease. A job that fails keeps none of the others from its work."""
        now, bursting, self.outbox.more = self.now(), self.outbox.more, False
        if not self._hold(now) or self.runtime.pause.state():
            return
        work = work_due(self.runtime.engine, now)
        self.runtime.bus.most_together = FEW if bursting or work.burst else QUEUED
        for job in self.jobs(work):
            try:
                job(now)
            except (SQLAlchemyError, redis.RedisError) as error:
                log.warning("job failed, trying again", job=job.__name__, error=str(error))
            except Exception:
                log.exception("job failed unexpectedly, trying again", job=job.__name__)

    def jobs(self, due: WorkDue) -> list[Callable[[datetime], None]]:
        """What has something to do, in its order, and what looks at the clock by itself."""
        jobs: list[tuple[Callable[[datetime], None], bool]] = [
            (self.wake_timers, due.timers),
            (self.wake_lost, due.lost),
            (self.wake_signals, due.signals),
            (self.admit, due.held),
            (self.fire_clocks, due.schedules),
            (self.wake_polls, due.schedules),
            (self.publish_events, due.events),
            (self.announce_recoveries, True),
            (self.wake_replays, True),
            (self.wake_jobs, True),
            (self.index_executions, True),
            (self.index_records, not self.records_indexed),
            (self.notes.write, True),
        ]
        return [job for job, is_due in jobs if is_due]

    def leads(self) -> bool:
        """Whether this process holds the lease, and works."""
        return self.leased_until is not None and self.now() < self.leased_until and not self.runtime.pause.state()

    def _hold(self, now: datetime) -> bool:
        """Takes or keeps the lease; it is written only when half of it is over.

        PostgreSQL commits the write by itself: a host that loses power holds no lock, which would stop all others.
        """
        if self.leased_until and self.leased_until - LEASE <= now < self.leased_until - LEASE / 2:
            return True
        led, self.leased_until = self.leased_until is not None, None
        engine = self.runtime.engine
        try:
            with system_session(engine.execution_options(**at_once(engine.dialect.name))) as session:
                held = take_lease(session, "scheduler", self.runtime.name, now, now + LEASE)
                session.commit()
        except SQLAlchemyError as error:
            log.warning("the lease cannot be taken, nothing is fired or woken here", error=str(error).splitlines()[0])
            raise
        self.leased_until = now + LEASE if held else None
        if held != led:
            log.info("this scheduler works now" if held else "another scheduler works, this one stands by")
        return held

    def wake_timers(self, now: datetime) -> None:
        """Wakes tokens whose time has come."""
        self.notes.count("process_waiting_executions", "timers", due.wake_timers, now)

    def wake_lost(self, now: datetime) -> None:
        """Rings again for what was not run."""
        self.notes.count("process_waiting_executions", "lost", due.wake_lost, now)

    def wake_signals(self, now: datetime) -> None:
        """Wakes tokens whose signal was not heard."""
        self.notes.count("process_waiting_executions", "signals", due.wake_signals, now)

    def admit(self, now: datetime) -> None:
        """Gives free places to executions that are held back, where whoever ended one could not."""
        with system_session(self.runtime.engine) as session:
            for workflow_id in admission.with_held(session):
                wake_ups = admission.release(session, workflow_id, now)
                session.commit()
                due.wake_all(wake_ups)

    def fire_clocks(self, now: datetime) -> None:
        """Starts what schedules say."""
        self.notes.count("process_scheduled_triggers", "started", due.fire_clocks, now)

    def wake_polls(self, now: datetime) -> None:
        """Has workers poll for what is new."""
        due.wake_polls(now)

    def publish_events(self, now: datetime) -> None:
        """Hands recorded events on, in their order."""
        event_relay.hand_on(self.outbox, now)

    def _is_time(self, what: str, pause: timedelta, now: datetime) -> bool:
        """Whether the last look lies that long ago, which makes this the next one. One ahead was a clock's that was wrong."""
        last = self.looked_at.get(what)
        if last is not None and last <= now < last + pause:
            return False
        self.looked_at[what] = now
        return True

    def announce_recoveries(self, now: datetime) -> None:
        """Tells of workflows that work again; looks for them every few seconds."""
        if not self._is_time("recoveries", RECOVERIES, now):
            return
        with system_session(self.runtime.engine) as session:
            alerted = alerts.recoveries(session, now)
            session.commit()
        event_relay.send_alerts(alerted)

    def index_executions(self, now: datetime) -> None:
        """Has executions found by what they are about; at every tick while many are left, else every few seconds."""
        if not self._is_time("executions", INDEXING, now):
            return
        del self.looked_at["executions"]  # where this fails, the next tick looks again
        with system_session(self.runtime.engine) as session:
            taken_up = search.take_up(session, now)
            session.commit()
        if taken_up < search.AT_ONCE:
            self.looked_at["executions"] = now

    def index_records(self, _now: datetime) -> None:
        """Has records of the CRM found that an earlier release wrote: once, a few at every tick."""
        with system_session(self.runtime.engine) as session:
            self.records_indexed = not backfill.take_up(session)
            session.commit()

    def wake_replays(self, now: datetime) -> None:
        """Has replays that stand still go on; looks for them twice a minute."""
        if not self._is_time("replays", replays.STALLED_AFTER / 2, now):
            return
        with system_session(self.runtime.engine) as session:
            wake_ups = replays.stalled(session, now)
        for replay_id, organization_id in wake_ups:
            repeating.wake_replay(replay_id, organization_id)

    def wake_jobs(self, now: datetime) -> None:
        """Has jobs go on whose worker died or whose message was lost; looks for them every few seconds."""
        if not self._is_time("jobs", JOBS, now):
            return
        with system_session(self.runtime.engine) as session:
            wake_ups = claims.lost(session, now)
            session.commit()
        for job_id, organization_id in wake_ups:
            run_job.wake(job_id, organization_id)


def main() -> None:
    """Ticks until SIGTERM. A database or Redis that is away is waited for."""
    settings = Settings.from_env()
    logs.configure(settings.log_level, settings.log_format)
    setproctitle("flowapp scheduler")
    catalog.load()
    engine = make_engine(settings, "scheduler")
    prepare_engine(engine, settings)
    installation_keys.refuse_wrong(settings, engine)
    runtime = tasks.Runtime.make(settings, engine)
    tasks.init(runtime)
    gc.collect()
    gc.freeze()
    stop = runtime.stopping
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = Scheduler(runtime, runtime.clock.now)
    Upkeep(scheduler.leads, stop).start()
    heart = Heart(runtime, "scheduler", runtime.progress.stalled_for)
    heart.start()
    while not stop.is_set():
        began = time.monotonic()
        try:
            scheduler.tick()
            runtime.progress.made()  # also where another one holds the lease: this one could take it
        except (SQLAlchemyError, redis.RedisError) as error:
            log.warning("tick failed, trying again", error=str(error))
            stop.wait(1.0)
        pause = BRIEF if scheduler.outbox.more else TICK
        stop.wait(max(BRIEF, pause - (time.monotonic() - began)))
    heart.stop()


if __name__ == "__main__":
    main()
