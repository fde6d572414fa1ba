"""The history of executions: found, counted and read, for the pages and the sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func, or_, select, text, update
from sqlalchemy.orm import Session

from flowapp.errors import NotFoundError
from flowapp.executions.search import FOUND, contacts_of, find_ids
from flowapp.executions.subjects import subject_of
from flowapp.models import (
    EXECUTION_STATUSES,
    TERMINAL,
    Execution,
    LogLine,
    StepRun,
    Version,
    Workflow,
    first_id,
    utcnow,
)
from flowapp.records.paging import FIRST, Page, PageAt, paginate
from flowapp.texts import say
from flowapp.workflows.statistics import percent

STATS_HOURS = 24
_SUCCESSES = ("completed", "goal_reached")


@dataclass(frozen=True, slots=True)
class Search:
    """What the list is asked for; empty: anything. `since` is included, `until` is not."""

    statuses: tuple[str, ...] = ()
    workflow_id: str = ""
    trigger_type: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    fingerprint: str = ""
    replay_id: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution in a list, with the name of its workflow, and whom or what it is about."""

    execution: Execution
    workflow_name: str
    subject: str = ""

    @property
    def seconds(self) -> float | None:
        """From its start to its end, or to now."""
        return seconds(self.execution)


def lock(session: Session, execution: Execution) -> None:
    """Whoever answers an execution's question next, and the worker that would go on, waits for this transaction."""
    session.execute(
        update(Execution)
        .where(Execution.id == execution.id)
        .values(crashes=Execution.crashes)
        .execution_options(synchronize_session=False)
    )
    session.refresh(execution)


def get(session: Session, execution_id: str) -> Execution:
    """The execution of that id in the session's organization. NotFoundError where there is none."""
    execution = session.get(Execution, execution_id)
    if execution is None:
        raise NotFoundError(say("There is no such execution."))
    return execution


def find(session: Session, search: Search, at: PageAt = FIRST) -> tuple[list[ExecutionRow], Page[object]]:
    """The executions of a page, newest first, and the page itself. InvalidError for a broken cursor."""
    statement = select(Execution)
    if search.statuses:
        statement = statement.where(Execution.status.in_(search.statuses))
    if search.workflow_id:
        statement = statement.where(Execution.workflow_id == search.workflow_id)
    if search.trigger_type:
        statement = statement.where(Execution.trigger_type == search.trigger_type)
    # Ids grow with time, and they are indexed.
    if search.since:
        statement = statement.where(Execution.id >= first_id(search.since))
    if search.until:
        statement = statement.where(Execution.id < first_id(search.until))
    if search.fingerprint:
        statement = statement.where(Execution.error_fingerprint == search.fingerprint)
    if search.replay_id:
        statement = statement.where(Execution.replay_id == search.replay_id)
    ids = None
    if search.text:
        ids = find_ids(session, search.text, since=search.since, until=search.until)
        statement = statement.where(about(session, search.text, ids))
    page = paginate(session, statement, at, key=Execution.id, id_column=Execution.id)
    return rows(session, page.rows), replace(page, at_least=page.at_least or len(ids or ()) >= FOUND)


def about(session: Session, text: str, ids: Sequence[str] | None) -> ColumnElement[bool]:
    """Of executions: it is one of `ids`, which were found by the text; or the text is its id, or begins it."""
    digits = text.strip().lower().replace("-", "")
    is_id = 0 < len(digits) <= 32 and not digits.strip("0123456789abcdef")
    if is_id and (not ids or len(digits) == 32):
        return or_(_has_id(session, digits), Execution.id.in_(ids or []))
    return Execution.id.in_(ids or [])


def _has_id(session: Session, digits: str) -> ColumnElement[bool]:
    """Ids that begin with these digits."""
    if session.get_bind().dialect.name == "sqlite":
        return cast(Execution.id, String).startswith(digits)
    low, high = (str(UUID(digits.ljust(32, filler))) for filler in "0f")
    return Execution.id.between(low, high)


