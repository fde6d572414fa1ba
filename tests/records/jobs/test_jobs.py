"""Jobs on real databases: batches, cancelling, failures, and a worker that is killed between two of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp import events, tasks
from flowapp.errors import ConflictError, InvalidError
from flowapp.models import Contact, Event, Job, Notification, new_id, utcnow
from flowapp.notifications import settings as wishes
from flowapp.records.jobs import KINDS, Batch, Failure, JobKind, cause_of, claims, create, files, service
from flowapp.tasks import jobs
from flowapp.tasks.jobs import run_job
from flowapp.texts import say
from tests.engine.place import Place, _actions, place, runtime
from tests.support.tenant import add_person

__all__ = ["_actions", "place", "runtime"]
pytestmark = pytest.mark.both_databases
Run = Callable[[Session, Job, int], Batch]


def touch(session: Session, job: Job, limit: int) -> Batch:
    """States a fact about each of the next ids."""
    ids = files.next_ids(session, job, limit)
    for one in ids:
        events.receive(session, "tried.row", entity=("row", one), payload={}, cause=cause_of(job))
    start = int(job.cursor or 0)  # type: ignore[call-overload]
    return Batch(start + len(ids), len(ids), len(ids), over=len(ids) < limit, result=say("All done."))


def a_job(place: Place, monkeypatch: pytest.MonkeyPatch, run: Run = touch, rows: int = 5, most: int = 2) -> str:
    monkeypatch.setitem(KINDS, "tried", JobKind("tried", "Tried", run, most))
    with place.session() as session:
        job = create(session, "tried", say("A try with %(count)s", count=rows), created_by=None)
        files.freeze(session, job, [new_id() for _ in range(rows)])
        session.commit()
        return job.id


def work(place: Place, job_id: str) -> None:
    run_job.run(job_id, place.org)


def job_of(place: Place, job_id: str) -> Job:
    with place.session() as session:
        return service.get(session, job_id)


def facts(place: Place) -> int:
    with place.session() as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


def test_a_job_works_on_its_frozen_set_batch_by_batch(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def run(session: Session, job: Job, limit: int) -> Batch:
        sizes.append(limit)
        return touch(session, job, limit)

    job_id = a_job(place, monkeypatch, run)
    work(place, job_id)
    job = job_of(place, job_id)
    assert (job.status, job.total, job.done, job.changed, job.result) == ("completed", 5, 5, 5, "All done.")
    assert max(sizes) <= 2
    with place.session() as session:
        about = session.scalars(select(Event.entity_id).order_by(Event.id)).all()
        assert list(about) == files.next_ids(session, Job(id=job_id, cursor=0), 10)
        assert {(one.bulk, one.silent, one.origin) for one in session.scalars(select(Event))} == {
            (True, True, f"job:{job_id}")
        }


def test_what_matches_later_is_not_in_the_frozen_set(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.session() as session:
        made = [Contact(email=f"{at}@example.com") for at in range(3)]
        session.add_all(made)
        session.flush()
        job = create(session, "tried", "t", created_by=None)
        files.freeze_matching(session, job, Contact.id, [Contact.email != "1@example.com"])
        session.add(Contact(email="late@example.com"))
        session.commit()
        assert files.next_ids(session, job, 10) == sorted(one.id for one in made if one.email != "1@example.com")
        assert job.total == 2


def test_a_cancelled_job_does_nothing_more(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(session: Session, job: Job, limit: int) -> Batch:
        batch = touch(session, job, limit)
        between.append(job.id)
        return batch

    between: list[str] = []
    job_id = a_job(place, monkeypatch, run)
    told = run_job.announce

    def cancel(job: Job) -> None:
        told(job)
        with place.session() as session:
            service.cancel(session, service.get(session, job_id))
            session.commit()

    monkeypatch.setattr(run_job, "announce", cancel)
    work(place, job_id)
    job = job_of(place, job_id)
    assert (job.status, job.done, len(between)) == ("cancelled", 2, 1)
    work(place, job_id)
    assert facts(place) == 2
    with place.session() as session, pytest.raises(ConflictError):
        service.cancel(session, service.get(session, job_id))


def test_what_failed_is_a_file(place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(session: Session, job: Job, limit: int) -> Batch:
        sent = {"Mail": "=x", "Name": "Ann, B", "=Column": ""}
        failed = [Failure("7", say("=There is no such %(noun)s.", noun="row"), data=sent)]
        return Batch(1, 1, failures=failed, over=True)

    job_id = a_job(place, monkeypatch, run)
    work(place, job_id)
    with place.session() as session:
        text = "".join(files.error_file(session, service.get(session, job_id), str))
    assert text.lstrip("\ufeff").splitlines() == ["Mail,Name,'=Column,error", "'=x,\"Ann, B\",,'=There is no such row."]
    assert job_of(place, job_id).failed == 1


def test_a_job_that_cannot_go_on_says_why(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(session: Session, job: Job, limit: int) -> Batch:
        raise InvalidError.at("file", say("The file is empty."))

    job_id = a_job(place, monkeypatch, run)
    work(place, job_id)
    job = job_of(place, job_id)
    assert (job.status, job.result) == ("failed", "The file is empty.")


def test_a_job_that_fails_again_and_again_is_stopped(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(session: Session, job: Job, limit: int) -> Batch:
        touch(session, job, limit)
        raise RuntimeError

    job_id = a_job(place, monkeypatch, run)
    for attempt in range(claims.ATTEMPTS + 1):
        monkeypatch.setattr(runtime.clock, "now", lambda at=attempt: utcnow() + at * 2 * claims.LEASE)
        if attempt < claims.ATTEMPTS:
            with pytest.raises(RuntimeError):
                work(place, job_id)
        else:
            work(place, job_id)
    assert job_of(place, job_id).status == "failed"
    assert facts(place) == 0


def test_two_workers_never_work_on_one_job_at_once(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def run(session: Session, job: Job, limit: int) -> Batch:
        begun.set()
        go_on.wait(10)
        return Batch(None, 1, over=True)

    job_id = a_job(place, monkeypatch, run)
    with place.session() as session:
        fence = claims.claim(session, job_id, utcnow())
        session.commit()
    work(place, job_id)  # the other one has it
    assert not begun.is_set()
    later = utcnow() + 2 * claims.LEASE
    with place.session() as session:
        assert claims.lost(session, later) == [(job_id, place.org)]
        assert claims.lost(session, later + timedelta(seconds=1)) == [], "it has just been woken"
        session.commit()
        assert claims.claim(session, job_id, later) is not None
        session.commit()
        assert fence is not None
        assert claims.held(session, job_id, fence, later) is None, "the first worker has lost it"


@pytest.mark.parametrize(
    ("seconds", "fails", "told"),
    [
        (11, False, [("success", "“A try with 5” completed", "All done.")]),
        (1, False, []),
        (1, True, [("danger", "“A try with 5” failed", "The file is empty.")]),
    ],
)
def test_who_started_a_long_job_is_told_how_it_ended(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch, seconds: int, fails: bool, told: list[Any]
) -> None:
    def run(session: Session, job: Job, limit: int) -> Batch:
        if fails:
            raise InvalidError.at("file", say("The file is empty."))
        return touch(session, job, limit)

    job_id = a_job(place, monkeypatch, run)
    mailed: list[str] = []
    monkeypatch.setattr(jobs, "send", lambda name, **_params: mailed.append(name))
    with place.session() as session:
        add_person(session, place.org, "viewer", "someone@b.example", name="Someone")
        ann, _token = add_person(session, place.org, "operator", "ann@b.example", name="Ann")
        job = service.get(session, job_id)
        job.created_by, job.created_at = ann, utcnow() - timedelta(seconds=seconds)
        wishes.put(session, ann, {"job": {"in_app": not fails}})
        session.commit()
    work(place, job_id)
    work(place, job_id)  # a wake-up that came twice
    with place.session() as session:
        rows = session.query(Notification).all()
        assert [(row.level, row.title, row.body) for row in rows] == told
        assert {(row.user_id, row.link, row.kind, row.read_at is None) for row in rows} <= {
            (ann, f"/jobs/{job_id}", "job", not fails)
        }
    assert mailed == ["send_notification_emails"] * len(told)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_many_rows_the_database_looks_at_its_indexes_again(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch, database_url: object
) -> None:
    def known() -> int:
        with place.session() as session:
            asked = "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'jobs'"
            return int(session.connection().exec_driver_sql(asked).scalar_one())

    with place.session() as session:
        session.connection().exec_driver_sql("ANALYZE organizations")
        session.commit()
    for done, expected in ((100, False), (5000, True)):
        work(
            place, a_job(place, monkeypatch, lambda _session, _job, _limit, done=done: Batch(None, done, 0, over=True))
        )
        assert bool(known()) == expected
