"""What processes cost, from /proc: memory shared out (PSS) and processor time, by role."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_ROLES = ("gunicorn", "worker", "scheduler", "valkey", "postgres", "launcher")


def pss(pids: Iterable[int]) -> dict[str, float]:
    """MiB by role. PSS counts a page that k processes share as 1/k in each."""
    sizes: Counter[str] = Counter()
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                sizes[role(pid)] += int(line.split()[1])
    return {name: kib / 1024 for name, kib in sizes.items()}


def cpu(pids: Iterable[int]) -> Counter[str]:
    """Seconds of processor time so far, by role; a process that has ended meanwhile counts no more."""
    seconds: Counter[str] = Counter()
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            seconds[role(pid)] += (int(fields[11]) + int(fields[12])) / _TICK  # type: ignore[assignment]
        except OSError:
            continue
    return seconds


def role(pid: int) -> str:
    """What the process is for, by its command line."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return next((name for name in _ROLES if name in command), "other")
