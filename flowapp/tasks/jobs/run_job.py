"""Works on a job that a person started (records.jobs), batch by batch, for a while; then others have their turn."""

from __future__ import annotations

import time

import redis

from flowapp.catalog import N_
from flowapp.errors import FlowError, InvalidError
from flowapp.logs import get_logger
from flowapp.models import JOB_OPEN, Job
from flowapp.models.sqlite import refresh_statistics
from flowapp.models.tenancy import tenant_session
from flowapp.notifications import jobs
from flowapp.records.jobs import KINDS, JobKind, claims
from flowapp.records.jobs.service import job_json
from flowapp.tasks.jobs import Result, job, organization_of
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

TURN = 5.0  # seconds after which other work may have the thread
BATCH = 0.1  # seconds that a batch should take
WAITING = 3  # times as long as it works a batch may take, with what it waits for
_FIRST = 250  # rows
_MANY = 2000  # rows after which the database's statistics say something else
log = get_logger(__name__)


@job(N_("Works on an import, a bulk change or other long work that a person started."), counts={})
def run(job_id: str, organization_id: str = "") -> Result:
    """Nothing to tell: the job itself says how far it is."""
    Turn(job_id, organization_id or organization_of(Job, job_id)).take()
    return {}


def wake(job_id: str, organization_id: str) -> None:
    """Has a worker go on with a job. Redis may be down: the scheduler wakes it again."""
    try:
        runtime().broker.wake("run_job", job_id, organization_id)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", job_id=job_id, error=str(error))


class Turn:
    """What one worker does of a job, as long as it holds it."""

    def __init__(self, job_id: str, organization_id: str) -> None:
        self._id, self._organization_id = job_id, organization_id
        self._now = runtime().clock.now
        self._size = _FIRST

    def take(self) -> None:
        """Claims the job and works on it until it is over, cancelled, or the turn ends."""
        with tenant_session(runtime().engine, self._organization_id) as session:
            fence = claims.claim(session, self._id, self._now())
            if fence is None and (job := session.get(Job, self._id)):  # it may have failed too often
                jobs.tell(session, job)
            session.commit()
        if fence is None:
            return
        until = time.monotonic() + TURN
        try:
            while self._batch(fence):
                if time.monotonic() >= until or runtime().stopping.is_set() or runtime().pause.state():
                    self._give_back(fence)
                    return
        except FlowError as error:
            self._fail(fence, error.problems[0].message if isinstance(error, InvalidError) else error.message)

    def _batch(self, fence: int) -> bool:
        """One transaction: the rows, their events, the cursor. Whether there is more to do."""
        began, worked = time.monotonic(), time.thread_time()
        with tenant_session(runtime().engine, self._organization_id) as session:
            job = claims.held(session, self._id, fence, self._now())
            if job is None:
                return False
            kind = KINDS[job.kind]
            limit = min(self._size, kind.most)
            batch = kind.run(session, job, limit)
            claims.write(session, job, batch, self._now())
            jobs.tell(session, job)
            commit_and_start(session, *batch.started)
        announce(job)
        if job.status not in JOB_OPEN and job.done >= _MANY:
            refresh_statistics(runtime().engine)
        # On a busy machine a batch of any size takes its time: smaller ones would only make more of them.
        seconds = max(time.thread_time() - worked, (time.monotonic() - began) / WAITING)
        self._adapt(limit, kind, seconds)
        return job.status in JOB_OPEN

    def _adapt(self, limit: int, kind: JobKind, seconds: float) -> None:
        """The next batch is as large as will take about BATCH."""
        wanted = int(limit * BATCH / max(seconds, 0.001))
        self._size = max(min(kind.least, kind.most), min(wanted, 2 * limit, kind.most))

    def _give_back(self, fence: int) -> None:
        with tenant_session(runtime().engine, self._organization_id) as session:
            claims.release(session, self._id, fence, self._now())
            session.commit()
        wake(self._id, self._organization_id)

    def _fail(self, fence: int, why: str) -> None:
        with tenant_session(runtime().engine, self._organization_id) as session:
            job = claims.held(session, self._id, fence, self._now())
            if job is None:
                return
            claims.fail(job, why, self._now())
            jobs.tell(session, job)
            session.commit()
        announce(job)


def announce(job: Job) -> None:
    """Tells whoever watches the job how far it is."""
    runtime().bus.tell(job.id, job_json(job))
