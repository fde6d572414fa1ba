"""From a transaction that started or changed executions to a worker that runs them: commit first, then tell."""

from __future__ import annotations

from sqlalchemy.orm import Session

from flowapp.engine.store.journal import first_row
from flowapp.engine.store.rows import Columns
from flowapp.models import Execution
from flowapp.tasks.runtime import runtime

_ASKED = ("status", "held", "start_after")
ALONE = (
    20  # executions of one organization that are begun one by one; more of them wait behind what somebody else began
)


def commit_and_start(session: Session, *executions: Execution, created: bool = True) -> None:
    """Commits, then has the new executions run, and tells the organization's monitors of them.

    The executions stay readable without another query. Not `created` (they were there before), held or skipped: they
    are only committed. The one way to start after a commit.
    """
    _commit(session, executions)
    by_organization: dict[str, list[Columns]] = {}
    for execution in executions if created else ():
        if execution.status == "pending":
            row = {**first_row(execution), **{name: getattr(execution, name) for name in _ASKED}}
            by_organization.setdefault(execution.organization_id, []).append(row)
    for rows in by_organization.values():
        if len(rows) > ALONE:
            runtime().bus.begin_together(rows)
        else:
            for one in rows:
                runtime().bus.begin(one)


def commit_and_wake(session: Session, execution: Execution) -> None:
    """Commits what a waiting execution is to learn, then has a worker go on with it. It stays readable."""
    _commit(session, (execution,))
    runtime().bus.wake(execution.id, execution.organization_id)


def _commit(session: Session, executions: tuple[Execution, ...]) -> None:
    session.flush()
    for execution in executions:
        if execution in session:
            session.expunge(execution)
    session.commit()
