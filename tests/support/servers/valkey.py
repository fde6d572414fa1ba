"""A real Valkey on a unix socket, nothing kept on disk."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowapp.launcher import broker
from tests.support.processes import server, wait_until


@contextmanager
def running_valkey() -> Iterator[str]:
    """Yields its REDIS_URL."""
    with tempfile.TemporaryDirectory(prefix="flowapp-valkey-") as folder:
        path = Path(folder) / "valkey.sock"
        argv = [*broker.command(Path(folder), path), "--appendonly", "no"]
        with server(argv, Path(folder) / "valkey.log", stop_with=signal.SIGTERM):
            wait_until(lambda: broker.answers(path), message="Valkey did not answer")
            yield broker.url(path)
