"""A real MariaDB of its own, on a loopback port, with a certificate (apt-get install mariadb-server)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tests.support.processes import free_port, server, wait_until
from tests.support.servers.certificates import Authority
from tests.support.servers.postgres import unprivileged

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True)
class MariaDb:
    """A running server; `folder` holds its socket, by which its superuser needs no password."""

    folder: Path
    port: int

    def admin(self) -> Any:
        """A connection of the superuser; each statement commits by itself."""
        return pymysql.connect(unix_socket=str(self.folder / "socket"), user="root", autocommit=True)

    def listens(self) -> bool:
        """Whether it has started. Asked of the socket: a connection that the driver does not get it leaves open."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def running_mariadb(authority: Authority, *hosts: str) -> Iterator[MariaDb]:
    """A fresh server, whose certificate is for these hosts."""
    folder = Path(tempfile.mkdtemp(prefix="flowapp-maria-"))
    owner, data, port = unprivileged(folder), folder / "data", free_port()
    certificate, key = authority.issue(folder, *hosts)
    for file in (certificate, key):
        shutil.chown(file, folder.stat().st_uid, folder.stat().st_gid)
    try:
        install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        install.append("--auth-root-authentication-method=normal")
        subprocess.run(install, check=True, capture_output=True, cwd=folder, **owner)
        argv = [
            _program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={folder}/socket", f"--port={port}",
            "--bind-address=127.0.0.1", f"--ssl-cert={certificate}", f"--ssl-key={key}", "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        with server(argv, folder / "log", stop_with=signal.SIGTERM, cwd=folder, **owner):
            made = MariaDb(folder, port)
            wait_until(made.listens, message="MariaDB did not answer")
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    assert found, f"{name} is missing: make test-all installs MariaDB's server, or put it on the PATH."
    return found
