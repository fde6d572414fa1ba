"""The processes that code runs in, as the kernel sees them, and what happens when they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flowapp.errors import StepError
from flowapp.security import helpers
from flowapp.security.sandbox import ProcessSandbox, zygote
from tests.support.cost import promptly

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def own():
    """A sandbox that the test may harm."""
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


def test_a_hostile_run_holds_nobody_up(own) -> None:
    ended = []

    def note(source, inputs):
        try:
            ended.append(own.run(source, inputs, timeout=120, on_print=ended.append))
        except StepError as error:
            ended.append(error.message)

    hostile = threading.Thread(target=note, args=("while True: pass", {}))
    hostile.start()
    try:
        others = [threading.Thread(target=note, args=("n * n", {"n": number})) for number in range(4)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        assert hostile.is_alive()
        assert sorted(ended) == [number * number for number in range(4)]
    finally:
        hostile.join()
    assert ended[-1] == "The code took longer than 2 seconds of processor time."


def test_killed_in_between(own) -> None:
    assert run_one(own) == 1
    first = own.pid
    os.kill(first, signal.SIGKILL)
    assert run_one(own) == 1
    assert own.pid != first


@linux
def test_killed_in_the_middle(own) -> None:
    """The run is done again by a new process, and its lines are passed on once."""
    assert run_one(own) == 1
    lines, results = [], []
    source = "print('begun')\nfor i in range(3_000_000): pass\nresult = 'end'"
    thread = threading.Thread(target=lambda: results.append(own.run(source, {}, timeout=30, on_print=lines.append)))
    thread.start()
    wait_for(lambda: descendants(own.pid))
    os.kill(own.pid, signal.SIGKILL)
    thread.join()
    assert (results, lines) == (["end"], ["begun"])


@linux
def test_ended_from_outside(own) -> None:
    """As a cancel does it: at once, whatever the code is doing."""
    assert run_one(own) == 1
    told = []

    def work() -> None:
        with helpers.within(60):
            try:
                own.run("while True: pass", {}, timeout=30, on_print=told.append)
            except StepError as error:
                told.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: interpreter(own.pid))
    with promptly():
        assert helpers.stop_thread(thread.ident)
        thread.join()
    assert told == ["The step was stopped: it was cancelled or timed out."]
    wait_for(lambda: not descendants(own.pid))


@linux
def test_frozen(own, monkeypatch) -> None:
    """A process that hangs is replaced by the next run."""
    monkeypatch.setattr("flowapp.security.sandbox._START", 2.0)
    assert run_one(own) == 1
    first = own.pid
    os.kill(first, signal.SIGSTOP)
    assert run_one(own) == 1
    assert own.pid != first
    assert not Path(f"/proc/{first}").exists()


@linux
def test_the_kernel_shuts_the_interpreter_in(own) -> None:
    """Even an interpreter that was taken over could open no file and no socket, and start nothing."""
    assert run_one(own) == 1
    while (seen := look_inside(own)) is None:
        pass  # its two seconds were over before it stood still: on a busy machine a moment can cost them all
    found, status, environment = seen
    assert found["Max processes"] == found["Max file size"] == found["Max core file size"] == "0"
    assert found["Max cpu time"] == "2"
    assert zygote.INTERPRETER_SPACE < int(found["Max address space"]) < 3 * zygote.INTERPRETER_SPACE
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["CapEff"], 16) == 0
    assert (os.geteuid() == 0) == (status["Uid"].split()[1] != str(os.geteuid()))  # root became “nobody”
    assert environment == b""


@linux
def test_no_signal_and_no_trace_gets_out() -> None:
    source = (
        "import ctypes, os, signal\nfrom flowapp.security.sandbox import zygote\n"
        "zygote.prctl(zygote.NO_NEW_PRIVILEGES, 1)\nos.kill(os.getppid(), 0)\nzygote.keep_off_other_processes()\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def refused(call): call(); return ctypes.get_errno()\n"
        "print(refused(lambda: libc.kill(os.getppid(), 0)), refused(lambda: libc.ptrace(16, os.getppid(), 0, 0)),\n"
        "      refused(lambda: libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0)), os.getpid() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "1", "True"]


@linux
def test_no_keys_and_no_files_of_the_parent(own, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FLOWAPP_SECRET_KEY", "key-of-the-parent")
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:password@db/flowapp")
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        assert run_one(own) == 1
        opened = {os.readlink(link) for link in Path(f"/proc/{own.pid}/fd").iterdir()}
    variables = {part.split(b"=")[0] for part in Path(f"/proc/{own.pid}/environ").read_bytes().split(b"\0")}
    assert variables - {b""} == {b"PATH", b"LANG"}
    assert {name for name in opened if not name.startswith("socket:")} == {
        "/dev/null",
        str(Path(sys.executable).with_name("monty").resolve()),
    }
    assert len(opened) == 5  # its control socket, and a pair of its own that wakes it
    assert os.readlink(f"/proc/{own.pid}/cwd") == "/"


@linux
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_parent(end) -> None:
    source = (
        "import time\nfrom flowapp.security.sandbox import ProcessSandbox\nbox = ProcessSandbox()\n"
        "box.run('1', {}, timeout=9, on_print=print)\nprint(box.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.send_signal(end)
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists())


@linux
def test_no_process_is_left_over(own) -> None:
    for source in ("1", "1 / 0", "x = 'a' * 10_000_000_000", "while True: print('x' * 100)"):
        try:
            run_one(own, source)
        except StepError:
            continue
    wait_for(lambda: not descendants(own.pid))


def test_close(own) -> None:
    assert run_one(own) == 1
    pid = own.pid
    own.close()
    assert own.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert run_one(own) == 1


@linux
def test_a_forked_worker_has_its_own() -> None:
    source = (
        "import os\nfrom flowapp.security.sandbox import ProcessSandbox\nbox = ProcessSandbox()\n"
        "def run(): return box.run('1', {}, timeout=30, on_print=print), box.pid\n"
        "before = run()\nchild = os.fork()\nafter = run()\nprint(before == after, flush=True)\n"
        "if child: os.waitpid(child, 0); print(run() == before)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == ["False", "True", "True"]  # of the child, of the parent, of the parent after


def test_no_interpreter(own, monkeypatch) -> None:
    """What cannot start says so, and is worth another try."""
    monkeypatch.setattr(zygote, "__file__", "/nowhere/zygote.py")
    with pytest.raises(StepError, match="could not be started") as caught:
        run_one(own)
    assert not caught.value.permanent


def run_one(sandbox, source="1"):
    return sandbox.run(source, {}, timeout=30, on_print=lambda _line: None)


def fail_one(sandbox, source):
    with pytest.raises(StepError):
        run_one(sandbox, source)


def wait_for(state) -> None:
    """Until `state()` is true; the test's own timeout ends it otherwise."""
    while not state():
        time.sleep(0.005)


def descendants(pid):
    """Ids of the processes below `pid` that still run."""
    found = []
    try:
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in file.read_text().split():
                found += [int(child), *descendants(child)]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def interpreter(pid):
    """The one process below the runner."""
    found = descendants(pid)
    return found[-1] if len(found) == 2 else 0


def look_inside(own):
    """Limits, status and environment of an interpreter at work, frozen meanwhile; None where it ended too soon."""
    thread = threading.Thread(target=fail_one, args=(own, "while True: pass"))
    thread.start()
    seen: list[int] = []
    try:
        wait_for(lambda: locked_up(own, seen) or not thread.is_alive())
        if not seen:
            return None
        pid = seen[0]
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: status_of(pid)["State"][0] in "TXZ")
        return limits(pid), status_of(pid), Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    finally:
        for pid in seen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        thread.join()


def locked_up(own, seen):
    """Notes the interpreter once it may open no file."""
    pid = interpreter(own.pid)
    if pid and limits(pid).get("Max open files") == "0":
        seen.append(pid)
    return seen


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t") for line in lines if "\t" in line)


def limits(pid):
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {line[:26].strip(): line[26:].split()[0] for line in lines}
