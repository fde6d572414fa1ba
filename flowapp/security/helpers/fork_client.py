"""The other side of a zygote (fork_server.py): starts it with the first use, and anew where it was lost."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path


class LostError(Exception):
    """The zygote has gone or hangs: what was asked of it may be asked again."""


class Zygote:
    """A zygote of this process, for any number of threads. `command(descriptor)` starts one on that control socket."""

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    @property
    def pid(self) -> int | None:
        """The process from which children are forked, once there is one."""
        return self._process.pid if self._process else None

    def open(self, message: bytes, timeout: float) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """A channel to a new child, and the process it is forked from. OSError where that takes no more messages."""
        with self._lock:
            ours = self._owner == os.getpid()
            if not ours or self._process is None or self._control is None or self._process.poll() is not None:
                self._stop()
                self._process, self._control = self._start()
                self._owner = os.getpid()
            mine, theirs = socket.socketpair()
            with theirs:
                try:
                    self._control.settimeout(timeout)
                    socket.send_fds(self._control, [message], [theirs.fileno()])
                except OSError:
                    mine.close()
                    raise
            return self._process, mine

    def lost(self, process: subprocess.Popen[bytes] | None) -> None:
        """It does not answer: the next use starts another. Nothing where another thread has replaced it already."""
        with self._lock:
            if process is None or process is self._process:
                self._stop()

    def close(self) -> None:
        """Ends the process and its children; a later use starts it anew."""
        with self._lock:
            self._stop()

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        mine, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own script
                self._command(theirs.fileno()),
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return process, mine

    def _stop(self) -> None:
        if self._control:
            self._control.close()
        if self._process and self._owner == os.getpid():  # after a fork, the other one's is not ours to end
            self._process.kill()
            self._process.wait()
        self._process = self._control = None


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the zygote is gone, or goes within half a second."""
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def flowapp_root() -> str:
    """The folder that Flowapp is imported from: a zygote with a clean environment does not know it."""
    return str(Path(__file__).resolve().parents[3])
