"""A step that kills its worker each time: set aside with the reason, and those beside it go on."""

from __future__ import annotations

import os
import signal

import pytest
from sqlalchemy import select

from flowapp.models import Execution
from flowapp.models.tenancy import system_session
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Site, post, running_site
from tests.support.servers.sink import Answer, Received, Sink

pytestmark = pytest.mark.faults
POISON = 12  # the number of the delivery whose call kills


def test_a_step_that_kills_its_worker_is_set_aside_and_the_others_go_on(environ: dict[str, str], sink: Sink) -> None:
    sink.default = Answer(delay=1)  # so that the others are in the midst of it too when their worker dies
    with running_site(environ) as site:
        flow = site.workflow([post(sink)])
        row = Row("step that kills its worker", site.database)
        feeder = Feeder(site, flow)
        sink.ask = lambda request: kill_owner(site, feeder, request)
        feeder.add(20)
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(20)
        statuses = books.statuses()
        poisoned = accepted.pop(POISON)
        row.kills = len([r for r in sink.requests if r.path == f"/call/{POISON}"])
        assert statuses[poisoned] == "failed"
        assert "worker died 3 times in a row, last at step “call”" in books.why(poisoned)
        books.check(row, accepted, sink, aside={poisoned})
    assert row.kills == 3


def kill_owner(site: Site, feeder: Feeder, request: Received) -> Answer | None:
    """What the poisoned step does: kills the worker process that runs it."""
    if request.path != f"/call/{POISON}":
        return None
    with system_session(site.engine) as session:
        owner = session.scalars(
            select(Execution.lease_owner).where(
                Execution.status == "running", Execution.input_data["n"].as_integer() == POISON
            )
        ).one()
    os.kill(int(owner.rpartition(":")[2]), signal.SIGKILL)
    return Answer(close=True)
