"""Decides which worker process must end, and because of which step. Runs in their parent, outside their interpreters.

A process is *retired*: it takes nothing new, another one takes its place, and what it runs beside the step at fault goes
on to the end of its step and is given back. Only then is it ended; what it still held is settled in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flowapp.engine.runtime.activity import BEAT, JOB, STEP, Board, Entry
from flowapp.tasks.fleet import processes
from flowapp.texts import say

QUIET, STALLED = 3 * BEAT, 3.0  # seconds without a sign of life: nobody is judged; nothing in the process can run
DRAIN = 10.0  # seconds for the neighbours of a step at fault; then they are given back, to run again under the same key
LOST_AFTER = 0.5  # seconds that a step may go on whose execution was cancelled
HELD_UP = 8.0  # seconds for which one thread may keep the interpreter to itself; SQLite's writers wait for 15
_BURNS = 0.05  # seconds of processor time since the process stalled, which whoever stalls it takes
_TELLS = 2.0  # seconds after which it is known who does
_MUCH = 8  # a step that touched an eighth of the limit first is at fault for the memory that its process takes
_MORE = 1.25  # by how much memory must grow until another step is at fault for it

Key = tuple[int, float, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """`grace`: seconds past its timeout that a step may take; `memory`: bytes of a process, twice as much ends it at once."""

    grace: float
    memory: int


@dataclass(slots=True)
class Ward:
    """A worker process under watch. `at_fault`: attempts and why, empty where the execution is no longer its own."""

    pid: int
    owner: str
    board: Board
    retired_at: float | None = None
    at_fault: dict[Key, str] = field(default_factory=dict)
    lost_since: dict[Key, float] = field(default_factory=dict)
    memory: int = 0
    mark: int = 0
    used: dict[int, float] = field(default_factory=dict)  # processor time of each thread when the process stalled
    stalled_at: float | None = None
    is_stopped: bool = False  # by SIGSTOP or a debugger: its leases run out, and it finds out when it goes on
    is_over: bool = False  # it takes too much memory

    @property
    def is_stalled(self) -> bool:
        """Whether nothing in it can run but one thread."""
        return self.stalled_at is not None

    def retires(self) -> bool:
        """Whether it is to take nothing new."""
        return self.is_over or bool(self.at_fault)


class Watchdog:
    """Looks at wards, one after the other; has no memory but theirs. `now`: of the monotonic clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def look(self, ward: Ward, entries: list[Entry], now: float) -> None:
        """Finds out which attempts are at fault."""
        known = {entry.key for entry in entries}
        ward.at_fault = {key: reason for key, reason in ward.at_fault.items() if key in known}
        self._look_at_life(ward, entries, now)
        self._look_at_memory(ward, entries)
        for entry in self._overdue(ward, entries, now):
            ward.at_fault.setdefault(entry.key, self._too_long(entry, now))

    def lose(self, ward: Ward, entries: list[Entry], lost: set[tuple[str, str]], now: float) -> None:
        """Takes in which executions are no longer the ward's: their steps may go on for a moment, not longer."""
        gone = {e.key for e in entries if (e.execution_id, ward.owner) in lost and not ward.is_stopped}
        ward.lost_since = {key: ward.lost_since.get(key, now) for key in gone}
        for key, since in ward.lost_since.items():
            if now - since >= LOST_AFTER:
                ward.at_fault[key] = ""

    def must_end(self, ward: Ward, entries: list[Entry], now: float) -> bool:
        """Whether a retired ward is to be ended now."""
        if ward.retired_at is None or not entries:  # without work it ends by itself
            return False
        if ward.memory > 2 * self.limits.memory:
            return True
        beside = [entry for entry in entries if entry.key not in ward.at_fault]
        if not ward.at_fault:
            return False
        if any(entry.once and not self._is_late(entry, now) for entry in beside):
            return False
        return not beside or ward.is_stalled or now - ward.retired_at > DRAIN

    def _look_at_life(self, ward: Ward, entries: list[Entry], now: float) -> None:
        quiet = bool(entries) and self._is_quiet(ward, now, QUIET)
        ward.is_stopped = quiet and processes.is_stopped(ward.pid)
        if not quiet or ward.is_stopped or not self._is_quiet(ward, now, STALLED):
            ward.stalled_at, ward.used = None, {}
            return
        ward.stalled_at = ward.stalled_at or now
        for entry in entries:
            ward.used.setdefault(entry.thread, processes.cpu(ward.pid, entry.thread))

    def _is_quiet(self, ward: Ward, now: float, seconds: float) -> bool:
        return 0 < ward.board.beat < now - seconds

    def _overdue(self, ward: Ward, entries: list[Entry], now: float) -> Iterator[Entry]:
        """Attempts that take too long through their own fault: in a stalled process that is only the one that stalls it."""
        late = sorted((e for e in entries if e.phase == STEP and self._is_late(e, now)), key=lambda entry: entry.since)
        if ward.stalled_at is None:
            yield from () if self._is_quiet(ward, now, QUIET) else late
            return
        holder = self._holder(ward, entries)
        if holder is None:
            yield from late[:1] if now - ward.stalled_at > _TELLS else ()
        elif holder in late or now - ward.board.beat > HELD_UP:
            yield holder

    def _holder(self, ward: Ward, entries: list[Entry]) -> Entry | None:
        """Who keeps the interpreter to itself: the thread that computes, while the others wait. None: nobody can tell."""
        burnt = {e: processes.cpu(ward.pid, e.thread) - ward.used[e.thread] for e in entries if e.thread in ward.used}
        most = max(burnt, key=burnt.__getitem__, default=None)
        return most if most is not None and burnt[most] >= _BURNS else None

    def _is_late(self, entry: Entry, now: float) -> bool:
        return now - entry.since > entry.limit + self.limits.grace

    def _look_at_memory(self, ward: Ward, entries: list[Entry]) -> None:
        taken = ward.memory = processes.memory(ward.pid)
        ward.is_over = ward.is_over or taken > self.limits.memory
        if taken <= max(self.limits.memory, ward.mark):
            return
        touched = {e: processes.faults(ward.pid, e.thread) - e.faults for e in entries if e.phase != JOB}
        most = max(touched, key=touched.__getitem__, default=None)
        much = self.limits.memory // processes.PAGE // _MUCH
        if most is not None and (touched[most] > much or taken > 2 * self.limits.memory):
            ward.mark = int(taken * _MORE)
            ward.at_fault.setdefault(most.key, self._too_much(most))

    def _too_long(self, entry: Entry, now: float) -> str:
        if entry.phase == STEP and self._is_late(entry, now):
            return say(
                "Step “%(step)s” ran past its timeout of %(limit)s s, so its worker was ended. "
                "Give the step less to do, or a longer timeout.",
                step=entry.step_id,
                limit=f"{entry.limit:g}",
            )
        what = say("Step “%(step)s”", step=entry.step_id) if entry.step_id else say("The execution")
        return say(
            "%(what)s held up everything else for %(seconds)s s, so its worker was ended. "
            "Give the step less data at a time.",
            what=what,
            seconds=f"{HELD_UP:g}",
        )

    def _too_much(self, entry: Entry) -> str:
        what = say("Step “%(step)s”", step=entry.step_id) if entry.step_id else say("Reading what its steps gave")
        return say(
            "%(what)s took more memory than a worker may (%(mib)s MiB), so its worker was ended. "
            "Give the step less data at a time.",
            what=what,
            mib=str(self.limits.memory >> 20),
        )
