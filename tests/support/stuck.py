"""Steps that hang, compute, hold the interpreter or take memory; and a worker that knows them: `python -m tests.support.stuck`."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from itertools import repeat
from pathlib import Path
from typing import Any

from flowapp.catalog import Done, Outcome, Params, StepContext
from flowapp.catalog.registry import action

MIB = 1 << 20


class StuckParams(Params):
    """`do`: hang (waits), spin (computes), grip (holds the interpreter's lock), eat (memory) or sleep, for `seconds`."""

    do: str = "sleep"
    seconds: float = 0


def behave(ctx: StepContext, params: StuckParams) -> Outcome:
    note(f"{ctx.execution_id} {os.getpid()} began")
    _WAYS[params.do](params.seconds)
    note(f"{ctx.execution_id} {os.getpid()} ended")
    return Done(params.seconds)


def note(line: str) -> None:
    """Appends a line to the file that the test reads, at once."""
    with Path(os.environ["FLOWAPP_DATA_DIR"], "stuck.txt").open("a") as file:
        file.write(line + "\n")


def _hang(_seconds: float) -> None:
    threading.Event().wait()


def _spin(_seconds: float) -> None:
    while True:
        pass


def _grip(_seconds: float) -> None:
    deque(repeat(0), maxlen=0)  # a loop in C without end


def _eat(_seconds: float) -> None:
    taken = []
    while len(taken) < 40:
        taken.append(b"\1" * (8 * MIB))
        time.sleep(0.02)
    _hang(0)


_WAYS: dict[str, Any] = {"hang": _hang, "spin": _spin, "grip": _grip, "eat": _eat, "sleep": time.sleep}


def declare() -> None:
    """Makes the actions known: stuck_pure, stuck_idempotent, stuck_once."""
    for effect in ("pure", "idempotent", "once"):
        action(
            f"stuck_{effect}", label=effect, description="", group="", icon="", effect=effect, params=StuckParams
        )(behave)  # fmt: skip


def calls(folder: str) -> list[list[str]]:
    """What was noted: execution, process, word."""
    path = Path(folder, "stuck.txt")
    return [re.split(" ", line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    from flowapp import worker

    declare()
    worker.main()
