"""A process that ends with the one that started it, also when that one is killed with -9 (Linux: prctl(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Asks the kernel to send `sig` to this process when the *thread* that started it ends.

    Only Linux can: elsewhere this does nothing. The request is lost when the process changes its user.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)


def tie_to_this_process(sig: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` that ties the child to the calling process, which may even have died meanwhile."""
    parent = os.getpid()

    def tie() -> None:
        die_with_parent(sig)
        if os.getppid() != parent:
            os._exit(1)

    return tie
