"""A worker that is frozen past its lease, and then goes on: it may commit nothing any more."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.models import Execution, LogLine, StepRun
from flowapp.models.tenancy import system_session
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Site, note, post, running_site, send
from tests.faults.sizes import LEASE
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Sink

pytestmark = pytest.mark.faults
CALLS = 6


def test_a_frozen_worker_commits_nothing_when_it_goes_on(environ: dict[str, str], sink: Sink) -> None:
    with running_site(environ | {"FLOWAPP_WORKERS": "2"}) as site:
        flow = site.workflow([post(sink), note()])
        row = Row("worker frozen for three leases", site.database)
        sink.answers.extend([Answer(delay=1)] * CALLS)
        feeder = Feeder(site, flow, threads=CALLS)
        feeder.add(CALLS)
        sink.wait_for(CALLS)
        ((owner, held),) = Counter(owners(site)).most_common(1)
        frozen = int(owner.rpartition(":")[2])
        send(frozen, signal.SIGSTOP)
        began = time.monotonic()
        books = Books(site, flow)
        books.wait(CALLS)
        time.sleep(max(0.0, began + 3 * LEASE - time.monotonic()))  # the fault itself
        before = everything(site)
        send(frozen, signal.SIGCONT)
        wait_until(lambda: site.group.text.count("lease lost") == held, 30, "the frozen worker did not notice")
        assert everything(site) == before
        books.check(row, feeder.finish(), sink)
    assert len(sink.requests) == CALLS + held


def owners(site: Site) -> list[str]:
    with system_session(site.engine) as session:
        return list(session.scalars(select(Execution.lease_owner).where(Execution.status == "running")))


def everything(site: Site) -> list[Any]:
    """All rows that a worker writes."""
    with system_session(site.engine) as session:
        return [
            tuple(row)
            for model in (Execution, StepRun, LogLine)
            for row in session.execute(select(*model.__table__.columns).order_by(*model.__table__.primary_key))
        ]
