"""What a piece of work costs this process: for tests that nobody can stop it."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MIB = 1024  # of ru_maxrss, in KiB


@contextmanager
def at_most(*, seconds: float, memory: int) -> Iterator[None]:
    """Fails where the work takes longer, or this process ever held more MiB than before; its helpers are not counted."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    took, grown = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert took < seconds, f"it took {took:.1f} s"
    assert grown < memory * MIB, f"it held {grown // MIB} MiB more"


SOON = 20.0  # seconds in which what ends at once has ended, however slow the machine


@contextmanager
def promptly() -> Iterator[None]:
    """Fails where what should end at once, because it was stopped or has a limit, goes on until a longer time is over."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < SOON, f"it took {took:.1f} s"


def processor_seconds(work: Callable[[], object], times: int = 3) -> float:
    """The processor time of this process for `work`, the least of several times: what else it holds, and who else is
    on the machine, do not count."""
    gc.collect()
    gc.disable()
    try:
        return min(_once(work) for _ in range(times))
    finally:
        gc.enable()


def _once(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
