"""Hosts of a fleet: process groups that share a database and Redis, each with a data folder of its own.

On one machine all have one name; what tells them apart is that each can be killed, frozen and cut off alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from flowapp.launcher import procfile
from flowapp.launcher.lifeline import tie_to_this_process
from tests.support.group import ROOT, descendants
from tests.support.processes import free_port


class Host:
    """Runs some of the Procfile's processes, or other commands in their place. `text`: what they print."""

    def __init__(self, environ: Mapping[str, str], *kinds: str, **instead: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="flowapp-host-"))
        self.port = free_port()
        self.environ = {
            **environ, "PORT": str(self.port), "FLOWAPP_DATA_DIR": str(self.folder), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        commands = procfile.parse((ROOT / "Procfile").read_text(), self.environ) | instead
        self.processes = {kind: self._start(commands[kind]) for kind in (*kinds, *instead)}

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        programs = Path(sys.executable).parent
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(programs / argv[0]), *argv[1:]],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - two system calls, no lock
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To every process of the host at once, as when it loses power or stands still."""
        family = [pid for process in self.processes.values() for pid in (process.pid, *descendants(process.pid))]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """SIGTERM to each service; kills what is left."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`flask --app wsgi …` on this host."""
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
