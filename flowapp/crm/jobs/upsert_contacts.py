"""Makes and changes contacts that a program sent, by their addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.catalog import N_
from flowapp.crm import contacts
from flowapp.crm.bulk.nouns import NOUNS
from flowapp.errors import InvalidError
from flowapp.events import Cause
from flowapp.models import Job
from flowapp.records.jobs import Batch, Failure, cause_of, create, files, job_kind
from flowapp.texts import say

KIND = "upsert_contacts"
MOST = 1000  # records of one request
Record = Mapping[str, object]


def begin(session: Session, records: Sequence[Record], *, created_by: str | None, start_workflows: bool) -> Job:
    """The job, which has not begun. InvalidError where there is nothing to do."""
    if not records:
        raise InvalidError.at("records", say("No record is meant."), "empty")
    title = say("Create or change %(records)s", records=NOUNS["contact"].counted(len(records)))
    job = create(
        session, KIND, title, created_by=created_by, total=len(records), start_workflows=start_workflows
    )  # fmt: skip
    content = exact_json.dumps(list(records))
    files.put(session, job, "input", "records.json", "application/json", content)
    return job


@job_kind(KIND, label=N_("Contacts by the API"), most=100)
def run(session: Session, job: Job, limit: int) -> Batch:
    """The next records, each by itself: one that cannot be used leaves the others as they are."""
    start = int(cast(int, job.cursor or 0))
    records = cast(list[Record], exact_json.loads(files.read(session, job, "input").content))[start : start + limit]
    changed, failures = 0, []
    for at, record in enumerate(records, start):
        try:
            with session.begin_nested():
                changed += _put(session, record, cause_of(job))
        except InvalidError as error:
            failures.append(Failure(str(at + 1), error.message, data=record))
    cursor = start + len(records)
    return Batch(cursor, len(records), changed, failures, over=cursor >= job.total)


def _put(session: Session, record: Record, cause: Cause) -> bool:
    """Whether the contact is new, or otherwise than it was."""
    known = contacts.by_email(session, str(record.get("email") or ""))
    if known is None:
        contacts.create(session, record, cause=cause)
        return True
    before = contacts.view(known)
    contacts.update(session, known, record, cause=cause)
    return contacts.view(known) != before
