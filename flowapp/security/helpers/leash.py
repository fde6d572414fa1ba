"""How long the work of a thread may take, and how it is ended from another thread.

The engine runs each attempt of a step `within(timeout)`. Whatever waits on behalf of the step asks `left()` how long it
may, and says with `stoppable(stop)` how its wait is ended. `stop_thread(ident)` ends all waits of that thread, now and
until its `within` is over: they raise StoppedError.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flowapp.errors import StepError
from flowapp.texts import say


class StoppedError(StepError):
    """The step was ended from outside: cancelled, or past its time."""

    def __init__(self) -> None:
        super().__init__(
            say("The step was stopped from outside: it was cancelled, or its time was up."), permanent=True
        )


@dataclass(slots=True, eq=False)
class _Leash:
    end: float
    stops: list[Callable[[], None]] = field(default_factory=list)
    stopped: bool = False


_lock = threading.Lock()
_leashes: dict[int, _Leash] = {}


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """This thread has so many seconds for what it does inside; where it is inside of another such, the shorter time holds."""
    ident = threading.get_ident()
    outer = _leashes.get(ident)
    end = time.monotonic() + seconds
    leash = _Leash(end if outer is None else min(end, outer.end))
    with _lock:
        _leashes[ident] = leash
        leash.stopped = outer is not None and outer.stopped
    try:
        yield
    finally:
        with _lock:
            if outer is None:
                del _leashes[ident]
            else:
                _leashes[ident] = outer
                outer.stopped = outer.stopped or leash.stopped


def left(most: float) -> float:
    """Seconds that this thread may still take, at most `most`; 0 where its time is over. StoppedError."""
    leash = _leashes.get(threading.get_ident())
    if leash is None:
        return most
    if leash.stopped:
        raise StoppedError
    return max(0.0, min(most, leash.end - time.monotonic()))


@contextlib.contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """What this thread does inside can be ended by `stop()`, called in another thread. Then this raises StoppedError."""
    ident = threading.get_ident()
    with _lock:
        leash = _leashes.get(ident) or _leashes.setdefault(ident, _Leash(float("inf")))
        if leash.stopped:
            raise StoppedError
        leash.stops.append(stop)
    try:
        yield
    finally:
        with _lock:
            leash.stops.remove(stop)
            if leash.end == float("inf") and not leash.stops:
                _leashes.pop(ident, None)
        if leash.stopped:
            raise StoppedError


def stop_thread(ident: int) -> bool:
    """Ends what a thread waits for, and refuses what it would wait for next. False where it is on no leash."""
    with _lock:
        leash = _leashes.get(ident)
        if leash is None:
            return False
        leash.stopped = True
        stops = list(leash.stops)
    for stop in stops:
        with contextlib.suppress(Exception):  # it may be over by itself this very moment
            stop()
    return True
