"""How gunicorn serves Flowapp; a command-line option (`-b`, `-k gevent`, `--threads`) wins over this file."""

import argparse
import gc
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from flowapp.texts import one_line  # so little of the application that the master stays small


class OneLineLogger(Logger):  # type: ignore[misc]
    """What a client sends (a path, a header in an access log) begins no line and commands no terminal."""

    def setup(self, cfg: Any) -> None:
        """Gunicorn's own loggers, one line an entry."""
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(OneLineFormatter(handler.formatter._fmt, handler.formatter.datefmt))  # noqa: SLF001


class OneLineFormatter(logging.Formatter):
    """Escapes the message; a traceback below it keeps its lines, set in."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The entry's own line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback."""
        return "\n".join(f"  {one_line(line)}" for line in super().formatException(ei).splitlines())


def asked_worker_class() -> str:
    """The worker class that an option asks for; gunicorn reads options after this file."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-k", "--worker-class", default="gthread")
    words = [*shlex.split(os.environ.get("GUNICORN_CMD_ARGS", "")), *sys.argv[1:]]
    return str(parser.parse_known_args(words)[0].worker_class)


logger_class = OneLineLogger
bind = f"127.0.0.1:{os.environ.get('PORT') or '8000'}"
workers = int(os.environ.get("WEB_CONCURRENCY") or "1")
worker_class = "gthread"
threads = 256  # an open WebSocket holds one
# Shares memory; with one worker the master stays small without the application. gevent's workers patch ssl and sockets
# after the fork, which must happen before the application imports them.
preload_app = workers > 1 and asked_worker_class() == "gthread"
keepalive = 5
limit_request_line = 8190  # bytes; as much as a proxy in front lets through by default
graceful_timeout = 2  # what is still open then is cut, and the whole group stops within 5 s
loglevel = "warning"
control_socket_disable = True

# The heartbeat file must not wait for a busy disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def on_starting(server: Any) -> None:
    """Slow clients hold no thread, whichever worker class was asked for."""
    from flowapp.serving import use_patient_workers  # the master stays free of the application

    use_patient_workers(server)


on_reload = on_starting


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker ends with its master, also when that is killed with -9."""
    from flowapp.launcher.lifeline import die_with_parent  # the master stays free of the application

    die_with_parent()


def post_worker_init(worker: Any) -> None:
    """What first requests need is built; what is loaded by now stays: the garbage collector would walk all of it, 50 ms and more, in the middle of a request.

    From now on the process says that it lives. With wrong keys it does not start: the status is the one by which gunicorn
    knows that no other worker would either.
    """
    if check := _extensions(worker).get("key_check"):
        try:
            check()
        except SystemExit as refused:
            worker.log.critical("%s", refused)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
    if preload := _extensions(worker).get("preload"):
        preload()
    gc.collect()
    gc.freeze()
    if heart := _heart(worker):
        heart.start()


def worker_exit(_server: Any, worker: Any) -> None:
    """A worker that ends in order takes its heartbeat away."""
    if heart := _heart(worker):
        heart.stop()


def _heart(worker: Any) -> Any:
    """What says that a worker lives (flowapp.tasks.fleet.heartbeats); None where it has not loaded the application."""
    return _extensions(worker).get("heart")


def _extensions(worker: Any) -> dict[str, Any]:
    return getattr(getattr(worker, "wsgi", None), "extensions", {})
