"""PostgreSQL as in production: a cluster of its own that syncs every commit to the disk (the tests' one does not)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import server, wait_until
from tests.support.servers.postgres import Cluster, _programs, unprivileged

# Besides these two, everything is PostgreSQL's default: fsync, synchronous_commit and full_page_writes are on.
_SETTINGS = {"listen_addresses": "", "max_connections": "200"}


@contextmanager
def running_cluster() -> Iterator[tuple[Cluster, int]]:
    """A fresh cluster with the application's role in it, and the process id of its server."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="flowapp-pg-"))
    owner = unprivileged(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **owner,
        )
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings]
        with server(argv, folder / "postgres.log", stop_with=signal.SIGINT, cwd=folder, **owner) as process:
            cluster = Cluster(folder)
            wait_until(cluster.answers, message="PostgreSQL did not answer")
            cluster.prepare()
            yield cluster, process.pid
    finally:
        shutil.rmtree(folder, ignore_errors=True)
