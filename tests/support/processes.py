"""Server processes that cannot outlive the tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowapp.launcher.lifeline import tie_to_this_process


@contextmanager
def server(
    argv: list[str], log: Path, *, stop_with: signal.Signals, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server whose output goes to `log`; tied to this process, so that a killed test run leaves nothing behind."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - two system calls, no lock
            **options,
        )
    try:
        yield process
    finally:
        process.send_signal(stop_with)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], Any], seconds: float = 60, message: str = "it did not happen") -> Any:
    """The first true value of `ready()`; AssertionError after `seconds`."""
    end, pause = time.monotonic() + seconds, 0.001
    while not (value := ready()):
        if time.monotonic() > end:
            raise AssertionError(f"{message} within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)  # most of it happens at once
    return value


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
