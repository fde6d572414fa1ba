"""The next batch of a bulk action (crm.bulk)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm.bulk import nouns
from flowapp.crm.bulk.actions import ACTIONS, Action, Work
from flowapp.crm.bulk.service import KIND
from flowapp.models import Job
from flowapp.models.crm.nouns import Listed
from flowapp.records.jobs import Batch, Failure, cause_of, files, job_kind
from flowapp.texts import say

GONE = say("It was deleted in the meantime.")
NOT_DELETED = say("It is not in the trash.")


@job_kind(KIND, label=N_("Bulk change"))
def run(session: Session, job: Job, limit: int) -> Batch:
    """The next ids of the frozen set: their rows, changed together."""
    ids = files.next_ids(session, job, limit)
    noun, action = nouns.NOUNS[str(job.arguments["noun"])], ACTIONS[str(job.arguments["action"])]
    found = nouns.read(session, noun, ids)
    rows, failures = _fitting(action, ids, found)
    work = Work(session, noun, rows, job.arguments, cause_of(job), job)
    action.work(work)
    failures += [Failure(row.id, why, nouns.title_of(row)) for row, why in work.refused]
    cursor = int(cast(int, job.cursor or 0)) + len(ids)
    return Batch(cursor, len(ids), work.changed, failures, work.started, over=cursor >= job.total)


def _fitting(action: Action, ids: Sequence[str], found: Mapping[str, Listed]) -> tuple[list[Listed], list[Failure]]:
    """The rows that the action is for, in the order of their ids, and why the others are not."""
    fit: list[Listed] = []
    failures: list[Failure] = []
    for one in ids:
        row = found.get(one)
        if row is not None and (row.deleted_at is not None) == action.trashed:
            fit.append(row)
        else:
            why = NOT_DELETED if row is not None and action.trashed else GONE
            failures.append(Failure(one, why, nouns.title_of(row) if row is not None else ""))
    return fit, failures
