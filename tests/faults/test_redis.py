"""Redis emptied, killed, and full: it is only the doorbell, so nothing is lost and everything goes on."""

from __future__ import annotations

import random
import time

import pytest
import redis

from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import note, post, running_site, wait
from tests.faults.sizes import SIZES
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Sink

pytestmark = pytest.mark.faults


def test_redis_emptied_again_and_again(environ: dict[str, str], sink: Sink) -> None:
    chance = random.Random(3)
    sink.default = Answer(delay=0.02)
    with running_site(environ) as site, redis.Redis.from_url(site.redis_url) as client:
        flow = site.workflow([post(sink), wait("1 second"), note()])
        row = Row("Redis emptied", site.database, kills=SIZES.flushes)
        feeder = Feeder(site, flow)
        for _ in range(SIZES.flushes):
            feeder.add(SIZES.load // SIZES.flushes)
            time.sleep(chance.uniform(0.1, 1.0))
            client.flushall()
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(feeder.asked)
        books.check(row, accepted, sink)
    assert len(sink.requests) == row.executions == feeder.asked


def test_redis_killed_and_started_again(environ: dict[str, str], sink: Sink) -> None:
    chance = random.Random(4)
    with running_site(environ, own_broker=True) as site:
        flow = site.workflow([post(sink), wait("1 second"), note()])
        row = Row("Redis killed", site.database)
        feeder = Feeder(site, flow)
        for _ in range(SIZES.broker_kills):
            feeder.add(SIZES.load // SIZES.broker_kills)
            time.sleep(chance.uniform(0.2, 2.0))
            site.kill("broker", chance)
            row.kills += 1
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(feeder.asked)
        books.check(row, accepted, sink)
    assert len(sink.requests) == row.executions == feeder.asked
    assert not feeder.refusals, "a webhook was refused though the database was there"


def test_redis_out_of_memory_delays_but_loses_nothing(environ: dict[str, str], sink: Sink) -> None:
    with running_site(environ, own_broker=True) as site, redis.Redis.from_url(site.redis_url) as client:
        flow = site.workflow([post(sink), wait("1 second"), note()])
        row = Row("Redis out of memory", site.database)
        client.config_set("maxmemory", "1mb")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.rpush("ballast", *["x" * 100_000] * 40)
            client.rpush("ballast", "x")
        feeder = Feeder(site, flow)
        feeder.add(SIZES.load)
        accepted = feeder.finish()
        books = Books(site, flow)
        assert set(accepted.values()) <= set(books.statuses()), "a 202 without its row"
        assert len(accepted) == SIZES.load
        assert not feeder.refusals
        client.config_set("maxmemory", "0")
        client.delete("ballast")
        books.wait(feeder.asked)
        books.check(row, accepted, sink)


def test_queue_of_a_stopped_redis_is_not_taken_twice(environ: dict[str, str], sink: Sink) -> None:
    """A consumer that had to connect again takes no more messages than there are free threads, later too."""
    sink.default = Answer(delay=0.5)
    with running_site(environ | {"FLOWAPP_WORKERS": "1", "FLOWAPP_THREADS": "2"}, own_broker=True) as site:
        flow = site.workflow([post(sink)])
        row = Row("Redis killed while threads are busy", site.database, kills=1)
        feeder = Feeder(site, flow)
        feeder.add(8)
        sink.wait_for(2)
        site.kill("broker", random.Random(5))
        books = Books(site, flow)
        accepted = feeder.finish()
        books.wait(8)
        books.check(row, accepted, sink)
        wait_until(lambda: site.call("GET", "/readyz"), 20)
