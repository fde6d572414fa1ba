"""From a transaction that started or changed executions to a worker that runs them: commit first, then tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.database import dump_json
from flowapp.engine.store.journal import FIRST_ROW, first_row
from flowapp.engine.store.messages import execution_started
from flowapp.logs import get_logger
from flowapp.models import Execution
from flowapp.tasks.bus import monitor_channel
from flowapp.tasks.runtime import runtime

MAX_CARRIED = 16 * 1024  # characters of an execution's row in its first message; a worker reads a larger one itself
log = get_logger(__name__)
_ASKED = ("status", "held", "start_after")


def commit_and_start(session: Session, *executions: Execution, created: bool = True) -> None:
    """Commits, then has the new executions run, and tells the organization's monitors of them.

    The executions stay readable without another query. Not `created` (they were there before), held or skipped: they
    are only committed. The one way to start after a commit.
    """
    _commit(session, executions)
    for execution in executions if created else ():
        if execution.status == "pending":
            begin_row({**first_row(execution), **{name: getattr(execution, name) for name in _ASKED}})


def commit_and_wake(session: Session, execution: Execution) -> None:
    """Commits what a waiting execution is to learn, then has a worker go on with it. It stays readable."""
    _commit(session, (execution,))
    wake(execution.id, execution.organization_id)


def begin_row(row: Mapping[str, Any]) -> None:
    """Has a new execution run that is committed, by its row and its organization's timezone; tells the monitors."""
    news = {monitor_channel(row["organization_id"]): exact_json.dumps([execution_started(row)])}
    wake(row["id"], row["organization_id"], news, fresh=True, row=_carried(row))


def wake(
    execution_id: str,
    organization_id: str,
    news: Mapping[str, bytes] | None = None,
    *,
    fresh: bool = False,
    row: str = "",
) -> None:
    """Tells the workers that an execution has something to do, and publishes `news` by channel. Call after the commit.

    `fresh`: it is new, and this is its first wake-up; `row`: what a worker needs to know of it, as JSON (engine.runtime.runner).
    Redis may be down: then nothing is lost, the scheduler wakes it again once it is back.
    """
    try:
        first = (True, row) if fresh else ()
        runtime().broker.wake("run_execution", execution_id, organization_id, *first, news=news)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", execution_id=execution_id, error=str(error))


def _commit(session: Session, executions: tuple[Execution, ...]) -> None:
    session.flush()
    for execution in executions:
        session.expunge(execution)
    session.commit()


def _carried(row: Mapping[str, Any]) -> str:
    """What its first message carries of a new execution: nothing where it has to wait, or is large."""
    if not row["timezone"] or row["held"] or row["start_after"]:
        return ""
    text = dump_json({name: row[name] for name in FIRST_ROW})
    return text if len(text) <= MAX_CARRIED else ""
