"""Runs the Python of `custom_code` where it can harm nobody: see zygote.py for the processes and their limits."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowapp.catalog import N_
from flowapp.errors import StepError
from flowapp.security.helpers.fork_client import LostError, Zygote, flowapp_root, has_ended
from flowapp.security.helpers.limits import stoppable
from flowapp.security.sandbox import zygote
from flowapp.texts import say

LONGEST = 30.0  # seconds on the clock, whatever the step allows
_START = 15.0  # seconds that a process may take to start on a machine that is busy
_MAX_ANSWER = zygote.MIB
_BOOT = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
_LIMITS = {
    "seconds": zygote.CPU_SECONDS,
    "memory": zygote.MEMORY // zygote.MIB,
    "output": zygote.MAX_OUTPUT // 1024,
    "lines": zygote.MAX_LINES,
    "log": zygote.MAX_LOG // 1024,
    "levels": zygote.MAX_DEPTH,
}
# Kinds of failure that the zygote tells apart: what they mean to the person who wrote the code.
_MESSAGES = {
    "syntax": N_("The code cannot be read, line %(line)s: %(message)s."),
    "error": N_("The code failed in line %(line)s: %(type)s: %(message)s"),
    "error_somewhere": N_("The code failed: %(type)s: %(message)s"),
    "cpu": N_("The code took longer than %(seconds)s seconds of processor time."),
    "time": N_("The code took longer than %(timeout)s seconds."),
    "sleep": N_("The code cannot sleep: put a Wait step before or after it."),
    "memory": N_("The code needs more than %(memory)s MB of memory."),
    "output": N_("The code's result is larger than %(output)s KiB. Return less."),
    "printed": N_("The code's output is larger than %(output)s KiB. Print less."),
    "type": N_(
        "%(where)s has the type %(type)s, which is not JSON. Return text, numbers, True, False, None, or "
        "lists and dicts of these."
    ),
    "key": N_("%(where)s has a key of the type %(type)s, which is not JSON. Use text."),
    "infinite": N_("%(where)s is not a finite number, so it is not JSON."),
    "big": N_("%(where)s is a whole number of more than 300 digits. Return it as text."),
    "deep": N_("The code's result is nested deeper than %(levels)s levels."),
    "crashed": N_("The code crashed the interpreter: it needs too much memory or is nested too deeply."),
    "lost": N_("The code's result is too large or too deeply nested, or took too long to return."),
    "cut": N_("More was printed. The log keeps the first %(lines)s lines or %(log)s KiB of a run."),
}


@dataclass
class _Answer:
    """What a run said: `last` is its final message, None where it ended without one."""

    lines: list[str]
    last: list[Any] | None = None


class ProcessSandbox:
    """Custom code in processes of its own, for any number of threads. The first run starts them."""

    def __init__(self) -> None:
        self._zygote = Zygote(
            lambda fd: [sys.executable, "-I", "-c", _BOOT, flowapp_root(), str(Path(zygote.__file__)), str(fd)]
        )

    @property
    def pid(self) -> int | None:
        """The process from which runs are forked, once there is one."""
        return self._zygote.pid

    def run(self, source: str, inputs: Mapping[str, Any], *, timeout: float, on_print: Callable[[str], None]) -> Any:
        """The code's result, JSON. `inputs` (JSON) are its variables; `timeout` in seconds, at most 30.

        Printed lines come when the run has ended. Raises StepError in words for the person who wrote the code.
        """
        seconds = min(timeout, LONGEST)
        try:
            request = json.dumps({"source": source, "inputs": dict(inputs), "timeout": seconds}).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise StepError(say("The input is not valid JSON: %(why)s", why=str(error)), permanent=True) from None
        answer = self._attempt(request, seconds) or self._attempt(request, seconds)
        if answer is None:
            raise StepError(
                say(
                    "The process that runs code could not be started. Try again. If the "
                    "problem persists, see the server's log."
                )
            )
        for line in answer.lines:
            on_print(line)
        match answer.last:
            case ["done", result]:
                return result
            case ["failed", str(kind), *details]:
                raise StepError(_message(kind, next(iter(details), {}), seconds), permanent=True)
            case ["unable", str(why)]:
                raise StepError(say("This machine cannot run code: %(why)s", why=why))
        raise StepError(_message("lost", {}, seconds), permanent=True)

    def close(self) -> None:
        """Ends the processes; a run in flight fails. A later run starts them anew."""
        self._zygote.close()

    def _attempt(self, request: bytes, seconds: float) -> _Answer | None:
        """One run; None where its process was lost through no fault of the code, which changes nothing and may run again."""
        process = None
        try:
            process, channel = self._zygote.open(b"+", _START)
            with channel, stoppable(lambda: channel.shutdown(socket.SHUT_RDWR)):
                answer = _converse(channel, request, seconds)
            if answer.last is None and has_ended(process):
                raise LostError  # noqa: TRY301
        except (LostError, OSError):
            self._zygote.lost(process)
            return None
        return answer


def _converse(channel: socket.socket, request: bytes, seconds: float) -> _Answer:
    """Sends the request and hears the run out. LostError where it does not even begin, or goes on after its end."""
    heard = bytearray()
    channel.settimeout(_START)
    heard += _receive(channel)
    if heard:
        channel.sendall(request)
        channel.shutdown(socket.SHUT_WR)
    end = time.monotonic() + seconds + zygote.GRACE + _START
    while len(heard) <= _MAX_ANSWER and (left := end - time.monotonic()) > 0:
        channel.settimeout(left)
        if not (part := _receive(channel)):
            return _understood(heard)
        heard += part
    if len(heard) > _MAX_ANSWER:
        return _Answer([], ["failed", "output"])
    raise LostError


def _receive(channel: socket.socket) -> bytes:
    try:
        return channel.recv(65536)
    except ConnectionResetError:
        return b""


def _understood(heard: bytearray) -> _Answer:
    """The messages in what was heard; a last one that broke off was none."""
    answer = _Answer([])
    for line in heard.split(b"\n")[:-1]:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return answer
        match message:
            case ["print", str(text)]:
                answer.lines.append(text)
            case ["cut"]:
                answer.lines.append(_message("cut", {}, 0))
            case ["done" | "failed" | "unable", *_]:
                answer.last = message
    return answer


def _message(kind: str, details: Mapping[str, str], seconds: float) -> str:
    """What went wrong, for the person who wrote the code."""
    return say(_MESSAGES[kind], **{**_LIMITS, "timeout": f"{seconds:g}", **details})
