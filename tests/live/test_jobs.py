"""The socket of a job: how it stands, then how far it is after each batch."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from flowapp.models import Job, new_id
from flowapp.records.jobs import KINDS, Batch, JobKind, create, files
from flowapp.tasks.jobs import run_job
from flowapp.texts import say
from tests.live.test_sockets import Place, _actions, place

__all__ = ["_actions", "place"]


def count(session: Session, job: Job, limit: int) -> Batch:
    done = len(files.next_ids(session, job, limit))
    cursor = job.done + done
    return Batch(cursor, done, done, over=cursor >= job.total, result=say("All done."))


def test_each_batch_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "tried", JobKind("tried", "Tried", count, 2))
    with place.session() as session:
        job = create(session, "tried", say("A try"), created_by=None)
        files.freeze(session, job, [new_id() for _ in range(5)])
        session.commit()
        job_id = job.id
    with place.connect(f"/ws/automation/job/{job_id}/", token="theirs") as client:
        assert client.close_code() == 4404, "another organization's is not there"
    with place.connect(f"/ws/automation/job/{job_id}/") as client:
        first = client.next()
        assert (first["type"], first["job"]["status"], first["job"]["total"]) == ("initial_state", "pending", 5)
        run_job.run(job_id, place.org)
        while client.next()["job"]["status"] != "completed":
            pass
        told = client.got[1:]
        assert [one["job"]["done"] for one in told][-1] == 5
        assert {one["type"] for one in told} == {"job_progress"}
        assert told[-1]["job"]["result"] == "All done."
        assert [one["seq"] for one in client.got] == sorted({one["seq"] for one in client.got})
        client.ask({"action": "get_logs"})
        assert client.next()["type"] == "error"
