"""Many contacts tagged by a job: exactly one execution each, also where its worker is killed in between."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from sqlalchemy import func, insert, select

from bench import burst
from flowapp import tasks
from flowapp.crm.bulk import Asked, begin
from flowapp.crm.finding import Search
from flowapp.models import Contact, Event, Execution, Job, Tagging, Trigger, new_id, utcnow
from flowapp.models.tenancy import system_session
from flowapp.records.jobs import claims
from flowapp.tasks.jobs import run_job
from tests.engine.place import Place, _actions, place, runtime, step
from tests.tasks.test_event_relay import hand_all_on

__all__ = ["_actions", "place", "runtime"]
pytestmark = pytest.mark.both_databases
COUNT = 2000

# Works on a job, and is killed in its third batch: before the commit or after it.
_DIES = """
import os, signal, sys
from flowapp import catalog, tasks
from flowapp.config import Settings
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.tasks import jobs
from flowapp.tasks.jobs import run_job
job_id, organization_id, moment = sys.argv[1:]
catalog.load()
settings = Settings.from_env()
engine = make_engine(settings, "worker")
prepare_engine(engine, settings)
tasks.init(tasks.Runtime.make(settings, engine))
jobs.load()
batches = []
def dying(name, of):
    before = getattr(of, name)
    def call(*args):
        batches.append(name)
        if len(batches) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*args)
    setattr(of, name, call)
dying("commit_and_start" if moment == "before the commit" else "announce", run_job)
run_job._FIRST = 150
run_job.Turn._adapt = lambda self, *_: None
run_job.run(job_id, organization_id)
"""


def tagging(place: Place, count: int) -> str:
    """A job that tags so many contacts, to which a workflow listens."""
    workflow_id = place.workflow([step("a")])
    now = utcnow()
    with place.session() as session:
        row = {"organization_id": place.org, "fields": {}, "created_at": now, "updated_at": now}
        rows = [{**row, "id": new_id(), "email": f"p{at}@b.example", "number": at + 1} for at in range(count)]
        session.execute(insert(Contact), rows)
        session.add(
            Trigger(
                workflow_id=workflow_id, key="t", trigger_type="contact_tag_added", source="contact.tag_added",
                config={"tag": "vip"},
            )
        )  # fmt: skip
        asked = Asked("contact", "add_tag", (), Search(), {"tag": "VIP"}, start_workflows=True)
        job_id = begin(session, asked, created_by=None).id
        session.commit()
    return job_id


def numbers(place: Place) -> dict[str, int]:
    with system_session(place.engine) as session:
        mine = {model: select(func.count()).select_from(model) for model in (Tagging, Event, Execution)}
        found = {
            model.__name__: session.scalar(statement.where(model.organization_id == place.org)) or 0
            for model, statement in mine.items()
        }
        keys = select(func.count(Execution.idempotency_key.distinct())).where(Execution.organization_id == place.org)
        return {**found, "keys": session.scalar(keys) or 0}


def test_two_thousand_contacts_tagged_in_batches_start_exactly_two_thousand_executions(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    told = run_job.announce
    monkeypatch.setattr(run_job, "announce", lambda job: (sizes.append(job.done), told(job)))
    monkeypatch.setattr(run_job.Turn, "_adapt", lambda self, *_: None)
    monkeypatch.setattr(run_job, "_FIRST", 500)
    run_job.run(tagging(place, COUNT), place.org)
    assert sizes == [500, 1000, 1500, 2000]
    hand_all_on(place)
    assert numbers(place) == {"Tagging": COUNT, "Event": COUNT, "Execution": COUNT, "keys": COUNT}


def test_the_bench_sees_what_is_lost_and_what_is_doubled(place: Place, runtime: tasks.Runtime) -> None:
    run_job.run(tagging(place, 3), place.org)
    hand_all_on(place)
    with place.session() as session:
        execution = session.scalars(select(Execution)).first()
        assert execution is not None
        workflow_id = execution.workflow_id
        counts = burst.tally(place.engine, "vip", workflow_id)
        assert set(counts.values()) == {3}
        assert burst.wrong(counts, 3) == 0
        session.delete(session.scalars(select(Tagging)).first())
        execution.trigger_entity_id = session.scalars(
            select(Execution.trigger_entity_id).where(Execution.id != execution.id)
        ).first()
        session.commit()
    assert burst.wrong(burst.tally(place.engine, "vip", workflow_id), 3) == 3


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_worker_that_is_killed_leaves_a_job_that_goes_on_exactly_where_it_was(
    place: Place, runtime: tasks.Runtime, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    job_id = tagging(place, 600)
    command = [sys.executable, "-c", _DIES, job_id, place.org, moment]
    died = subprocess.run(command, env=environ, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    done = numbers(place)["Tagging"]
    with place.session() as session:
        job = session.get_one(Job, job_id)
        assert (job.status, job.done, job.cursor) == ("running", done, done)
    assert done == (300 if moment == "before the commit" else 450)
    run_job.run(job_id, place.org)
    assert numbers(place)["Tagging"] == done, "the dead worker still holds it"
    later = utcnow() + 2 * claims.LEASE
    with system_session(place.engine) as session:
        assert claims.lost(session, later) == [(job_id, place.org)]
    monkeypatch.setattr(runtime.clock, "now", lambda: later)
    run_job.run(job_id, place.org)
    hand_all_on(place)
    assert numbers(place) == {"Tagging": 600, "Event": 600, "Execution": 600, "keys": 600}
