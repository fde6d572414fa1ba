"""Jobs as people see them: made, looked up, cancelled; the one serialiser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flowapp.errors import ConflictError, NotFoundError
from flowapp.events import Cause
from flowapp.models import JOB_OPEN, Job, iso, new_id, read_id, utcnow
from flowapp.records.paging import Page, PageAt, paginate
from flowapp.texts import Parts, parts, restored, say

CANCELLED = say("This job has already ended.")


def create(
    session: Session,
    kind: str,
    title: str,
    *,
    created_by: str | None,
    arguments: Mapping[str, object] | None = None,
    total: int = 0,
    start_workflows: bool = False,
) -> Job:
    """A job that has not begun. The caller commits, then has it run (tasks.jobs.run_job.wake).

    `title` is made by `say`, so that each reader has it in their language.
    """
    job = Job(
        id=new_id(),
        kind=kind,
        title=title[:300],
        title_parts=parts(title),
        arguments=dict(arguments or {}),
        total=total,
        start_workflows=start_workflows,
        created_by=created_by,
    )
    session.add(job)
    session.flush()
    return job


def entitle(job: Job, title: str) -> None:
    """Calls it by another title, made by `say`."""
    job.title, job.title_parts = title[:300], parts(title)


def get(session: Session, job_id: str) -> Job:
    """The job of that id. NotFoundError where there is none."""
    known = read_id(job_id)
    job = session.get(Job, known) if known else None
    if job is None:
        raise NotFoundError(say("There is no such job."))
    return job


def find(session: Session, at: PageAt) -> Page[Job]:
    """A page of the jobs, the newest first."""
    return paginate(session, select(Job), at, key=Job.id, id_column=Job.id)


def cancel(session: Session, job: Job) -> None:
    """It does nothing more; what it has done stays. ConflictError where it is over."""
    changed = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.status.in_(JOB_OPEN))
        .values(status="cancelled", ended_at=utcnow(), lease_until=None)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise ConflictError(CANCELLED)
    session.refresh(job)


def cause_of(job: Job, origin: str = "job") -> Cause:
    """What the events of a job say: who started it, which job it is, and that nobody waits for any single one."""
    return Cause(job.created_by, origin=f"{origin}:{job.id}", bulk=True, silent=not job.start_workflows)


def title_of(job: Job) -> str:
    """The title as it was made: a message that can be said in any language."""
    return restored(job.title, cast(Parts | None, job.title_parts))


def result_of(job: Job) -> str:
    """What it said at its end."""
    return restored(job.result, cast(Parts | None, job.result_parts))


def job_json(job: Job) -> dict[str, object]:
    """The job as answers and messages print it; `title` and `result` are messages of `say`."""
    counts = {name: getattr(job, name) for name in ("total", "done", "changed", "failed")}
    return {
        "id": job.id,
        "kind": job.kind,
        "title": title_of(job),
        "status": job.status,
        **counts,
        "start_workflows": job.start_workflows,
        "result": result_of(job),
        "created_by": job.created_by,
        **{name: iso(getattr(job, name)) for name in ("created_at", "started_at", "ended_at")},
    }
