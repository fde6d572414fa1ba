"""How a worker holds a job: by a lease and a fence, as it holds an execution. Who lost the job can commit nothing more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from flowapp.models import JOB_OPEN, Job, JobFailure
from flowapp.records.jobs.kinds import Batch, Failure
from flowapp.texts import parts, say

LEASE = timedelta(seconds=6)
WAKE_AGAIN = timedelta(seconds=5)  # after which a message is taken to be lost
ATTEMPTS = 4  # claims in a row that ended without a batch
AT_ONCE = 100


def claim(session: Session, job_id: str, now: datetime) -> int | None:
    """The fence by which the caller holds the job from now on; None where it is over, or somebody else holds it.

    A job whose workers died or failed several times in a row at the same place ends as failed.
    """
    fence = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.status.in_(JOB_OPEN), or_(Job.lease_until.is_(None), Job.lease_until < now))
        .values(status="running", fence=Job.fence + 1, attempts=Job.attempts + 1, lease_until=now + LEASE)
        .returning(Job.fence)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if fence is None:
        return None
    job = session.get_one(Job, job_id, populate_existing=True)
    job.started_at = job.started_at or now
    if job.attempts > ATTEMPTS:
        fail(
            job,
            say("It failed several times at the same place, so it was stopped. The log of the worker says why."),
            now,
        )
        return None
    return fence


def held(session: Session, job_id: str, fence: int, now: datetime) -> Job | None:
    """The job, locked until the commit; None where it was cancelled, or is somebody else's now."""
    mine = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.fence == fence, Job.status == "running")
        .values(lease_until=now + LEASE)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).first()
    return session.get_one(Job, job_id, populate_existing=True) if mine else None


def write(session: Session, job: Job, batch: Batch, now: datetime) -> None:
    """How far the job is after a batch, to be committed with its rows."""
    _write_failures(session, job, batch)
    job.cursor, job.attempts = batch.cursor, 0
    job.done += batch.done
    job.changed += batch.changed
    job.failed += len(batch.failures)
    if batch.over:
        job.status, job.ended_at, job.lease_until = "completed", now, None
        job.result, job.result_parts = str(batch.result), parts(batch.result)


def fail(job: Job, why: str, now: datetime) -> None:
    """It cannot go on, for the reason that it then shows."""
    job.status, job.ended_at, job.lease_until = "failed", now, None
    job.result, job.result_parts = str(why), parts(why)


def release(session: Session, job_id: str, fence: int, now: datetime) -> None:
    """Gives the job back, for whoever is woken next."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.fence == fence, Job.status == "running")
        .values(lease_until=None, woken_at=now)
        .execution_options(synchronize_session=False)
    )


def lost(session: Session, now: datetime) -> list[tuple[str, str]]:
    """(job, organization) of those that nobody works on though they are open: their message was lost, or their worker died.
    Marks them as woken."""
    free = or_(Job.lease_until.is_(None), Job.lease_until < now)
    wanted = select(Job.id, Job.organization_id).where(Job.status.in_(JOB_OPEN), free, Job.woken_at < now - WAKE_AGAIN)
    found = [(row.id, row.organization_id) for row in session.execute(wanted.order_by(Job.woken_at).limit(AT_ONCE))]
    if found:
        session.execute(
            update(Job).where(Job.id.in_([one[0] for one in found])).values(woken_at=now)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
    return found


def _write_failures(session: Session, job: Job, batch: Batch) -> None:
    if batch.failures:
        rows = [_row(job, at, one) for at, one in enumerate(batch.failures, job.failed)]
        session.execute(insert(JobFailure), rows)


def _row(job: Job, position: int, failure: Failure) -> dict[str, object]:
    return {
        "organization_id": job.organization_id,
        "job_id": job.id,
        "position": position,
        "reference": failure.reference[:200],
        "name": failure.name[:300],
        "message": str(failure.message),
        "message_parts": parts(failure.message),
        "data": failure.data,
    }
