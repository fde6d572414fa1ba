"""Alerts of workflows that were stopped: they start each other, or one touches one record too often. Once an hour each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import Email
from flowapp.engine.store.event_matching.limits import MOST_DEEP, MOST_TOUCHES, WITHIN, Reason, Stopped
from flowapp.models import Notification, Workflow, first_id
from flowapp.notifications.alerts import Alert, AlertText, email, mailed, notify
from flowapp.texts import say


def after_stops(session: Session, stopped: Sequence[Stopped], now: datetime) -> list[Alert]:
    """Announces each workflow of these that was not announced within the hour."""
    first = {(one.workflow.id, one.reason): one for one in reversed(stopped)}
    told = (_tell(session, one.workflow, one.reason, _text(session, one), now) for one in first.values())
    return [alert for alert in told if alert]


def after_call(session: Session, workflow: Workflow, caller_id: str, now: datetime) -> list[Alert]:
    """The same of a workflow whose webhook was called by the last of too many executions in a row."""
    caller = session.get(Workflow, caller_id) or workflow
    body = say(
        "Workflows kept calling each other's webhooks: %(count)s executions in a row. The last call came from “%(cause)s”; "
        "it started nothing more. Change the workflows so that they do not call each other.",
        count=MOST_DEEP + 1, cause=caller.name,
    )  # fmt: skip
    alert = _tell(session, workflow, "chain", body, now)
    return [alert] if alert else []


def _tell(session: Session, workflow: Workflow, reason: Reason, body: str, now: datetime) -> Alert | None:
    """None where it was told within the hour."""
    if _told_lately(session, workflow, reason, now):
        return None
    text = AlertText(say("“%(name)s” was stopped", name=workflow.name), body, _link(workflow, reason))
    return notify(session, workflow, "stopped", text, f"{now:%Y%m%d%H%M%S}")


def _told_lately(session: Session, workflow: Workflow, reason: Reason, now: datetime) -> bool:
    told = select(Notification.id).where(
        Notification.organization_id == workflow.organization_id,
        Notification.id > first_id(now - WITHIN),
        Notification.link == _link(workflow, reason),
    )
    return session.scalar(told.limit(1)) is not None


def _link(workflow: Workflow, reason: str) -> str:
    return f"/workflows/{workflow.id}?stopped={reason}"


def _text(session: Session, one: Stopped) -> str:
    record, event = f"{one.event.entity_type} {one.event.entity_id}".strip(), one.event.type
    if one.reason == "chain":
        cause = session.get(Workflow, one.event.by_workflow_id) if one.event.by_workflow_id else None
        return say(
            "Workflows kept starting each other: %(count)s executions in a row. The last event, %(event)s (%(record)s), came "
            "from “%(cause)s”; it started nothing more. Change the workflows so that they do not start each other.",
            count=MOST_DEEP, event=event, record=record, cause=cause.name if cause else one.workflow.name,
        )  # fmt: skip
    return say(
        "It caused more than %(count)s events about one record (%(record)s) within an hour. What it changes there now "
        "starts nothing more. Check whether it reacts to its own changes.",
        count=MOST_TOUCHES, record=record,
    )  # fmt: skip


def emails(session: Session, workflow: Workflow, *, key: str, url: str, sender_name: str) -> list[Email]:
    """What its readers were told in the app last, by e-mail."""
    links = [_link(workflow, reason) for reason in ("chain", "record")]
    found = []
    for user in mailed(session, workflow):
        of_user = select(Notification).where(Notification.user_id == user.id, Notification.link.in_(links))
        told = session.scalars(of_user.order_by(Notification.id.desc()).limit(1)).first()
        if told is not None:
            text, known = AlertText(told.title, told.body, told.link), f"{workflow.id}.stopped.{key}"
            found.append(email(user, text, key=known, url=url, sender_name=sender_name))
    return found
