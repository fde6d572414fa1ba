"""The process that helpers are forked from: `python -I -c … <descriptor>`, started by helpers.pool.

The message for each helper is the name of the module that it will work for; it is imported before the fork, so that
all helpers share it. A helper takes one call after the other on its channel, in frames: eight bytes of length, then a
pickle. In: (function, arguments, processor seconds). Out: ("ready",) at its beginning, then for each call one of
("done", result, fit), ("raised", error, fit), ("memory",); `fit` is false where it has grown too much to be used again.
As its last frame the zygote sends ("ended", exit code).
"""

from __future__ import annotations

import gc
import importlib
import math
import os
import pickle
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flowapp.security.helpers.fork_server import ForkServer

MIB = 1024 * 1024
LENGTH = struct.Struct("!Q")
GROWN = 64 * MIB  # more memory than this and a helper is not used again
NICE = 5  # who waits for a page goes first


def main(descriptor: int, memory: int) -> None:
    """Forks helpers until the control socket is closed. `memory`: bytes that each may take beyond what it starts with."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def run_child(channel: socket.socket, _message: bytes) -> None:
        serve(channel, memory)

    ForkServer(socket.socket(fileno=descriptor), run_child, lambda code: frame(("ended", code))).run(learn)


def learn(module: bytes) -> None:
    """Imports what helpers will need, once for all of them."""
    if module.decode() not in sys.modules:
        importlib.import_module(module.decode())
        gc.collect()
        gc.freeze()  # stays shared between the forks


def frame(message: tuple[object, ...]) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def serve(channel: socket.socket, memory: int) -> None:
    """A helper's life: until the channel is closed, or its limits end it."""
    limit_memory(memory)
    started_with = peak()
    channel.sendall(frame(("ready",)))
    with channel.makefile("rb") as requests:
        while header := requests.read(LENGTH.size):
            function, arguments, seconds = pickle.loads(requests.read(LENGTH.unpack(header)[0]))  # noqa: S301 - our parent's
            channel.sendall(answer(function, arguments, seconds, lambda: peak() - started_with < GROWN))
            del function, arguments


def answer(
    function: Callable[..., object], arguments: tuple[object, ...], seconds: float, fit: Callable[[], bool]
) -> bytes:
    """The frame that answers a call. SIGXCPU ends the process where it takes more than its seconds."""
    used = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (used, resource.RLIM_INFINITY))
    try:
        return frame(("done", function(*arguments), fit()))
    except MemoryError:
        return frame(("memory",))
    except Exception as error:  # noqa: BLE001 - the caller's to handle
        error.__traceback__ = error.__context__ = error.__cause__ = None
        return _raised(error, fit=fit())


def _raised(error: Exception, *, fit: bool) -> bytes:
    try:
        return frame(("raised", error, fit))
    except Exception:  # noqa: BLE001 - of a kind that cannot travel
        return frame(("raised", RuntimeError(repr(error)), fit))


def limit_memory(more: int) -> None:
    """Address space, since that is what the kernel counts. Not on systems that cannot say what a process has."""
    if sys.platform == "linux":
        space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (space, space))


def peak() -> int:
    """The most memory that this process held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if sys.platform == "linux" else 1)
