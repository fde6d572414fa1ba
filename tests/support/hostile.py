"""What helpers are given to do in tests."""

from __future__ import annotations

import ctypes
import os
import re
import time
from pathlib import Path
from typing import Any


def echo(value: Any) -> Any:
    return value


def fail(error: Exception) -> None:
    raise error


def fail_locally() -> None:
    """With an error that cannot travel."""

    class LocalError(Exception):
        pass

    raise LocalError


def spin() -> None:
    while True:
        pass


def hold_the_lock() -> None:
    """Inside one call in C, during which no Python runs."""
    re.match("(a+)+b", "a" * 60)


def take(size: int) -> int:
    """The process's id, once it held so many bytes."""
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    return os.getpid()


def take_little_by_little() -> None:
    held: list[Any] = []
    while True:
        held = [held, {}]


def crash() -> None:
    ctypes.string_at(0)


def large(size: int) -> bytes:
    return bytes(size)


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def say_and_sleep(path: str) -> None:
    """Writes its process's id, and then does nothing for long."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def environment() -> set[str]:
    return set(os.environ)
