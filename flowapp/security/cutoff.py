"""Ends a connection at a moment, whatever is being done with it: a handshake, a write, a read drop by drop.

A socket's timeout bounds each call, not their sum: a server that gives one byte before each would never run into it.
One thread a process shuts down what is due.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import threading
from time import monotonic

MANY = 1000  # at which the list is rid of what is over


class CutOff:
    """A connection that ends in `seconds`, unless `done()` comes first. `expired` tells which it was."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.at = monotonic() + seconds
        self.expired = False
        self._fd = os.dup(sock.fileno())  # TLS takes the socket itself away
        self._lock = threading.Lock()
        _clock.watch(self)

    @property
    def over(self) -> bool:
        """Whether there is nothing to end any more."""
        return self._fd < 0

    def done(self) -> None:
        """It ended, or goes on, by itself."""
        self._close(cut=False)

    def end(self) -> None:
        """Its time is over."""
        self._close(cut=True)

    def _close(self, *, cut: bool) -> None:
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd < 0:
                return
            if not cut:
                os.close(fd)
                return
            self.expired = True
            with contextlib.suppress(OSError), socket.socket(fileno=fd) as sock:
                sock.shutdown(socket.SHUT_RDWR)


class _Clock:
    """The thread, which runs from the first connection on."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, CutOff]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running = False
        self._most = MANY

    def watch(self, cut_off: CutOff) -> None:
        with self._changed:
            if len(self._due) >= self._most:
                self._due = [entry for entry in self._due if not entry[2].over]
                heapq.heapify(self._due)
                self._most = max(MANY, 2 * len(self._due))
            heapq.heappush(self._due, (cut_off.at, next(self._numbers), cut_off))
            if not self._running:
                threading.Thread(target=self._run, name="cut-off", daemon=True).start()
                self._running = True
            elif self._due[0][2] is cut_off:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > monotonic():
                    self._changed.wait(self._due[0][0] - monotonic() if self._due else None)
                _, _, cut_off = heapq.heappop(self._due)
            cut_off.end()


_clock = _Clock()


def _anew() -> None:
    global _clock  # noqa: PLW0603 - a forked process has no thread of its parent's
    _clock = _Clock()


os.register_at_fork(after_in_child=_anew)
