"""Retention: a job that ended long ago is deleted with its files and its list of failures, a little at a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from flowapp.models import JOB_OPEN, Job, JobFailure

DAYS = 30
PART = 2000  # failures of a transaction


def purge(session: Session, before: datetime) -> int | None:
    """Deletes one job that ended before that time: 1; of one with many failures first a part of these: 0; None where there is
    no such job. The caller commits, and asks again."""
    due = select(Job.id).where(Job.status.not_in(JOB_OPEN), Job.ended_at < before)
    job_id = session.scalar(due.order_by(Job.id).limit(1))
    if job_id is None:
        return None
    last = session.scalar(select(func.max(JobFailure.position)).where(JobFailure.job_id == job_id))
    if last is not None and last >= PART:
        some = (JobFailure.job_id == job_id, JobFailure.position > last - PART)
        session.execute(delete(JobFailure).where(*some).execution_options(synchronize_session=False))
        return 0
    session.execute(delete(Job).where(Job.id == job_id).execution_options(synchronize_session=False))
    return 1
