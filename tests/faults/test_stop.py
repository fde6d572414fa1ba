"""SIGTERM: everything ends in time, and what was going on is finished or goes on at the next start."""

from __future__ import annotations

import time

import pytest

from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import mail, note, post, running_site, wait
from tests.faults.sizes import SIZES
from tests.support.group import alive, descendants
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.faults


def test_sigterm_lets_a_running_step_finish(environ: dict[str, str], sink: Sink) -> None:
    with running_site(environ) as site:
        flow = site.workflow([post(sink), note()])
        row = Row("SIGTERM inside a step", site.database)
        sink.answers.append(Answer(delay=1.5))
        feeder = Feeder(site, flow)
        feeder.add(1)
        accepted = feeder.finish()
        sink.wait_for(1)
        family = site.group.pids()
        began = time.monotonic()
        assert site.group.stop() == 0
        assert time.monotonic() - began < 30
        assert not any(alive(pid) for pid in family), "an orphan is left"
        assert not [p for pid in family for p in descendants(pid)]
        tenant = site.tenant
    with running_site(environ, tenant) as site:
        books = Books(site, flow)
        books.wait(1)
        books.check(row, accepted, sink)
    assert len(sink.requests) == 1, "the step that was let to finish ran again"


def test_sigterm_under_load_stops_in_time_and_loses_nothing(
    environ: dict[str, str], sink: Sink, smtp: SmtpServer
) -> None:
    sink.default = Answer(delay=0.1)
    with running_site(environ, own_broker=True) as site:
        flow = site.workflow([post(sink), wait("1 second"), mail(), note()])
        row = Row("SIGTERM under load", site.database)
        feeder = Feeder(site, flow, threads=8)
        feeder.add(100_000)
        wait_until(lambda: len(smtp.inbox) > SIZES.load // 5, 60, "there is no load")
        family = site.group.pids()
        began = time.monotonic()
        code = site.group.stop()
        stopped = time.monotonic() - began
        feeder.close()
        assert code == 0
        assert stopped < 30
        assert not any(alive(pid) for pid in family), "an orphan is left"
        tenant = site.tenant
    with running_site(environ, tenant, own_broker=True) as site:
        books = Books(site, flow)
        count = len(books.statuses())
        books.wait(count)
        accepted = feeder.accepted | books.unheard(feeder.accepted)
        books.check(row, accepted, sink, smtp)
