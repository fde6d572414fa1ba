"""Tells people how an execution ended, because somebody asked for it (the job send_workflow_notification)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog import Email
from flowapp.errors import NotFoundError
from flowapp.models import TEST, Execution, Organization, Workflow, read_id
from flowapp.notifications.alerts import AlertText, Kind, email, mailed, notify
from flowapp.texts import say

KINDS = ("completed", "failed", "cancelled")


def emails(
    session: Session, workflow: Workflow, kind: str, execution_id: str, *, key: str, url: str, sender_name: str
) -> list[Email]:
    """Notifies the workflow's readers in the app, records the event, and gives the e-mails. The caller commits."""
    execution = _meant(session, workflow, kind, execution_id)
    word: Kind = "completed" if kind == "completed" else "cancelled" if kind == "cancelled" else "failed"
    text = _text(workflow, word, execution)
    notify(session, workflow, word, text, key)
    payload = {"workflow_id": workflow.id, "name": workflow.name, "kind": kind, "execution_id": execution.id}
    about = ("workflow", workflow.id)
    cause = events.Cause(workflow_id=workflow.id, execution_id=execution.id)
    events.record(session, "automation.workflow.notified", entity=about, payload=payload, cause=cause)
    known = f"{workflow.id}.{kind}.{key}"
    organization = session.get_one(Organization, workflow.organization_id)
    return [
        email(user, text, organization.language_for(user), key=known, url=url, sender_name=sender_name)
        for user in mailed(session, workflow)
    ]


def _meant(session: Session, workflow: Workflow, kind: str, execution_id: str) -> Execution:
    """The execution that was named, else the last one that ended so. NotFoundError where there is none."""
    theirs = select(Execution).where(Execution.workflow_id == workflow.id, Execution.trigger_type != TEST)
    if execution_id:
        theirs = theirs.where(Execution.id == read_id(execution_id))
    else:
        statuses = ("completed", "goal_reached") if kind == "completed" else (kind,)
        theirs = theirs.where(Execution.status.in_(statuses))
    found = session.scalars(theirs.order_by(Execution.id.desc()).limit(1)).first()
    if found is None:
        raise NotFoundError(say("There is no such execution of this workflow."))
    return found


def _text(workflow: Workflow, kind: Kind, execution: Execution) -> AlertText:
    link = f"/executions/{execution.id}"
    if kind == "failed":
        body = say("An execution failed: %(reason)s", reason=execution.error_message[:1000])
        return AlertText(say("“%(name)s” failed", name=workflow.name), body, link)
    if kind == "cancelled":
        return AlertText(say("“%(name)s” was cancelled", name=workflow.name), say("An execution was cancelled."), link)
    return AlertText(say("“%(name)s” completed", name=workflow.name), say("An execution completed."), link)
