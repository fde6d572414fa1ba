"""Many who sign in at once: bounded in memory, in time, and in what they take from others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowapp.errors import BusyError
from flowapp.security import passwords
from tests.support.browser import PASSWORD, Browser

MIB = 1 << 20


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """How much more memory this process takes at most inside, in bytes: the list's only item, at the end."""
    resident = Path("/proc/self/statm")

    def now() -> int:
        return int(resident.read_text().split()[1]) * 4096

    before, seen, done = now(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            seen[0] = max(seen[0], now() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


@pytest.mark.usefixtures("real_passwords")
def test_a_hash_takes_as_much_as_rfc_9106_asks() -> None:
    assert passwords.hash_password(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.usefixtures("real_passwords")
def test_sixty_who_sign_in_at_once_take_little_and_stop_nobody(app: Any) -> None:
    """Each took a connection and 64 MiB: together 2 GB, and 28 of them a 500."""
    Browser(app).set_up()
    people = [Browser(app) for _ in range(60)]
    tokens = [person.token() for person in people]
    together = threading.Barrier(60)

    def sign_in(number: int) -> int:
        email = "ada@example.com" if number % 10 == 0 else f"nobody{number}@example.com"
        data = {"csrf_token": tokens[number], "email": email, "password": PASSWORD}
        together.wait(30)
        return int(people[number].client.post("/login", data=data).status_code)

    began = time.monotonic()
    with peak_memory() as grown, ThreadPoolExecutor(60) as pool:
        statuses = Counter(pool.map(sign_in, range(60)))
    assert set(statuses) <= {303, 422, 503}, statuses
    assert statuses[303] + statuses[422] >= passwords.AT_ONCE
    assert grown[0] < 400 * MIB, f"{grown[0] / MIB:.0f} MiB"
    assert time.monotonic() - began < 60
    Browser(app).sign_in()


def test_so_many_are_hashed_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = 0, 0, threading.Lock()
    full, go_on = threading.Event(), threading.Event()

    class Slow:
        """Argon2 that takes as long as the test likes."""

        def hash(self, _password: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                if running == passwords.AT_ONCE:
                    full.set()
            assert go_on.wait(30)
            with lock:
                running -= 1
            return "hash"

    monkeypatch.setattr(passwords, "_hasher", Slow())
    monkeypatch.setattr(passwords, "PATIENCE", 30.0)
    with ThreadPoolExecutor(passwords.AT_ONCE + passwords.WAITING) as pool:
        waiting = [pool.submit(passwords.hash_password, PASSWORD) for _ in range(passwords.AT_ONCE + passwords.WAITING)]
        assert full.wait(30)
        while passwords._inside._value:  # type: ignore[attr-defined]
            time.sleep(0.001)
        with pytest.raises(BusyError):
            passwords.check_password("", PASSWORD)
        go_on.set()
        assert {each.result(30) for each in waiting} == {"hash"}
    assert most == passwords.AT_ONCE


def test_who_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hashing", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)
    with passwords._turn(), pytest.raises(BusyError):
        passwords.hash_password(PASSWORD)
    assert passwords.hash_password(PASSWORD).startswith("$argon2id$")
