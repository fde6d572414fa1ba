"""The launcher with a real broker, a real gunicorn and small stand-ins for the application's own processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from flowapp.errors import ConfigError
from flowapp.launcher import broker, procfile
from tests.conftest import base_environ
from tests.support.group import ROOT, Group, alive
from tests.support.processes import wait_until

WSGI = """
import os
from flask import Flask
from flowapp.config import Settings

app = Flask(__name__)
app.extensions["settings"] = Settings.from_env()  # which the server reads its limits from
app.config["MAX_CONTENT_LENGTH"] = 1_000_000

@app.get("/healthz")
def healthz():
    return {"worker": os.getpid()}
"""

# Alembic's environment, in place of the application's.
MIGRATE = """
import os
print("migrated", flush=True)
if os.path.exists("unmigratable"):
    raise SystemExit(3)
"""

# Says which signals it got; ends half a second after the first, dies at the second; leaves no orphan itself.
WORKER = """
import os, signal, subprocess, sys, time
grandchild = subprocess.Popen(["sleep", "1000"])
def on_term(*_):
    print("asked to stop", flush=True)
    if os.path.exists("stubborn"):
        return
    grandchild.terminate()
    grandchild.wait()
    raise SystemExit(0)
signal.signal(signal.SIGTERM, on_term)
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
print("redis is", os.environ.get("REDIS_URL"), flush=True)
print("working", os.getpid(), flush=True)
if os.path.exists("crashing"):
    raise SystemExit(7)
while True:
    time.sleep(0.1)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wsgi.py").write_text(WSGI)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
    (tmp_path / "migrations" / "env.py").write_text(MIGRATE)
    (tmp_path / "work.py").write_text(WORKER)
    (tmp_path / "gunicorn.conf.py").write_text((ROOT / "gunicorn.conf.py").read_text())
    (tmp_path / "Procfile").write_text("web: gunicorn -c gunicorn.conf.py wsgi:app\nworker: python work.py $PORT\n")
    return tmp_path


@pytest.fixture
def group(folder: Path) -> Iterator[Group]:
    started = Group(base_environ(folder / "var"), folder)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the launcher would not heed it either
    yield started
    signal.signal(signal.SIGHUP, before)
    if started.process is not None:
        started.process.kill()
        started.process.wait()


def assert_all_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(alive(pid) for pid in pids), message=f"{pids} did not all end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_everything_and_tells_each_child_once(group: Group, number: signal.Signals) -> None:
    group.start().wait_ready()
    assert group.get("/healthz") == 200
    pids = group.pids()
    assert len(pids) >= 6  # launcher, broker, gunicorn and its worker, worker and its own child
    group.signal(number)
    group.wait_for("asked to stop")
    group.signal(number)
    assert group.wait() == 0
    assert_all_gone(pids)
    assert group.text.count("asked to stop") == 1
    assert "interrupted" not in group.text
    assert "killed" not in group.text


def test_ctrl_c_at_a_terminal_reaches_the_launcher_alone(group: Group) -> None:
    group.start().wait_ready()
    assert group.process is not None
    os.killpg(group.process.pid, signal.SIGINT)
    assert group.wait() == 0
    assert "interrupted" not in group.text


def test_a_child_that_does_not_stop_is_killed_with_its_children(group: Group, folder: Path) -> None:
    (folder / "stubborn").touch()
    group.start().wait_ready()
    pids = group.pids()
    assert group.stop() == 0
    assert_all_gone(pids)
    group.wait_for("worker +| did not stop in time and was killed")


@pytest.mark.faults
def test_a_killed_launcher_leaves_nothing_behind_and_starts_again(group: Group) -> None:
    group.start().wait_ready()
    pids = group.pids()
    group.signal(signal.SIGKILL)
    group.wait()
    # The stand-in's own child is not tied to it, as a program that it runs may not be: it is the only one left.
    assert_all_gone([pid for pid in pids if not _is_sleep(pid)])
    for pid in filter(_is_sleep, pids):
        os.kill(pid, signal.SIGKILL)
    group.lines.clear()
    group.start().wait_ready()
    assert group.get("/healthz") == 200
    assert group.stop() == 0


@pytest.mark.faults
def test_a_broker_log_cut_short_by_a_crash_is_read_up_to_the_cut(group: Group, folder: Path) -> None:
    group.start().wait_ready()
    with redis.Redis(unix_socket_path=str(folder / "var" / "valkey.sock")) as client:
        client.set("first", "kept")
        client.set("second", "cut")
        client.waitaof(1, 0, 5000)  # by default a second may be lost, and the database is the truth anyway
    for pid in group.pids():
        os.kill(pid, signal.SIGKILL)
    group.wait()
    (log,) = (folder / "var" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-3])
    group.lines.clear()
    group.start().wait_ready()
    with redis.Redis(unix_socket_path=str(folder / "var" / "valkey.sock")) as client:
        assert client.get("first") == b"kept"
        assert client.get("second") is None
    assert group.stop() == 0


