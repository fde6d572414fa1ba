"""What runs in a *zygote*: a process that forks a child for each channel that it is sent, and ends it with its channel.

Standard library only: custom code's zygote imports it before it gives up its rights.

On the control socket comes one message for each child, together with the child's channel. The child has the channel to
itself; the zygote keeps a copy, so that the channel's end comes only after the child was reaped. A child whose channel
the other side has closed is killed, with its whole process group: that is how a run is ended from outside, whatever it
is doing. The zygote ends, and all children with it, when the control socket is closed: when whoever started it has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Never

MAX_MESSAGE = 400
DEATH_SIGNAL = 1  # linux/prctl.h: PR_SET_PDEATHSIG


class ForkServer:
    """The children of this process.

    `run_child(channel, message)` is all that a child does; `last_message(exit code)` is sent on its channel after it, where
    the code is negative for the signal that ended it.
    """

    def __init__(
        self,
        control: socket.socket,
        run_child: Callable[[socket.socket, bytes], None],
        last_message: Callable[[int], bytes] = lambda _code: b"",
    ) -> None:
        self._control, self._run_child, self._last_message = control, run_child, last_message
        self._children: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._wake, self._waker = socket.socketpair()

    def run(self, prepare: Callable[[bytes], None] = lambda _message: None) -> None:
        """Until the control socket is closed. `prepare(message)` runs here, before the fork, for all later children too."""
        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for source in (self._control, self._wake):
            self._poll.register(source, select.POLLIN)
        open_ = True
        while open_:
            for descriptor, _event in self._poll.poll():
                if descriptor == self._control.fileno():
                    open_ = self._take(prepare)
                elif descriptor == self._wake.fileno():
                    self._reap()
                else:
                    self._end(descriptor)
        for pid in self._children:
            kill_group(pid)

    def _take(self, prepare: Callable[[bytes], None]) -> bool:
        """A child for the next channel. False once there will be no more."""
        message, channels, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, 1)
        if not message:
            return False
        channel = socket.socket(fileno=channels[0])
        try:
            prepare(message)
            pid = os.fork()
        except Exception as error:  # noqa: BLE001 - no process to be had: the closed channel says it
            sys.stderr.write(f"no helper process: {type(error).__name__}: {error}\n")
            channel.close()
            return True
        if pid == 0:
            self._be_child(channel, message)
        with contextlib.suppress(OSError):  # the child does the same: whichever of the two comes first
            os.setpgid(pid, pid)
        self._children[pid] = channel
        self._poll.register(channel, 0)  # only that it was closed
        return True

    def _be_child(self, channel: socket.socket, message: bytes) -> Never:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            die_with_parent()
            for other in (self._control, self._wake, self._waker, *self._children.values()):
                other.close()
            self._run_child(channel, message)
        finally:
            os._exit(0)

    def _end(self, descriptor: int) -> None:
        for pid, channel in self._children.items():
            if channel.fileno() == descriptor:
                self._poll.unregister(channel)
                kill_group(pid)

    def _reap(self) -> None:
        """Ends what is left of the groups of children that have ended. Only then are their ids free."""
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(4096):
                pass
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                kill_group(ended.si_pid)
                _pid, status = os.waitpid(ended.si_pid, 0)
                self._part_with(ended.si_pid, os.waitstatus_to_exitcode(status))

    def _part_with(self, pid: int, code: int) -> None:
        channel = self._children.pop(pid, None)
        if channel is None:
            return
        with contextlib.suppress(KeyError):
            self._poll.unregister(channel)
        with contextlib.suppress(OSError):  # nobody reads any more
            channel.send(self._last_message(code), socket.MSG_DONTWAIT)
        channel.close()


def kill_group(pid: int) -> None:
    """Ends a child and what it started."""
    for kill in (os.killpg, os.kill):  # its group may not be there yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def die_with_parent() -> None:
    """On Linux this process is killed as soon as its parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
