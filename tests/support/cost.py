"""What a piece of work costs this process: for tests that nobody can stop it."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
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
