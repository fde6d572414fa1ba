"""A job begins or is cancelled because somebody asked for it: noted, answered, committed, and only then told to a worker."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, g

from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Import, Job
from flowapp.records.jobs import service
from flowapp.tasks.jobs import run_job


def begin(job: Job, answer: Callable[[], Response], imported: Import | None = None) -> Response:
    """`imported` is what is noted as begun, where the job takes the rows of an import."""
    session, actor = db.session(), g.actor.audit
    if imported is None:
        audit(session, "job.started", actor=actor, target=("job", job.id, job.title), details={"total": job.total})
    else:
        audit(session, "import.started", actor=actor, target=("import", imported.id, imported.file_name))
    response, job_id, organization_id = answer(), job.id, job.organization_id
    session.commit()
    run_job.wake(job_id, organization_id)
    return response


def cancel(job: Job, answer: Callable[[], Response]) -> Response:
    """It does nothing more; what it has done stays. ConflictError where it is over."""
    session = db.session()
    service.cancel(session, job)
    audit(session, "job.cancelled", actor=g.actor.audit, target=("job", job.id, job.title))
    response = answer()
    session.commit()
    run_job.announce(job)
    return response
