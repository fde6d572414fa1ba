"""The worker: `python -m flowapp.worker`. Dramatiq's worker threads in forked processes that share their imports.

The first SIGTERM lets running steps finish and gives the executions back; further ones change nothing.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import dramatiq
from setproctitle import setproctitle

from flowapp import catalog, logs, tasks
from flowapp.config import Settings
from flowapp.launcher.lifeline import die_with_parent
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.tasks.actors import declare
from flowapp.tasks.heartbeats import Heart

STOP_SECONDS = 4.0
log = logs.get_logger(__name__)


def work(settings: Settings) -> None:
    """One worker process: runs until SIGTERM."""
    die_with_parent()
    setproctitle("flowapp worker")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(settings, "worker")
    prepare_engine(engine, settings)
    runtime = tasks.Runtime.make(settings, engine)
    tasks.init(runtime)
    declare()
    runtime.broker.alive = runtime.progress.made
    heart = Heart(runtime, "worker", runtime.progress.still)
    worker = dramatiq.Worker(runtime.broker, worker_threads=settings.threads, worker_timeout=1000)
    worker.start()
    heart.start()
    stop.wait()
    runtime.stopping.set()
    worker.stop(timeout=int(STOP_SECONDS * 1000))
    heart.stop()
    runtime.outbox.close(0.3)
    engine.dispose()


def main() -> None:
    """Forks the worker processes and starts again those that die."""
    settings = Settings.from_env()
    logs.configure(settings.log_level, settings.log_format)
    catalog.load()
    gc.collect()
    gc.freeze()  # what is imported stays shared between the forks
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    children = {_fork(settings) for _ in range(settings.workers)}
    while not stopping.wait(0.2):
        _replace_dead(children, settings)
    _stop(children)


def _fork(settings: Settings) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(settings)
            code = 0
        except Exception:
            log.exception("worker process failed")
        finally:
            os._exit(code)
    return child


def _replace_dead(children: set[int], settings: Settings) -> None:
    for child in list(children):
        if os.waitpid(child, os.WNOHANG)[0]:
            log.warning("worker process ended, starting another", pid=child)
            children.discard(child)
            time.sleep(0.2)
            children.add(_fork(settings))


def _stop(children: set[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS + 0.3
    while children and time.monotonic() < end:
        children -= {c for c in children if os.waitpid(c, os.WNOHANG)[0]}
        time.sleep(0.02)
    for child in children:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
