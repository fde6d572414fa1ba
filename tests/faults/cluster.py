"""A PostgreSQL that can be crashed and started again, and whose files can be kept from growing."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flowapp.launcher.lifeline import tie_to_this_process
from tests.support.group import descendants
from tests.support.postgres import Cluster, _programs, _unprivileged
from tests.support.processes import wait_until

# Everything else is PostgreSQL's default: what it has acknowledged survives a crash.
_SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "64MB"}
UNLIMITED = resource.RLIM_INFINITY


class CrashingCluster(Cluster):
    """`crash` is what `pg_ctl stop -m immediate` does: no checkpoint, the log is replayed at the next start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._owner: dict[str, Any] = _unprivileged(folder)
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """A cluster with small log segments, so that a limit on the size of files hits tables, not the log."""
        argv = [_programs() / "initdb", "-D", self._data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*argv, "--wal-segsize=1"], check=True, capture_output=True, cwd=self.folder, **self._owner)

    def start(self) -> None:
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_programs() / "postgres"), "-D", str(self._data), "-k", str(self.folder), *settings],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - two system calls, no lock
                **self._owner,
            )
        wait_until(self.answers, message="PostgreSQL did not answer")

    def crash(self) -> None:
        """Ends it at once, without a checkpoint."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)

    def limit_files(self, size: int) -> None:
        """No file of the server may grow past `size` bytes from now on (UNLIMITED: as large as it likes)."""
        assert self._process is not None
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            limit_files(pid, size)


def limit_files(pid: int, size: int) -> None:
    """Writes of the process beyond `size` bytes of a file fail, as they do on a full disk."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


@contextmanager
def crashing_cluster() -> Iterator[CrashingCluster]:
    """A fresh cluster with the application's role in it."""
    folder = Path(tempfile.mkdtemp(prefix="flowapp-pg-"))
    try:
        cluster = CrashingCluster(folder)
        cluster.create()
        cluster.start()
        try:
            cluster.prepare()
            yield cluster
        finally:
            cluster.crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
