"""One child process: its start, its output, line by line, and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowapp.errors import ConfigError
from flowapp.launcher.lifeline import tie_to_this_process

_LONGEST_LINE = 65_536


@dataclass
class Child:
    """A process in a session of its own: a Ctrl-C at the terminal reaches only the launcher, which tells it once."""

    name: str
    argv: list[str]
    env: Mapping[str, str]
    cwd: Path
    say: Callable[[str, str], None]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    _partial: bytes = field(default=b"", repr=False)

    def start(self) -> None:
        """Starts the process, for the first time or again; ConfigError where there is no such program."""
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the commands are the Procfile's
                self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,  # what it writes, the database above all, is for its owner only
                preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - the launcher has one thread only
            )
        except OSError as error:
            raise ConfigError(f"{self.name}: “{self.argv[0]}” cannot be started: {error.strerror}.") from None
        self.started_at = time.monotonic()
        os.set_blocking(self.output, False)

    @property
    def output(self) -> int:
        """The descriptor that its output is read from (non-blocking)."""
        if self.process is None or self.process.stdout is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.stdout.fileno()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return None if self.process is None else self.process.poll()

    @property
    def ending(self) -> str:
        """How it ended, for people."""
        code = self.exit_code
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def read(self) -> bool:
        """Passes on the lines that are there; False once there is nothing more to read."""
        try:
            data = os.read(self.output, _LONGEST_LINE)
        except BlockingIOError:
            return True
        *lines, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _LONGEST_LINE or not data:
            lines.append(self._partial)
            self._partial = b""
        for line in lines:
            if line.strip():
                self.say(self.name, line.decode("utf-8", "replace").rstrip())
        return bool(data)

    def terminate(self) -> None:
        """SIGTERM to the process alone: it passes the word to its own children, who must not hear it twice."""
        if self.process is not None:
            self.process.terminate()

    def bury(self) -> None:
        """Kills whatever is left of the process group, passes on its last words and closes the pipe."""
        if self.process is None or self.process.stdout is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        while self._more_to_read() and self.read():
            pass
        self.process.stdout.close()

    def _more_to_read(self) -> bool:
        """Not so where a daemon that left the group keeps the pipe open in silence."""
        poller = select.poll()  # select() takes no descriptor over 1,023
        poller.register(self.output, select.POLLIN)
        return bool(poller.poll(0))
