"""From a stored execution to a running one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.models import Execution


def commit_and_wake(session: Session, execution: Execution, *, created: bool) -> None:
    """Commits, then calls a worker and tells who watches. `execution` stays readable without another query."""
    session.expunge(execution)
    session.commit()
    if created and execution.status == "pending":
        tasks.begin(execution)