def rows(session: Session, executions: Sequence[Execution]) -> list[ExecutionRow]:
    """As templates/executions/_rows.html shows them."""
    ids = {execution.workflow_id for execution in executions}
    names_by_id = session.execute(select(Workflow.id, Workflow.name).where(Workflow.id.in_(ids)))
    names = {workflow_id: name for workflow_id, name in names_by_id}  # noqa: C416 - to mypy a row is no pair
    contacts = contacts_of(session, [execution.contact_id for execution in executions])
    return [
        ExecutionRow(e, names.get(e.workflow_id, ""), subject_of(e.input_data, contacts.get(e.contact_id)))
        for e in executions
    ]


def workflow_names(session: Session) -> list[tuple[str, str]]:
    """(id, name) of the workflows to choose from, 500 at most."""
    rows = session.execute(select(Workflow.id, Workflow.name).order_by(Workflow.name).limit(500))
    return [(workflow_id, name) for workflow_id, name in rows]


def seconds(execution: Execution) -> float | None:
    """How long the execution has taken so far; None before it started."""
    if execution.started_at is None:
        return None
    return ((execution.completed_at or utcnow()) - execution.started_at).total_seconds()


def repetitions(session: Session, execution: Execution, limit: int = 5) -> list[Execution]:
    """The executions that repeat this one, the newest first."""
    # Asked without the organization (the outer query says it), or SQLite would walk over all of the organization's.
    rows = Execution.__table__.c
    newest = select(rows.id).where(rows.retry_of_id == execution.id).order_by(rows.id.desc()).limit(limit)
    ids = session.scalars(newest).all()
    statement = select(Execution).where(Execution.id.in_(ids)).order_by(Execution.id.desc())
    return list(session.scalars(statement))


def runs(session: Session, execution: Execution) -> list[StepRun]:
    """Every attempt of every step, in order."""
    statement = select(StepRun).where(StepRun.execution_id == execution.id).order_by(StepRun.seq)
    return list(session.scalars(statement))


def lines(session: Session, execution: Execution, limit: int) -> list[LogLine]:
    """The last `limit` lines of the log, in order."""
    statement = select(LogLine).where(LogLine.execution_id == execution.id).order_by(LogLine.seq.desc()).limit(limit)
    return list(session.scalars(statement))[::-1]


def step_names(session: Session, execution: Execution) -> dict[str, str]:
    """What the steps are called, by id, in the version that the execution runs."""
    version = session.get_one(Version, execution.version_id)
    return {step["step_id"]: step.get("name") or step["step_id"] for step in version.definition.get("steps", [])}


def stats(session: Session) -> dict[str, Any]:
    """Numbers of the last 24 hours, and what is open now. `success_rate` is percent of all ended ones."""
    since = first_id(utcnow() - timedelta(hours=STATS_HOURS))
    counted = session.execute(
        select(Execution.status, func.count(Execution.id)).where(Execution.id >= since).group_by(Execution.status)
    )
    counts = dict.fromkeys(EXECUTION_STATUSES, 0) | {s: n for s, n in counted}  # noqa: C416 - to mypy a row is no pair
    still_open = session.scalar(
        select(func.count(Execution.id)).where(text("status IN ('pending', 'running', 'waiting')"))  # as its index says
    )
    succeeded = sum(counts[status] for status in _SUCCESSES)
    return {
        **counts,
        "hours": STATS_HOURS,
        "total_executions": sum(counts.values()),
        "active_executions": still_open or 0,
        "completed_executions": succeeded,
        "failed_executions": counts["failed"],
        "success_rate": percent(succeeded, sum(counts[status] for status in TERMINAL)),
    }


def changes(session: Session, since: datetime) -> list[tuple[datetime, Execution, bool]]:
    """(when, execution, whether it began) of what began or ended after `since`, in order.

    Of the ends, those of executions that began within the day before: nothing older is looked through.
    """
    began = session.scalars(select(Execution).where(Execution.id >= first_id(since)))
    changes = [(execution.created_at, execution, True) for execution in began]
    ended = session.scalars(
        select(Execution).where(Execution.id >= first_id(since - timedelta(days=1)), Execution.completed_at > since)
    )
    changes += [(execution.completed_at or since, execution, False) for execution in ended]
    return sorted(changes, key=lambda change: change[0])
