"""What the system says of a process and its threads. Linux: /proc. Elsewhere memory alone, as `ps` has it."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

PAGE = resource.getpagesize()
_FAULTS, _USER, _SYSTEM = 7, 11, 12  # fields of /proc/…/stat after the name: proc(5)
_HAS_PROC = Path("/proc/self/statm").exists()


def memory(pid: int) -> int:
    """Bytes of memory that the process has taken; 0 where that cannot be told."""
    if _HAS_PROC:
        try:
            return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
        except OSError:
            return 0
    argv = ["/bin/ps", "-o", "rss=", "-p", str(pid)]
    output = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=5).stdout.strip()  # noqa: S603
    return int(output) * 1024 if output.isdigit() else 0


def is_stopped(pid: int) -> bool:
    """Whether somebody stopped the process (SIGSTOP, a debugger)."""
    return _stat(f"{pid}")[:1] in (["T"], ["t"])


def faults(pid: int, thread: int) -> int:
    """Pages of memory that the thread was the first to touch; 0 where that cannot be told."""
    return _number(pid, thread, _FAULTS)


def cpu(pid: int, thread: int) -> float:
    """Seconds of processor time that the thread has taken; 0 where that cannot be told."""
    return (_number(pid, thread, _USER) + _number(pid, thread, _SYSTEM)) / os.sysconf("SC_CLK_TCK")


def _number(pid: int, thread: int, which: int) -> int:
    fields = _stat(f"{pid}/task/{thread}")
    return int(fields[which]) if fields else 0


def _stat(of: str) -> list[str]:
    try:
        return Path(f"/proc/{of}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
