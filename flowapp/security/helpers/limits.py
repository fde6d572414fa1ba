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
        super().__init__(say("The step was stopped: it was cancelled or timed out."), permanent=True)


@dataclass(slots=True, eq=False)
class _Limit:
    end: float
    stops: list[Callable[[], None]] = field(default_factory=list)
    stopped: bool = False


_lock = threading.Lock()
_limits: dict[int, _Limit] = {}


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """This thread has so many seconds for what it does inside; where it is inside of another such, the shorter time holds."""
    ident = threading.get_ident()
    outer = _limits.get(ident)
    end = time.monotonic() + seconds
    limit = _Limit(end if outer is None else min(end, outer.end))
    with _lock:
        _limits[ident] = limit
        limit.stopped = outer is not None and outer.stopped
    try:
        yield
    finally:
        with _lock:
            if outer is None:
                del _limits[ident]
            else:
                _limits[ident] = outer
                outer.stopped = outer.stopped or limit.stopped


def left(most: float) -> float:
    """Seconds that this thread may still take, at most `most`; 0 where its time is over. StoppedError."""
    limit = _limits.get(threading.get_ident())
    if limit is None:
        return most
    if limit.stopped:
        raise StoppedError
    return max(0.0, min(most, limit.end - time.monotonic()))


@contextlib.contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """What this thread does inside can be ended by `stop()`, called in another thread. Then this raises StoppedError."""
    ident = threading.get_ident()
    with _lock:
        limit = _limits.get(ident) or _limits.setdefault(ident, _Limit(float("inf")))
        if limit.stopped:
            raise StoppedError
        limit.stops.append(stop)
    try:
        yield
    finally:
        with _lock:
            limit.stops.remove(stop)
            if limit.end == float("inf") and not limit.stops:
                _limits.pop(ident, None)
        if limit.stopped:
            raise StoppedError


def stop_thread(ident: int) -> bool:
    """Ends what a thread waits for, and refuses what it would wait for next. False where it is under no limit."""
    with _lock:
        limit = _limits.get(ident)
        if limit is None:
            return False
        limit.stopped = True
        stops = list(limit.stops)
    for stop in stops:
        with contextlib.suppress(Exception):  # it may be over by itself this very moment
            stop()
    return True
