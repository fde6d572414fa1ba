"""The job that takes the rows of an import, some at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm.imports import service
from flowapp.crm.imports.mapping import Columns
from flowapp.crm.imports.rows import CREATED, FAILED, SKIPPED, UPDATED
from flowapp.crm.imports.upsert import Upsert
from flowapp.events import Cause
from flowapp.models import Import, ImportPart, Job
from flowapp.records.jobs import Batch, Failure, cause_of, job_kind
from flowapp.texts import say

Counts = Mapping[str, int]
LEAST = 150  # rows of a batch, which asks the database some thirty times however few they are


@job_kind(service.KIND, label=N_("Import"), most=service.PART, least=LEAST)
def run(session: Session, job: Job, limit: int) -> Batch:
    """Writes the next rows; `cursor` is (how many were taken, what became of them)."""
    row = service.get(session, str(job.arguments["import_id"]))
    taken, counts = cast(tuple[int, Counts], job.cursor or (0, {}))
    some = _next(session, row, taken, limit)
    columns = Columns(session, row.noun, row.header, service.mapping_of(row))
    upsert = Upsert(session, service.rules_of(row), cause=cause(job, row))
    done = columns.write(upsert, some)
    failures = []
    for (line, cells), one in zip(some, done, strict=True):
        if one.outcome == FAILED:
            sent = {name: cells[at] if at < len(cells) else "" for at, name in enumerate(row.header)}
            failures.append(Failure(str(line), columns.reason(one), data=sent))
        counts = {**counts, one.outcome: counts.get(one.outcome, 0) + 1}
    taken += len(some)
    over = taken >= job.total
    if over:
        service.drop_parts(session, row.id)
    changed = sum(one.outcome in (CREATED, UPDATED) for one in done)
    return Batch([taken, counts], len(some), changed, failures, over=over, result=result(counts) if over else "")


def cause(job: Job, row: Import) -> Cause:
    """The timelines of the records name the file."""
    return replace(cause_of(job), origin=f"import:{row.file_name}"[:100])


def result(counts: Counts) -> str:
    """What became of all rows."""
    return say(
        "Created: %(created)s. Updated: %(updated)s. Unchanged: %(unchanged)s. Skipped: %(skipped)s. Failed: %(failed)s.",
        created=counts.get(CREATED, 0),
        updated=counts.get(UPDATED, 0),
        unchanged=counts.get("unchanged", 0),
        skipped=counts.get(SKIPPED, 0),
        failed=counts.get(FAILED, 0),
    )


def _next(session: Session, row: Import, taken: int, limit: int) -> list[tuple[int, list[str]]]:
    """The next rows, (line, cells) of each: of one part, so perhaps fewer than asked for."""
    position, start = divmod(taken, service.PART)
    mine = select(ImportPart.rows).where(ImportPart.import_id == row.id, ImportPart.position == position)
    rows = cast(list[tuple[int, list[str]]], session.scalar(mine) or [])
    return rows[start : start + limit]
