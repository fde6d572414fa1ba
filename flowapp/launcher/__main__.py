"""Starts Flowapp in the current folder: lock its data, broker, migrations, then the processes of the Procfile."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from flowapp.errors import ConfigError, FlowError
from flowapp.launcher import broker, procfile
from flowapp.launcher.group import ProcessGroup, StopRequestedError

_NAME_WIDTH = 9


def main() -> int:
    """Runs until a stop signal (0), or until something cannot be made to run (1)."""
    env = dict(os.environ)
    try:
        data_dir = _data_dir(env)
        with _locked(data_dir):
            _complete(env)
            group = ProcessGroup(env, Path.cwd(), _say)
            group.listen()
            return _run(group, data_dir)
    except FlowError as error:
        _say("flowapp", error.message)
        return 1


def _run(group: ProcessGroup, data_dir: Path) -> int:
    try:
        commands = procfile.parse((group.cwd / "Procfile").read_text(encoding="utf-8"), group.env)
        if not (group.env.get("REDIS_URL") or group.env.get("CELERY_BROKER_URL")):  # config.OTHER_NAMES
            _start_broker(group, data_dir)
        group.run("migrate", ["alembic", "-c", "migrations/alembic.ini", "upgrade", "head"])
        group.run("keys", ["python", "-m", "flowapp.security.installation_keys"])
        for name, argv in commands.items():
            group.start(name, argv)
        port = int(group.env["PORT"])
        group.wait_until(lambda: _healthy(port))
        _say("flowapp", f"Flowapp serves http://127.0.0.1:{port}")
        group.serve()
    except StopRequestedError:
        _say("flowapp", "stopping")
        return 0
    finally:
        group.stop()


def _start_broker(group: ProcessGroup, data_dir: Path) -> None:
    path = broker.socket_path(data_dir)
    group.env["REDIS_URL"] = broker.url(path)
    group.start("broker", broker.command(data_dir, path), last=True)
    group.wait_until(lambda: broker.answers(path))


def _data_dir(env: dict[str, str]) -> Path:
    path = Path(env.get("FLOWAPP_DATA_DIR") or "var").resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The data folder {path} cannot be created: {error.strerror}. Set FLOWAPP_DATA_DIR."
        ) from None
    env["FLOWAPP_DATA_DIR"] = os.fspath(path)
    return path


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Holds the data folder; the kernel lets go of it when this process ends, however it ends."""
    try:
        file = (data_dir / "launcher.lock").open("w")
    except OSError as error:
        raise ConfigError(f"The data folder {data_dir} cannot be written to: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Flowapp is already running on {data_dir}: stop it first, or set FLOWAPP_DATA_DIR and PORT for a second one."
            ) from None
        yield


def _complete(env: dict[str, str]) -> None:
    """What the children need: a free port, this interpreter's programs first on the path, output as it comes."""
    port = env.get("PORT") or "8000"
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ConfigError(f"PORT must be a whole number from 1 to 65535, not “{port}”.")
    env["PORT"] = port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            raise ConfigError(
                f"Port {port} cannot be used ({error.strerror}): stop the program that uses it, or choose another one, "
                f"for example with “make run PORT={int(port) % 65535 + 1}”."
            ) from None
    env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH") or os.defpath))
    env["PYTHONUNBUFFERED"] = "1"


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _say(name: str, line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(sys.stdout.fileno(), f"{name:<{_NAME_WIDTH}} | {line}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
