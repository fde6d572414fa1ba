"""Calls of a service are counted for all workers together."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from random import randbytes

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flowapp.broker import connect
from flowapp.tasks.outgoing.turns import MAX_PROGRESS, IntegrationCalls

COUNT = """
import sys
from flowapp.broker import connect
from flowapp.tasks.outgoing.turns import IntegrationCalls
calls = IntegrationCalls(connect(sys.argv[1]))
print(sum(calls.turn("one", 60, f"{sys.argv[2]}{n}") == 0 for n in range(20)))
"""


def test_two_processes_share_what_is_free(valkey_url: str) -> None:
    """60 a minute: 6 at once, whoever makes them."""
    begun = [
        subprocess.Popen([sys.executable, "-c", COUNT, valkey_url, name], stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    free = sum(int(process.communicate(timeout=60)[0]) for process in begun)
    assert free in (6, 7), "one more where the second process begins a second later"


def test_each_waits_for_a_turn_of_its_own_and_once(valkey_url: str) -> None:
    calls = IntegrationCalls(connect(valkey_url))
    with ThreadPoolExecutor(4) as pool:
        by_ticket = dict(enumerate(pool.map(lambda n: calls.turn("one", 600, f"t{n}"), range(100))))
    waits = sorted(by_ticket.values())
    assert waits[:60] == [0.0] * 60
    assert waits[-1] - waits[60] == pytest.approx(39 * 60 / 541, abs=0.5), "one after the other"
    last = max(by_ticket, key=by_ticket.__getitem__)
    assert calls.turn("one", 600, f"t{last}") == pytest.approx(waits[-1], abs=1), "it keeps its turn"
    assert calls.turn("other", 600, "t0") == 0, "each integration by itself"


def test_a_turn_that_came_is_taken(valkey_url: str) -> None:
    calls = IntegrationCalls(connect(valkey_url))
    assert calls.turn("one", 6000, "first") == 0
    client = redis.Redis.from_url(valkey_url)
    client.set("flowapp:turn:one:mine", "1.0")
    assert calls.turn("one", 1, "mine") == 0
    assert client.get("flowapp:turn:one:mine") is None


def test_without_redis_every_call_is_made() -> None:
    calls = IntegrationCalls(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert calls.turn("one", 1, "t") == 0
    assert (calls.keep("t", {"a": 1}), calls.kept("t")) == (False, None)


def test_progress_is_kept_for_another_process_until_it_is_done(valkey_url: str) -> None:
    calls, other = IntegrationCalls(connect(valkey_url)), IntegrationCalls(connect(valkey_url))
    progress = {"entries": [{"n": 10**21, "text": "Zoë"}], "link": ""}
    assert calls.keep("visit", progress)
    assert (other.kept("visit"), other.kept("another")) == (progress, None)
    assert redis.Redis.from_url(valkey_url).ttl("flowapp:progress:visit") > 86_400
    assert not other.keep("visit", None)
    assert calls.kept("visit") is None
    assert not calls.keep("visit", {"large": randbytes(MAX_PROGRESS).hex()})
    assert calls.kept("visit") is None
