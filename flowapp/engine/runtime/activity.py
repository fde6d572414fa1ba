"""What each thread of a worker process is doing, in memory that the process shares with its parent (tasks.fleet.watchdog).

A thread writes into a place of its own. The parent reads it without asking, so it also hears of a process whose
interpreter lock is held for good. Times are seconds of the monotonic clock, which both have in common.
"""

from __future__ import annotations

import mmap
import resource
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

FREE, HELD, STEP, JOB = range(4)  # phases: nothing; an execution between two steps; inside a step; a background job
BEAT = 0.5  # seconds between two signs of life
_HEADER = struct.Struct("<d")
_VERSION = struct.Struct("<Q")  # odd while the place is being written
_PLACE = struct.Struct("<BBQqdd36s36s256s")
_SIZE = _VERSION.size + _PLACE.size
_READS = 100  # how often a place that is being written is read again
_THREAD = getattr(resource, "RUSAGE_THREAD", None)  # Linux


@dataclass(frozen=True, slots=True)
class Entry:
    """What one thread does. `once`: killed now, its step would be uncertain. `faults`: its page faults at `since`."""

    phase: int
    once: bool
    thread: int
    faults: int
    since: float
    limit: float
    execution_id: str
    organization_id: str
    step_id: str

    @property
    def key(self) -> tuple[int, float, int]:
        """The same as long as the thread is in the same phase of the same attempt."""
        return self.thread, self.since, self.phase


class Watch:
    """What a runner tells of itself. Here: to nobody."""

    @contextmanager
    def holding(self, execution_id: str, organization_id: str) -> Iterator[None]:
        """While inside, this thread has the execution."""
        self.begin(HELD, execution_id, organization_id)
        try:
            yield
        finally:
            self.begin(FREE)

    @contextmanager
    def working(self, job: str) -> Iterator[None]:
        """While inside, this thread does a background job."""
        self.begin(JOB, step_id=job)
        try:
            yield
        finally:
            self.begin(FREE)

    def begin(self, phase: int, execution_id: str = "", organization_id: str = "", step_id: str = "") -> None:
        """The thread turns to something else."""

    def step(self, step_id: str, limit: float, *, once: bool = False) -> None:
        """An attempt begins, and may take `limit` seconds. `once`: its intent is committed, and it may not run twice."""

    def between(self) -> None:
        """The attempt is over; what it gave is not written yet."""

    def settled(self) -> None:
        """All that has happened is written."""


def _faults() -> int:
    """Pages of memory that this thread was the first to touch; 0 where the system does not count by thread."""
    return resource.getrusage(_THREAD).ru_minflt if _THREAD is not None else 0


@dataclass(slots=True)
class _Mine:
    """What a thread knows of its own place; `at` is None where more threads came than were announced."""

    at: int | None
    thread: int = field(default_factory=threading.get_native_id)
    version: int = 0
    once: bool = False
    whose: tuple[bytes, bytes] = (b"", b"")
    attempt: tuple[int, float, float, bytes] = (0, 0.0, 0.0, b"")  # faults, since, limit, step


class Board(Watch):
    """The shared memory of one process: made by the parent before it forks."""

    def __init__(self, threads: int) -> None:
        self._memory = mmap.mmap(-1, _HEADER.size + threads * _SIZE)
        self._threads = threads
        self._places = iter(range(_HEADER.size, _HEADER.size + threads * _SIZE, _SIZE))
        self._lock = threading.Lock()
        self._local = threading.local()

    # --- the process's side

    def keep_beating(self) -> None:
        """Gives signs of life from now on: they stop where no thread of the process can run."""
        self._beat()
        threading.Thread(target=self._keep_beating, name="signs of life", daemon=True).start()

    def begin(self, phase: int, execution_id: str = "", organization_id: str = "", step_id: str = "") -> None:
        mine = self._mine()
        mine.whose = execution_id.encode(), organization_id.encode()
        mine.attempt = _faults(), monotonic(), 0.0, step_id.encode()
        self._write(mine, phase, once=False)

    def step(self, step_id: str, limit: float, *, once: bool = False) -> None:
        mine = self._mine()
        mine.attempt = _faults(), monotonic(), limit, step_id.encode()
        self._write(mine, STEP, once=once)

    def between(self) -> None:
        mine = self._mine()
        self._write(mine, HELD, once=mine.once)

    def settled(self) -> None:
        self._write(self._mine(), HELD, once=False)

    def _beat(self) -> None:
        _HEADER.pack_into(self._memory, 0, monotonic())

    def _keep_beating(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT):
            self._beat()

    def _write(self, mine: _Mine, phase: int, *, once: bool) -> None:
        mine.once = once
        if mine.at is None:
            return
        faults, since, limit, step = mine.attempt
        mine.version += 2
        _VERSION.pack_into(self._memory, mine.at, mine.version - 1)
        found = (phase, once, mine.thread, faults, since, limit, *mine.whose, step)
        _PLACE.pack_into(self._memory, mine.at + _VERSION.size, *found)
        _VERSION.pack_into(self._memory, mine.at, mine.version)

    def _mine(self) -> _Mine:
        mine: _Mine | None = getattr(self._local, "mine", None)
        if mine is None:
            with self._lock:
                mine = self._local.mine = _Mine(next(self._places, None))
        return mine

    # --- the parent's side

    @property
    def beat(self) -> float:
        """The last sign of life; 0 before the first one."""
        found: float = _HEADER.unpack_from(self._memory, 0)[0]
        return found

    def read(self) -> list[Entry]:
        """What the threads do that do anything."""
        places = range(_HEADER.size, _HEADER.size + self._threads * _SIZE, _SIZE)
        return [entry for at in places if (entry := self._read(at)) is not None and entry.phase != FREE]

    def _read(self, at: int) -> Entry | None:
        """What stands in a place; None where it was being written whenever one looked."""
        for _ in range(_READS):
            version = _VERSION.unpack_from(self._memory, at)[0]
            phase, once, thread, faults, since, limit, *texts = _PLACE.unpack_from(self._memory, at + _VERSION.size)
            if version % 2 == 0 and version == _VERSION.unpack_from(self._memory, at)[0]:
                execution_id, organization_id, step_id = (t.rstrip(b"\0").decode(errors="replace") for t in texts)
                return Entry(phase, bool(once), thread, faults, since, limit, execution_id, organization_id, step_id)
        return None
