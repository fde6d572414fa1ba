"""The supervisor: starts children, passes on what they print, restarts those that die, and ends them all in time."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from flowapp.errors import FlowError
from flowapp.launcher.child import Child

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILL_AFTER = 4.5  # seconds after the first stop signal; the broker, which goes last, has until _KILL_LAST_AFTER
_KILL_LAST_AFTER = 4.8
_HEALTHY_AFTER = 10.0  # a child that lived this long did not crash at its start
_MOST_CRASHES = 5  # in a row
_LONGEST_PAUSE = 8.0


class StopRequestedError(FlowError):
    """A stop signal came; raised out of every wait."""


class GroupFailedError(FlowError):
    """A child cannot be kept running; the message says which and why."""


class ProcessGroup:
    """Children in the order of their start; they are stopped all at once, but `last` only after the others."""

    def __init__(self, env: Mapping[str, str], cwd: Path, say: Callable[[str, str], None]) -> None:
        self.env, self.cwd, self.say = dict(env), cwd, say
        self._last: Child | None = None
        self._running: list[Child] = []
        self._due: list[tuple[float, Child]] = []  # when to start which child again
        self._crashes: dict[str, int] = {}
        self._stop_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()

    # -- signals

    def listen(self) -> None:
        """From now on a stop signal ends the group; every further one changes nothing."""
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wakeups)
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays in force
                signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only wakes the selector

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop_at is None:
            self._stop_at = time.monotonic()

    def _drain_wakeups(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            while self._wake_in.recv(256):
                pass
        return True

    # -- running

    def start(self, name: str, argv: list[str], *, last: bool = False) -> None:
        """Starts a child that is kept running; the `last` one outlives the others when the group stops."""
        child = Child(name, argv, self.env, self.cwd, self.say)
        self._start(child)
        if last:
            self._last = child

    def run(self, name: str, argv: list[str]) -> None:
        """Runs a child to its end; GroupFailedError where it fails."""
        child = Child(name, argv, self.env, self.cwd, self.say)
        self._start(child)
        while child.alive:
            self._pump(1.0)
        self._bury(child)
        if child.exit_code != 0:
            raise GroupFailedError(f"{name} failed ({child.ending}); the lines above say why.")

    def wait_until(self, ready: Callable[[], bool], pause: float = 0.05) -> None:
        """Keeps the group running until `ready`, which is asked every `pause` seconds."""
        while not ready():
            self._turn(pause)

    def serve(self) -> NoReturn:
        """Keeps the group running until a stop signal (StopRequestedError) or a crash loop (GroupFailedError)."""
        while True:
            next_start = min((due for due, _ in self._due), default=time.monotonic() + 60)
            self._turn(max(0.0, next_start - time.monotonic()))

    def _start(self, child: Child) -> None:
        if self._stop_at is not None:
            raise StopRequestedError("Stopping.")
        child.start()
        self._running.append(child)
        self._selector.register(child.output, selectors.EVENT_READ, child.read)

    def _turn(self, seconds: float) -> None:
        self._pump(seconds)
        for child in [child for child in self._running if not child.alive]:
            self._after_death(child)
        for due, child in [entry for entry in self._due if entry[0] <= time.monotonic()]:
            self._due.remove((due, child))
            self._start(child)

    def _pump(self, seconds: float) -> None:
        self._pass_on(seconds)
        if self._stop_at is not None:
            raise StopRequestedError("Stopping.")

    def _pass_on(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if not key.data():
                self._selector.unregister(key.fd)

    def _after_death(self, child: Child) -> None:
        self._bury(child)
        quick = time.monotonic() - child.started_at < _HEALTHY_AFTER
        crashes = self._crashes[child.name] = self._crashes.get(child.name, 0) + 1 if quick else 1
        killed = child.exit_code == -signal.SIGKILL  # from outside: that is no sign that it cannot run
        if crashes >= _MOST_CRASHES and not killed:
            raise GroupFailedError(f"{child.name} ended {crashes} times in a row ({child.ending}); giving up.")
        pause = min(_LONGEST_PAUSE, 0.25 * 2**crashes)
        self.say(child.name, f"ended unexpectedly ({child.ending}); starting it again in {pause:g} s")
        self._due.append((time.monotonic() + pause, child))

    def _bury(self, child: Child) -> None:
        self._running.remove(child)
        with contextlib.suppress(KeyError):  # its output may have ended before
            self._selector.unregister(child.output)
        child.bury()

    # -- stopping

    def stop(self) -> None:
        """Ends all within 5 s of the stop signal: one SIGTERM each, SIGKILL for what is left, the `last` one last."""
        begun = self._stop_at = self._stop_at or time.monotonic()
        self._end([child for child in self._running if child is not self._last], begun + _KILL_AFTER)
        self._end(list(self._running), begun + _KILL_LAST_AFTER)

    def _end(self, children: list[Child], deadline: float) -> None:
        for child in children:
            child.terminate()
        while any(child.alive for child in children) and time.monotonic() < deadline:
            self._pass_on(max(0.0, deadline - time.monotonic()))
        for child in children:
            if child.alive:
                self.say(child.name, "did not stop in time and was killed")
            self._bury(child)
