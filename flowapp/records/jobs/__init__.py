"""Jobs: long work that a person started, done batch by batch in the background (DESIGN §2, "Many at once").

    @job_kind("import_contacts", label=N_("Import"))
    def run(session: Session, job: Job, limit: int) -> Batch: ...

A room declares what a job of its kind does with the next rows, one file each; `service` makes jobs, `claims` is how workers
hold them, `files` what they work on. tasks.jobs.run_job runs them.
"""

from flowapp.records.jobs.kinds import KINDS, Batch, Failure, JobKind, job_kind
from flowapp.records.jobs.service import cause_of, create, get

__all__ = ["KINDS", "Batch", "Failure", "JobKind", "cause_of", "create", "get", "job_kind"]
