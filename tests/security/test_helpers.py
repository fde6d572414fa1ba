"""Helper processes: what a call gives, what each limit says, and how a call is ended from outside."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal

import pytest

from flowapp.errors import InvalidError, Problem, StepError
from flowapp.security import helpers
from flowapp.security.helpers import Helpers, OverBudgetError, StoppedError
from tests.support import hostile
from tests.support.cost import promptly


@pytest.fixture(scope="module")
def pool():
    made = Helpers(seconds=1, memory=128)
    yield made
    made.close()


def test_a_call_gives_what_the_function_gives(pool) -> None:
    assert pool.call(hostile.echo, {"a": [1, None, "é\ud800", Decimal("1.5"), 2**70]}) == {
        "a": [1, None, "é\ud800", Decimal("1.5"), 2**70]
    }


def test_a_helper_is_used_again(pool) -> None:
    first = pool.call(os.getpid)
    assert first not in (os.getpid(), pool.zygote.pid)
    assert {pool.call(os.getpid) for _ in range(100)} == {first}


def test_errors_come_back_as_they_are(pool) -> None:
    with pytest.raises(StepError, match="no good") as caught:
        pool.call(hostile.fail, StepError("no good", permanent=True, details={"a": 1}))
    assert caught.value.permanent and caught.value.details == {"a": 1}
    with pytest.raises(InvalidError) as invalid:
        pool.call(hostile.fail, InvalidError([Problem("a.b", "wrong", code="unique")]))
    assert invalid.value.problems == [Problem("a.b", "wrong", code="unique")]
    with pytest.raises(ValueError, match="what"):
        pool.call(hostile.fail, ValueError("what"))
    with pytest.raises(RuntimeError, match="LocalError"):
        pool.call(hostile.fail_locally)


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        (hostile.spin, (), "more than 1 seconds of processor time"),
        (hostile.hold_the_lock, (), "more than 1 seconds of processor time"),
        (hostile.take, (512 * 2**20,), "more than 128 MiB of memory"),
        (hostile.take_little_by_little, (), "of memory"),
        (hostile.crash, (), "of memory"),
        (hostile.large, (65 * 2**20,), "The result is larger than 64 MiB|of memory"),
    ],
)
def test_each_limit_says_what_it_is_and_the_next_call_works(pool, function, arguments, told) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(OverBudgetError, match=told) as caught:
        pool.call(function, *arguments)
    assert caught.value.permanent
    assert time.monotonic() - began < 30  # about 1.5 where the machine is idle
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert pool.call(hostile.echo, 1) == 1


def test_a_step_s_time_ends_its_call(pool) -> None:
    pool.call(hostile.echo, 1)
    with promptly(), helpers.within(0.3), pytest.raises(OverBudgetError, match=r"longer than 0\.\d+ seconds"):
        pool.call(time.sleep, 60)
    assert pool.call(hostile.echo, 1) == 1


def test_another_thread_ends_a_call(pool, tmp_path) -> None:
    pool.call(hostile.echo, 1)
    mark = tmp_path / "pid"
    ended = []

    def work() -> None:
        with helpers.within(60):
            for _ in range(2):  # also what it would do next
                try:
                    pool.call(hostile.say_and_sleep, str(mark))
                except StoppedError as error:
                    ended.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: mark.exists() and mark.read_text())
    with promptly():
        assert helpers.stop_thread(thread.ident)
        thread.join()
    assert ended == ["The step was stopped: it was cancelled or timed out."] * 2
    wait_for(lambda: not alive(int(mark.read_text())))
    assert not helpers.stop_thread(thread.ident)
    assert pool.call(hostile.echo, 1) == 1


def test_only_so_many_work_at_once_and_the_others_wait(pool) -> None:
    results = []
    threads = [threading.Thread(target=lambda: results.append(pool.call(hostile.nap, 0.05))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    assert len(set(results)) <= 4 + 1  # processes: four at once, two kept in between


def test_who_waits_too_long_for_a_helper_is_told(pool, monkeypatch) -> None:
    monkeypatch.setattr(pool, "_free", 0)
    with helpers.within(0.05), pytest.raises(StepError, match="Too much work of this kind") as caught:
        pool.call(hostile.echo, 1)
    assert not caught.value.permanent


def test_what_has_no_time_left_is_not_begun(pool, monkeypatch) -> None:
    monkeypatch.setattr(pool, "_converse", None)
    with helpers.within(0), pytest.raises(OverBudgetError, match="no time left"):
        pool.call(hostile.echo, 1)


def test_what_was_killed_is_replaced(pool) -> None:
    for _ in range(20):  # before the zygote knows, and after
        os.kill(pool.call(os.getpid), signal.SIGKILL)
        assert pool.call(os.getpid)
    zygote, helper = pool.zygote.pid, pool.call(os.getpid)
    os.kill(zygote, signal.SIGKILL)
    wait_for(lambda: not alive(helper))
    assert pool.call(hostile.echo, 1) == 1
    assert pool.zygote.pid != zygote


def test_a_helper_that_has_grown_is_not_used_again(pool) -> None:
    first = pool.call(hostile.take, 80 * 2**20)
    assert pool.call(os.getpid) != first


def test_helpers_end_with_their_parent(tmp_path) -> None:
    mark = tmp_path / "pid"
    source = (
        "from flowapp.security import helpers\nfrom tests.support import hostile\n"
        f"helpers.call(hostile.say_and_sleep, {str(mark)!r})"
    )
    with subprocess.Popen([sys.executable, "-c", source]) as parent:
        wait_for(lambda: mark.exists() and mark.read_text())
        parent.kill()
    wait_for(lambda: not alive(int(mark.read_text())))


def test_a_helper_is_used_again_where_many_files_are_open() -> None:
    """select() takes no descriptor over 1,023; a process with a thousand sockets has no others left."""
    source = (
        "import os, resource\nfrom flowapp.security import helpers\n"
        "most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (2048, most))\n"
        "held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]\n"
        "assert held[-1] > 1023\n"
        "print(len({helpers.call(os.getpid) for _ in range(3)}))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_a_helper_knows_no_secrets(pool, monkeypatch) -> None:
    monkeypatch.setenv("FLOWAPP_SECRET_KEY", "of the parent")
    assert pool.call(hostile.environment) <= {"PATH", "LANG", "LC_CTYPE"}


def wait_for(state) -> None:
    """Until `state()` is true; the test's own timeout ends it otherwise."""
    while not state():
        time.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