@pytest.mark.parametrize("name", ["worker", "broker"])
def test_a_child_that_dies_is_started_again(group: Group, folder: Path, name: str) -> None:
    group.start().wait_ready()
    if name == "worker":
        os.kill(int(group.wait_for(r"working (\d+)")[1]), signal.SIGKILL)
    else:
        with redis.Redis(unix_socket_path=str(folder / "var" / "valkey.sock")) as client:
            os.kill(client.info()["process_id"], signal.SIGKILL)
    group.wait_for(rf"{name} +\| ended unexpectedly \(SIGKILL\)")
    if name == "worker":
        wait_until(lambda: group.text.count("working ") == 2)
    wait_until(lambda: broker.answers(folder / "var" / "valkey.sock"))
    assert group.get("/healthz") == 200
    assert group.stop() == 0


def test_a_crash_loop_ends_the_group_with_a_clear_message(group: Group, folder: Path) -> None:
    (folder / "crashing").touch()
    group.start()
    assert group.wait() == 1
    group.wait_for(r"flowapp +\| worker ended 5 times in a row \(exit code 7\); giving up")


def test_a_failed_migration_ends_the_group(group: Group, folder: Path) -> None:
    (folder / "unmigratable").touch()
    group.start()
    assert group.wait() == 1
    group.wait_for(r"migrate failed \(exit code 3\); the lines above say why")


def test_two_groups_on_one_data_folder(group: Group, folder: Path) -> None:
    group.start().wait_ready()
    second = Group(base_environ(folder / "var"), folder).start()
    assert second.wait() == 1
    second.wait_for("already running on .*var: stop it first")
    assert group.stop() == 0


def test_a_port_in_use(group: Group) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", group.port))
        taken.listen()
        assert group.start().wait() == 1
        group.wait_for(f"Port {group.port} cannot be used")


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none(group: Group, port: str) -> None:
    group.environ["PORT"] = port
    assert group.start().wait() == 1
    group.wait_for("PORT must be a whole number from 1 to 65535")


def test_a_data_folder_whose_path_is_too_long_for_a_socket(group: Group, folder: Path) -> None:
    group.environ["FLOWAPP_DATA_DIR"] = str(folder / ("x" * 120))
    group.start().wait_ready()
    path = Path(group.wait_for(r"redis is unix://(\S+)")[1])
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert broker.answers(path)
    assert group.stop() == 0
    path.parent.rmdir()


def test_what_it_stores_is_for_its_owner_only(group: Group, folder: Path) -> None:
    (folder / "work.py").write_text("open('var/flowapp.db', 'w').close()\n" + WORKER)
    group.start().wait_ready()
    group.wait_for("working")
    assert (folder / "var").stat().st_mode & 0o777 == 0o700
    assert (folder / "var" / "flowapp.db").stat().st_mode & 0o777 == 0o600
    assert group.stop() == 0


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
def test_an_external_redis_is_used_as_it_is(group: Group, valkey_url: str, folder: Path, name: str) -> None:
    group.environ[name] = valkey_url
    group.start().wait_ready()
    group.wait_for(f"redis is {valkey_url}" if name == "REDIS_URL" else "redis is None")
    assert not (folder / "var" / "valkey.sock").exists()
    assert group.stop() == 0


def test_stopping_while_it_starts(group: Group, folder: Path) -> None:
    (folder / "wsgi.py").write_text("import time\nprint('slow', flush=True)\ntime.sleep(1000)\n")
    group.start()
    group.wait_for("migrate +| slow")
    pids = group.pids()
    assert group.stop() == 0
    assert_all_gone(pids)


def test_the_launcher_stays_small() -> None:
    code = "import sys, flowapp.launcher.__main__; print([m for m in ('flask', 'sqlalchemy', 'redis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_procfile() -> None:
    text = "# who runs\nweb: gunicorn -b 127.0.0.1:$PORT 'a b'\n\nmy-worker:  python -m w ${PORT}\n"
    assert procfile.parse(text, {"PORT": "8001"}) == {
        "web": ["gunicorn", "-b", "127.0.0.1:8001", "a b"],
        "my-worker": ["python", "-m", "w", "8001"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web gunicorn", "line 1: write “name: command”"),
        ("web: a\nweb: b", "line 2: “web” is used twice"),
        ("web: a $NOPE", "the variable NOPE is not set"),
        ("web: a 'b", "cannot be read: No closing quotation"),
        ("web: a $", "cannot be read: Invalid placeholder"),
    ],
)
def test_procfile_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        procfile.parse(text, {})


def test_the_real_procfile_names_what_the_design_names() -> None:
    assert list(procfile.parse((ROOT / "Procfile").read_text(), {})) == ["web", "worker", "scheduler"]


def _is_sleep(pid: int) -> bool:
    try:
        return b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
