"""The worker: `python -m flowapp.worker`. Dramatiq's worker threads in forked processes that share their imports.

The first SIGTERM lets running steps finish and gives the executions back; further ones change nothing. The parent starts
again what dies, and ends a process whose step is stuck or takes too much memory (tasks.fleet.watchdog).
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from datetime import timedelta
from time import monotonic, sleep

import dramatiq
from setproctitle import setproctitle
from sqlalchemy.orm import configure_mappers

from flowapp import catalog, logs, tasks
from flowapp.config import Settings
from flowapp.engine.runtime.activity import JOB, STEP, Board, Entry
from flowapp.engine.store.leases import UNCLAIMED
from flowapp.launcher.lifeline import die_with_parent
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.security import installation_keys
from flowapp.tasks import jobs
from flowapp.tasks.actors import declare
from flowapp.tasks.fleet.handover import Handover
from flowapp.tasks.fleet.heartbeats import Heart
from flowapp.tasks.fleet.watchdog import Limits, Ward, Watchdog
from flowapp.tasks.runtime import Progress, process_name

STOP_SECONDS = 4.0
LOOK = 0.2  # seconds between two looks of the parent at its children
_ASK_AFTER = 0.5  # seconds in a step until the parent asks whether it is still wanted
_RETIRE = signal.SIGUSR1  # to a process that is to finish what it has, and then to end
log = logs.get_logger(__name__)


def work(settings: Settings, board: Board) -> None:
    """One worker process: runs until SIGTERM, or until it is retired and has nothing left to do."""
    die_with_parent()
    setproctitle("flowapp worker")
    stop, retired = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(_RETIRE, lambda *_: _set(retired, stop))
    engine = make_engine(settings, "worker")
    prepare_engine(engine, settings)
    runtime = tasks.Runtime.make(settings, engine, watch=board)
    tasks.init(runtime)
    declare()
    runtime.broker.alive = runtime.progress.made
    heart = Heart(runtime, "worker", lambda: stalled_for(runtime.progress, board))
    worker = dramatiq.Worker(runtime.broker, worker_threads=settings.threads, worker_timeout=1000)
    worker.start()
    heart.start()
    runtime.tally.start()
    board.keep_beating()
    stop.wait()
    runtime.stopping.set()
    if retired.is_set():
        _let_go(worker)
        for thread in worker.workers:
            thread.join()  # for as long as the parent allows
    worker.stop(timeout=int(STOP_SECONDS * 1000))
    heart.stop()
    runtime.tally.stop()
    runtime.bus.close(0.3)
    engine.dispose()


def stalled_for(progress: Progress, board: Board) -> float:
    """Seconds for which this process has made no progress. A step within its time is progress, however long it takes."""
    now = monotonic()
    entries = board.read()
    if any(entry.phase == JOB or (entry.phase == STEP and now - entry.since < entry.limit) for entry in entries):
        return 0.0
    return progress.stalled_for()


def _set(*events: threading.Event) -> None:
    for event in events:
        event.set()


def _let_go(worker: dramatiq.Worker) -> None:
    """Takes nothing more, and puts back what was taken and not begun."""
    for thread in worker.workers:
        thread.stop()
    for consumer in worker.consumers.values():
        consumer.stop()
        consumer.join()
        while not worker.work_queue.empty():
            consumer.requeue_messages([worker.work_queue.get().message])


class Supervisor:
    """The parent: forks processes, replaces those that died or retire, and ends those that must end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = make_engine(settings, "worker")
        prepare_engine(self.engine, settings)
        self.handover = Handover(self.engine, timedelta(seconds=settings.lease_seconds))
        self.watchdog = Watchdog(Limits(settings.step_grace, settings.worker_memory << 20))
        self.wards: list[Ward] = []
        self._looked = monotonic()
        self._prolonged = 0.0

    def turn(self) -> None:
        """One look at all of them."""
        self._bury()
        now = monotonic()
        asleep, self._looked = now - self._looked > STOP_SECONDS, now
        if not asleep:  # else the machine stood still, and nobody is to blame
            self._look(now)
        self.handover.pay()
        self._complete()

    def stop(self) -> None:
        """SIGTERM to all; SIGKILL for what is left after a few seconds."""
        for ward in self.wards:
            os.kill(ward.pid, signal.SIGTERM)
        end = monotonic() + STOP_SECONDS + 0.3
        while self.wards and monotonic() < end:
            self.wards = [ward for ward in self.wards if not os.waitpid(ward.pid, os.WNOHANG)[0]]
            sleep(0.02)
        for ward in self.wards:
            os.kill(ward.pid, signal.SIGKILL)

    def _look(self, now: float) -> None:
        seen = [(ward, ward.board.read()) for ward in self.wards]
        lost = self.handover.lost(
            [
                (e.execution_id, w.owner)
                for w, state in seen
                for e in state
                if e.phase == STEP and now - e.since > _ASK_AFTER
            ]
        )
        for ward, entries in seen:
            self.watchdog.look(ward, entries, now)
            self.watchdog.lose(ward, entries, lost, now)
            if ward.retires() and ward.retired_at is None:
                self._retire(ward, now)
            if self.watchdog.must_end(ward, entries, now):
                self._end(ward)
        self._prolong([(ward, entries) for ward, entries in seen if ward.is_stalled], now)

    def _prolong(self, stalled: list[tuple[Ward, list[Entry]]], now: float) -> None:
        if stalled and now - self._prolonged > min(UNCLAIMED, self.settings.lease_seconds / 4):
            self._prolonged = now
            for ward, entries in stalled:
                self.handover.prolong(ward, entries)

    def _retire(self, ward: Ward, now: float) -> None:
        ward.retired_at = now
        log.warning("worker process is retiring", pid=ward.pid, why=" ".join(filter(None, ward.at_fault.values())))
        os.kill(ward.pid, _RETIRE)

    def _end(self, ward: Ward) -> None:
        os.kill(ward.pid, signal.SIGKILL)
        os.waitpid(ward.pid, 0)
        self.wards.remove(ward)
        self.handover.settle(ward, ward.board.read())

    def _bury(self) -> None:
        for ward in list(self.wards):
            if os.waitpid(ward.pid, os.WNOHANG)[0]:
                self.wards.remove(ward)
                if ward.retired_at is None:
                    log.warning("worker process ended, starting another", pid=ward.pid)
                    sleep(LOOK)

    def _complete(self) -> None:
        """As many as are to work, though not without end: those that retire count twice over."""
        working = sum(ward.retired_at is None for ward in self.wards)
        for _ in range(min(self.settings.workers - working, 2 * self.settings.workers - len(self.wards))):
            self.wards.append(self._fork())

    def _fork(self) -> Ward:
        self.engine.dispose()  # a connection must have one process
        board = Board(self.settings.threads)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(self.settings, board)
                code = 0
            except Exception:
                log.exception("worker process failed")
            finally:
                os._exit(code)
        return Ward(pid, process_name(pid), board)


def _share() -> None:
    """Has what every process needs made once, before they are forked: their memory is one."""
    jobs.load()
    configure_mappers()


def main() -> None:
    """Keeps the worker processes running until SIGTERM."""
    settings = Settings.from_env()
    logs.configure(settings.log_level, settings.log_format)
    catalog.load()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    supervisor = Supervisor(settings)
    installation_keys.refuse_wrong(settings, supervisor.engine)
    _share()
    gc.collect()
    gc.freeze()  # what is imported stays shared between the forks
    while not stopping.is_set():
        supervisor.turn()
        stopping.wait(LOOK)
    supervisor.stop()


if __name__ == "__main__":
    main()
