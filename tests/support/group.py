"""The real process group, as `make run` starts it, for the tests that drive it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flowapp.launcher.lifeline import tie_to_this_process
from tests.support.processes import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]


class Group:
    """A launcher and its children. `lines` is all that it printed so far."""

    def __init__(self, environ: Mapping[str, str], cwd: Path = ROOT) -> None:
        self.port = int(environ.get("PORT") or free_port())
        paths = os.pathsep.join(filter(None, (environ.get("PYTHONPATH"), str(ROOT))))
        self.environ = {**environ, "PORT": str(self.port), "PYTHONPATH": paths}
        self.cwd = cwd
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def start(self) -> Group:
        """Starts the launcher, without waiting."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowapp.launcher"],
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - two system calls, no lock
        )
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        return self

    def wait_for(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """The first match in what was printed; AssertionError shows what was printed instead."""
        try:
            return wait_until(lambda: self._printed(pattern), seconds, f"“{pattern}” was not printed")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.text}") from None

    def _printed(self, pattern: str) -> re.Match[str] | None:
        found = re.search(pattern, self.text)
        if found is None and self.process is not None and self.process.poll() is not None:
            self.reader.join(5)  # what it printed last
            found = re.search(pattern, self.text)
            assert found, "the launcher has ended"
        return found

    def wait_ready(self, seconds: float = 60) -> Group:
        self.wait_for(r"Flowapp serves http", seconds)
        return self

    def get(self, path: str) -> int:
        """The status of a page."""
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return response.status

    def pids(self) -> list[int]:
        """The launcher and all that descends from it."""
        return [] if self.process is None else [self.process.pid, *descendants(self.process.pid)]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """The exit code of the launcher."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))


@contextmanager
def running_group(environ: Mapping[str, str], cwd: Path = ROOT) -> Iterator[Group]:
    """A group that serves, stopped at the end."""
    group = Group(environ, cwd).start()
    try:
        yield group.wait_ready()
    finally:
        if group.process is not None and group.process.poll() is None:
            group.stop()


def descendants(pid: int) -> list[int]:
    """Processes whose line of parents leads to `pid` (Linux: /proc)."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [grandchild for child in found for grandchild in descendants(child)]


def alive(pid: int) -> bool:
    """Runs, and is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
