"""What follows an execution's end, besides what its own transaction wrote: free places, and parents to wake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from flowapp.engine.runtime.recorder import end_of
from flowapp.engine.store import admission
from flowapp.errors import UnavailableError
from flowapp.executions.following import ENDED
from flowapp.logs import get_logger
from flowapp.models import Execution
from flowapp.models.tenancy import tenant_session
from flowapp.notifications.changes import MAILED, NOTIFIED
from flowapp.tasks import jobs
from flowapp.tasks.runtime import runtime

_AFTER = (ENDED, MAILED, NOTIFIED)
log = get_logger(__name__)


def ended(row: Mapping[str, Any]) -> None:
    """Called after the commit of an end. Nothing here must happen: the scheduler makes up for what is missed."""
    parent = (row["options"] or {}).get("parent")
    if parent:
        runtime().bus.wake(parent[0], row["organization_id"])
    if row["concurrency_key"] is not None:
        release(row["workflow_id"], row["organization_id"], row["concurrency_key"])


def release(workflow_id: str, organization_id: str, key: str) -> None:
    """Admits held executions of a workflow with that concurrency key, and has them run."""
    with tenant_session(runtime().engine, organization_id) as session:
        wake_ups = admission.release(session, workflow_id, runtime().clock.now(), key)
        session.commit()
    for wake_up in wake_ups:
        runtime().bus.wake(*wake_up)


def announce_ends(executions: list[Execution]) -> None:
    """Tells who watches, and who waits, that executions were ended from outside. Call after the commit."""
    for execution in executions:
        runtime().bus.publish(execution.organization_id, execution.id, [end_of(execution)])
        row = {
            name: getattr(execution, name) for name in ("options", "concurrency_key", "workflow_id", "organization_id")
        }
        ended(row)


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    """What services did on the way that others hear of after the commit: no caller has to think of it."""
    if session.in_nested_transaction():  # a savepoint is released by it, too
        return
    ended, mailed, notified = (session.info.pop(name, None) for name in _AFTER)
    if ended:
        with tenant_session(runtime().engine, session.info["organization_id"]) as another:
            announce_ends(list(another.scalars(select(Execution).where(Execution.id.in_(ended)))))
    if notified:
        runtime().bus.tell_members(notified)
    if mailed:
        _mail(session.info["organization_id"], mailed)


def _mail(organization_id: str, ids: list[str]) -> None:
    """In the app they are told already: a broker that does not respond is no fault of who wrote."""
    try:
        jobs.send("send_notification_emails", organization_id=organization_id, ids=",".join(ids))
    except UnavailableError:
        log.warning("broker does not respond, a notification is not e-mailed")


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():
        for name in _AFTER:
            session.info.pop(name, None)
