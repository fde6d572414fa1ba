"""A PostgreSQL that can be crashed and started again, and whose files can be kept from growing."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowapp.launcher.lifeline import tie_to_this_process
from tests.support.processes import wait_until
from tests.support.servers.postgres import Cluster, _programs, unprivileged

# Everything else is PostgreSQL's default: what it has acknowledged survives a crash.
_SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "64MB"}
UNLIMITED = resource.RLIM_INFINITY


class CrashingCluster(Cluster):
    """`crash` is what `pg_ctl stop -m immediate` does: no checkpoint, the log is replayed at the next start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._owner: dict[str, Any] = unprivileged(folder)
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """A cluster with small log segments, so that a limit on the size of files hits tables, not the log."""
        argv = [_programs() / "initdb", "-D", self._data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*argv, "--wal-segsize=1"], check=True, capture_output=True, cwd=self.folder, **self._owner)

    def start(self, file_size: int = UNLIMITED) -> None:
        """Starts the server. No file of it may grow past `file_size` bytes: writes beyond fail, as on a full disk."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        tie = tie_to_this_process()

        def before() -> None:
            tie()
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, UNLIMITED))

        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_programs() / "postgres"), "-D", str(self._data), "-k", str(self.folder), *settings],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before,  # noqa: PLW1509 - system calls only, no lock
                **self._owner,
            )
        wait_until(self.answers, message="PostgreSQL did not answer")

    def crash(self) -> None:
        """Ends it at once, without a checkpoint."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)


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
