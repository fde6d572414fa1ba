"""Timers: one that is due soon among many that are not, and waits of months and years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from flowapp import tasks
from flowapp.broker import queue_length
from flowapp.models import Execution, StepRun, Timer, new_id
from flowapp.models.tenancy import system_session
from flowapp.scheduler import Scheduler
from tests.engine.place import Place, _actions, place, step
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Flow, Site, note, running_site, wait
from tests.faults.sizes import SIZES
from tests.support.processes import wait_until

__all__ = ["_actions", "place"]
pytestmark = pytest.mark.faults


def test_a_timer_among_many_far_ones_fires_within_a_second(environ: dict[str, str]) -> None:
    with running_site(environ) as site:
        far = site.workflow([wait("300 days"), note()])
        begin(site, far)
        books = Books(site, far)
        wait_until(lambda: books.count() == {"waiting": 1}, 20)
        multiply(site, far, SIZES.far_timers - 1)
        near = site.workflow([wait("2 seconds"), note()])
        row = Row(f"one timer among {SIZES.far_timers}", site.database)
        accepted = begin(site, near)
        mine = Books(site, near)
        mine.wait(1)
        mine.check(row, accepted)
        assert lateness(site, near) < timedelta(seconds=1)
        assert books.count() == {"waiting": SIZES.far_timers}


def begin(site: Site, flow: Flow) -> dict[int, str]:
    feeder = Feeder(site, flow, threads=1)
    feeder.add(1)
    return feeder.finish()


def multiply(site: Site, flow: Flow, count: int) -> None:
    """Copies the flow's one waiting execution, with its attempt and its timer."""
    with system_session(site.engine) as session:
        rows: dict[Any, dict[str, Any]] = {}
        for model, key in ((Execution, Execution.id), (StepRun, StepRun.execution_id), (Timer, Timer.execution_id)):
            table = model.__table__
            one = select(Execution.id).where(Execution.workflow_id == flow.id).scalar_subquery()
            rows[table] = dict(session.execute(select(table).where(key == one)).mappings().one())
        ids = [new_id() for _ in range(count)]
        for table, row in rows.items():
            name = "id" if table is Execution.__table__ else "execution_id"
            fresh = {"idempotency_key": None} if table is Execution.__table__ else {}
            fresh_id = (lambda: {"id": new_id()}) if table is Timer.__table__ else dict
            session.execute(insert(table), [{**row, **fresh, **fresh_id(), name: one} for one in ids])
        session.commit()


def lateness(site: Site, flow: Flow) -> timedelta:
    """How long after its time the step behind the wait began."""
    with system_session(site.engine) as session:
        mine = select(StepRun).join(Execution, Execution.id == StepRun.execution_id)
        waited, noted = session.scalars(mine.where(Execution.workflow_id == flow.id).order_by(StepRun.seq))
        return noted.started_at - datetime.fromisoformat(waited.output["until"])


@pytest.mark.parametrize(("duration", "days"), [("45 days", 45), ("1095 days", 1095)])
def test_a_long_wait_ends_on_its_day(place: Place, settings: Any, duration: str, days: int) -> None:
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    scheduler = Scheduler(runtime, place.now)
    row = Row(f"wait of {duration}", place.engine.dialect.name, executions=1)
    due = place.time + timedelta(days=days)
    execution = place.run([wait(duration), step("after", value="done")])
    assert execution.status == "waiting"
    while place.time < due - timedelta(hours=12):
        place.time = min(place.time + timedelta(days=days / 45), due - timedelta(seconds=1))
        scheduler.tick()
        assert queue_length(runtime.broker) == 0
        place.runner.run(execution.id, place.org)
        assert place.get(execution.id).status == "waiting"
    place.time = due
    scheduler.tick()
    assert queue_length(runtime.broker) == 1
    place.runner.run(execution.id, place.org)
    ended = place.get(execution.id)
    row.done()
    runtime.broker.close()
    assert (ended.status, ended.output_data) == ("completed", "done")
    assert ended.completed_at == due.astimezone(UTC)
