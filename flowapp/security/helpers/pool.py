"""The helpers of this process: at most a few at once, kept for the next call, ended when a call breaks its budget."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flowapp.errors import StepError
from flowapp.security.helpers.fork_client import LostError, Zygote, flowapp_root, has_ended
from flowapp.security.helpers.limits import left, stoppable
from flowapp.security.helpers.zygote import LENGTH, MIB, frame
from flowapp.texts import say

T = TypeVar("T")

SECONDS = 5  # of processor time for one call
MEMORY = 256  # MiB for one helper
LONGEST = 20.0  # seconds on the clock for one call, where no step says less
SLOTS = 4  # helpers that work at once, in one process of Flowapp
KEPT = 2  # helpers that wait for the next call
MAX_ANSWER = 64 * MIB
START = 15.0  # seconds that a helper may take to start on a machine that is busy
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from flowapp.security.helpers.zygote import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)


class OverBudgetError(StepError):
    """Work that took more time or memory than one step, or one request, may."""

    status = 422
    title = say("Too much work")

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Helpers:
    """A pool of helpers over one zygote, for any number of threads. `seconds` of processor time, `memory` in MiB."""

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self.zygote = Zygote(
            lambda fd: [sys.executable, "-I", "-c", _BOOT, flowapp_root(), str(fd), str(self.memory * MIB)]
        )
        self._room = threading.Condition()
        self._free = SLOTS
        self._idle: list[tuple[str, socket.socket]] = []
        self._owner = os.getpid()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(*arguments)`, in a helper.

        Raises what it raises; OverBudgetError where it takes more than its budget; StoppedError where it is ended from
        outside; StepError, worth another try, where no helper could be started or all are at work.
        """
        if not left(1.0):
            raise OverBudgetError(say("There is no time left for this, because earlier work took too long."))
        request = frame((function, arguments, self.seconds))
        with self._slot():
            for fresh in (False, True, True):
                with contextlib.suppress(LostError):
                    return self._converse(function.__module__, request, fresh=fresh)  # type: ignore[no-any-return]
        raise StepError(
            say("The helper process could not be started. Try again. If the problem persists, see the server's log.")
        )

    def close(self) -> None:
        """Ends the processes; a later call starts them anew."""
        with self._room:
            while self._idle:
                self._idle.pop()[1].close()
        self.zygote.close()

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        with self._room:
            if self._owner != os.getpid():  # forked: the channels are the other process's
                self._owner, self._free, self._idle = os.getpid(), SLOTS, []
            with stoppable(self._wake):
                if not self._room.wait_for(lambda: self._free or not left(1.0), left(LONGEST)) or not self._free:
                    raise StepError(say("Too much work of this kind is in progress. Try again in a moment."))
            self._free -= 1
        try:
            yield
        finally:
            with self._room:
                self._free += 1
                self._room.notify()

    def _wake(self) -> None:
        with self._room:
            self._room.notify_all()

    def _converse(self, module: str, request: bytes, *, fresh: bool) -> Any:
        """One call. LostError where its helper was lost through no fault of the call, which may run again."""
        process, channel = None, None if fresh else self._waiting(module)
        try:
            if channel is None:
                process, channel = self._open(module)
            with stoppable(lambda: channel.shutdown(socket.SHUT_RDWR)):
                answer = self._ask(channel, request)
        except BaseException as error:
            if channel is not None:
                channel.close()
            if isinstance(error, LostError | OSError) and not isinstance(error, TimeoutError):
                if process is not None and has_ended(process):
                    self.zygote.lost(process)
                raise LostError from None
            raise
        match answer:
            case ["done" | "raised" as how, result, fit]:
                self._keep(module, channel, fit=fit)
                if how == "raised":
                    raise result
                return result
            case ["ended", code] if process is None and code != -signal.SIGXCPU:
                channel.close()
                raise LostError  # perhaps it ended before the call
            case _:
                channel.close()
                raise OverBudgetError(self._reason(answer))

    def _waiting(self, module: str) -> socket.socket | None:
        """A helper that has nothing to do, and knows the module."""
        with self._room:
            for at, (known, channel) in enumerate(self._idle):
                if known == module:
                    del self._idle[at]
                    poller = select.poll()  # select() takes no descriptor over 1,023
                    poller.register(channel, select.POLLIN)
                    if not poller.poll(0):
                        return channel
                    channel.close()  # it has ended meanwhile
                    return None
        return None

    def _keep(self, module: str, channel: socket.socket, *, fit: bool) -> None:
        with self._room:
            if fit:
                self._idle.insert(0, (module, channel))
            else:
                channel.close()
            while len(self._idle) > KEPT:
                self._idle.pop()[1].close()

    def _open(self, module: str) -> tuple[Any, socket.socket]:
        process, channel = self.zygote.open(module.encode(), START)
        try:
            channel.settimeout(left(START) or 0.001)
            receive(channel)
        except TimeoutError:
            channel.close()
            if not left(START):
                raise OverBudgetError(self._reason(("time", 0.0))) from None
            self.zygote.lost(process)
            raise LostError from None
        except LostError:
            channel.close()
            if has_ended(process):
                self.zygote.lost(process)
            raise
        return process, channel

    def _ask(self, channel: socket.socket, request: bytes) -> tuple[Any, ...]:
        """The answer, or ("time", seconds)."""
        most = left(LONGEST)
        end = time.monotonic() + most
        try:
            channel.settimeout(most or 0.001)
            channel.sendall(request)
            return receive(channel, end)
        except TimeoutError:
            return ("time", most)

    def _reason(self, answer: tuple[Any, ...]) -> str:
        match answer:
            case ["time", float(seconds)]:
                return say(
                    "This took longer than %(seconds)s seconds. Process less at a time.", seconds=f"{seconds:.3g}"
                )
            case ["ended", code] if code == -signal.SIGXCPU:
                return say(
                    "This took more than %(seconds)s seconds of processor time. Process less at a time.",
                    seconds=self.seconds,
                )
            case ["answer"]:
                return say("The result is larger than %(limit)s MiB. Request less data.", limit=MAX_ANSWER // MIB)
        return say("This needs more than %(memory)s MiB of memory. Process less at a time.", memory=self.memory)


def receive(channel: socket.socket, end: float = float("inf")) -> tuple[Any, ...]:
    """The next frame. LostError where the channel ends without one; TimeoutError after `end`."""
    head = _exactly(channel, LENGTH.size, end)
    size = LENGTH.unpack(head)[0]
    if size > MAX_ANSWER:
        return ("answer",)
    return pickle.loads(_exactly(channel, size, end))  # type: ignore[no-any-return] # noqa: S301 - from our own process


def _exactly(channel: socket.socket, size: int, end: float) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        if end != float("inf"):
            channel.settimeout(max(0.001, end - time.monotonic()))
        try:
            part = channel.recv(min(size - len(parts), 1 << 20))
        except ConnectionResetError:
            part = b""
        if not part:
            raise LostError
        parts += part
    return bytes(parts)


_helpers = Helpers()


def configure(seconds: int, memory: int) -> None:
    """Sets the budget of this process's helpers, before the first is started."""
    _helpers.seconds, _helpers.memory = seconds, memory


def call(function: Callable[..., T], *arguments: Any) -> T:
    """`function(*arguments)` in one of this process's helpers: see Helpers.call."""
    return _helpers.call(function, *arguments)


def close() -> None:
    """Ends this process's helpers."""
    _helpers.close()
