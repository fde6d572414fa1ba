"""Executions that failed, grouped by the reason: the same step of the same workflow, the same error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from flowapp.executions.replays import NO_FINGERPRINT
from flowapp.models import IS_DEAD, Execution, StepRun, Version, Workflow, utcnow
from flowapp.records.paging import FIRST, Page, PageAt, numbered, paginate, slice_of
from flowapp.texts import restored

DAYS = 7


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """`count` failures for one reason; `message` and step are those of the newest, `execution_id`."""

    workflow_id: str
    workflow_name: str
    fingerprint: str
    count: int
    first_at: datetime
    last_at: datetime
    execution_id: str
    message: str
    step_id: str
    step_name: str

    @property
    def mark(self) -> str:
        """The fingerprint as filters name it."""
        return self.fingerprint or NO_FINGERPRINT


def groups(
    session: Session, at: PageAt = FIRST, *, since: datetime | None = None, workflow_id: str = ""
) -> tuple[list[FailureGroup], Page[object]]:
    """The groups of what failed `since` (by default in the last 7 days), the latest first, and the page of the list."""
    where = [Execution.completed_at >= (since or utcnow() - timedelta(days=DAYS))]
    if workflow_id:
        where.append(Execution.workflow_id == workflow_id)
    last = func.max(Execution.completed_at)
    counted: Any = (
        select(
            Execution.workflow_id,
            Execution.error_fingerprint,
            func.count().label("number"),
            func.min(Execution.completed_at).label("first_at"),
            last.label("last_at"),
        )
        .where(IS_DEAD, *where)
        .group_by(Execution.workflow_id, Execution.error_fingerprint)
    )
    order: list[ColumnElement[Any]] = [last.desc(), Execution.workflow_id.asc(), Execution.error_fingerprint.asc()]
    page = numbered(session, counted, at, order=order)
    rows = page.rows
    newest = _newest(session, slice_of(counted, at, order).subquery())
    workflows = dict(_pairs(session, Workflow.id, Workflow.name, {row.workflow_id for row in rows}))
    versions = dict(_pairs(session, Version.id, Version.definition, {row.version_id for row in newest.values()}))
    groups = []
    for row in rows:
        one = newest[row.workflow_id, row.error_fingerprint]
        names = {step["step_id"]: step["name"] for step in versions[one.version_id].get("steps", ())}
        groups.append(
            FailureGroup(
                row.workflow_id,
                workflows[row.workflow_id],
                row.error_fingerprint,
                row.number,
                row.first_at,
                row.last_at,
                one.id,
                restored(one.error_message, one.error_parts),
                one.current_step_id,
                names.get(one.current_step_id, one.current_step_id),
            )
        )
    return groups, page


def _newest(session: Session, counted: Any) -> dict[tuple[str, str], Any]:
    """The newest execution of each group."""
    e = Execution
    rows = session.execute(
        select(
            e.id, e.workflow_id, e.error_fingerprint, e.version_id, e.error_message, e.error_parts, e.current_step_id
        )
        .join(
            counted,
            (e.workflow_id == counted.c.workflow_id)
            & (e.error_fingerprint == counted.c.error_fingerprint)
            & (e.completed_at == counted.c.last_at),
        )
        .where(IS_DEAD)
        .order_by(e.id)
    )
    return {(row.workflow_id, row.error_fingerprint): row for row in rows}


def _pairs(session: Session, key: Any, value: Any, ids: set[str]) -> list[Any]:
    return [tuple(row) for row in session.execute(select(key, value).where(key.in_(ids)))]


@dataclass(frozen=True, slots=True)
class Undecided:
    """An attempt of which nobody knows whether it took effect, and the name of its workflow."""

    run: StepRun
    workflow_name: str


def undecided(session: Session, at: PageAt = FIRST) -> tuple[list[Undecided], Page[object]]:
    """What waits for a person to say whether it happened, oldest first, and the page of the list."""
    waiting = (
        select(StepRun)
        .join(Execution, Execution.id == StepRun.execution_id)
        .where(StepRun.status == literal_column("'uncertain'"), Execution.status == "waiting")
    )
    page = paginate(session, waiting, at, key=StepRun.execution_id, id_column=StepRun.seq, descending=False)
    ids = {run.execution_id for run in page.rows}
    found = select(Execution.id, Workflow.name).join(Workflow, Workflow.id == Execution.workflow_id)
    names = {row.id: row.name for row in session.execute(found.where(Execution.id.in_(ids)))}
    return [Undecided(run, names[run.execution_id]) for run in page.rows], page
