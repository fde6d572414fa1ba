"""kill -9 of every kind of process at random moments: what was accepted is run, no effect is silently repeated."""

from __future__ import annotations

import itertools
import random
import signal
import time

import pytest

from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import KINDS, mail, note, post, running_site, send, wait
from tests.faults.sizes import SIZES
from tests.support.group import alive
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.faults


def test_kill_9_at_random_moments_loses_nothing_and_doubles_nothing(
    environ: dict[str, str], sink: Sink, smtp: SmtpServer
) -> None:
    chance = random.Random(9)
    sink.default, smtp.delay = Answer(delay=0.2), 0.3  # so that most kills hit effects that are under way
    with running_site(environ, own_broker=True) as site:
        flow = site.workflow([post(sink), wait("1 second"), mail(), note()])
        row = Row("kill -9 of each kind", site.database)
        feeder = Feeder(site, flow)
        for kind in itertools.islice(itertools.cycle(KINDS), SIZES.kills):
            feeder.add(-(-SIZES.executions // SIZES.kills))
            time.sleep(chance.uniform(0.1, 1.6))  # the random moment
            site.kill(kind, chance)
            row.kills += 1
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(feeder.asked)
        books.check(row, accepted, sink, smtp)
    assert row.executions == feeder.asked


def test_a_worker_killed_inside_a_step_is_replaced(environ: dict[str, str], sink: Sink) -> None:
    with running_site(environ) as site:
        flow = site.workflow([post(sink)])
        row = Row("worker killed inside a step", site.database, kills=1)
        sink.answers.append(Answer(delay=60))
        feeder = Feeder(site, flow)
        feeder.add(1)
        sink.wait_for(1)
        for pid in site.pids("worker"):
            send(pid, signal.SIGKILL)
        first, second = sink.wait_for(2, seconds=20)
        books = Books(site, flow)
        books.wait(1)
        books.check(row, feeder.finish(), sink)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert len(sink.requests) == 2


def test_a_worker_killed_inside_a_step_that_must_happen_once_leaves_it_to_a_person(
    environ: dict[str, str], smtp: SmtpServer
) -> None:
    smtp.delay = 60
    with running_site(environ) as site:
        flow = site.workflow([mail()])
        row = Row("worker killed inside a once step", site.database, kills=1)
        feeder = Feeder(site, flow)
        feeder.add(2)
        accepted = feeder.finish()
        smtp.wait_for(2)
        for pid in site.pids("worker"):
            send(pid, signal.SIGKILL)
        smtp.delay = 0
        books = Books(site, flow)
        wait_until(lambda: books.count() == {"uncertain": 2}, 30, "nobody found out")
        assert len(smtp.inbox) == 2
        books.wait(2)
        books.check(row, accepted, smtp=smtp)
    assert sorted(books.decisions.values()) == ["done", "resend"]
    assert len(smtp.inbox) == 3


def test_everything_killed_at_once_starts_again_and_goes_on(environ: dict[str, str], sink: Sink) -> None:
    with running_site(environ, own_broker=True) as site:
        flow = site.workflow([wait("2 seconds"), post(sink)])
        row = Row("everything killed at once", site.database)
        feeder = Feeder(site, flow)
        feeder.add(20)
        accepted = feeder.finish()
        family = site.group.pids()
        for pid in family:
            send(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in family), 10, "something survived kill -9")
        row.kills = len(family)
        tenant = site.tenant
    with running_site(environ, tenant, own_broker=True) as site:
        books = Books(site, flow)
        books.wait(20)
        books.check(row, accepted, sink)
