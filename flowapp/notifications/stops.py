"""Alerts of workflows that were stopped: they start each other, or one touches one record too often. Once an hour each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import Email
from flowapp.engine.store.event_matching.limits import MOST_DEEP, MOST_TOUCHES, WITHIN, Stopped
from flowapp.models import Notification, Workflow, first_id
from flowapp.notifications.alerts import Alert, AlertText, email, mailed, notify
from flowapp.texts import say


def after_stops(session: Session, stopped: Sequence[Stopped], now: datetime) -> list[Alert]:
    """Announces each workflow of these that was not announced within the hour."""
    first = {(one.workflow.id, one.reason): one for one in reversed(stopped)}
    return [
        notify(session, one.workflow, "stopped", _text(session, one), f"{now:%Y%m%d%H%M%S}")
        for one in first.values()
        if not _told_lately(session, one, now)
    ]


def _told_lately(session: Session, one: Stopped, now: datetime) -> bool:
    told = select(Notification.id).where(
        Notification.organization_id == one.workflow.organization_id,
        Notification.id > first_id(now - WITHIN),
        Notification.link == _link(one.workflow, one.reason),
    )
    return session.scalar(told.limit(1)) is not None


def _link(workflow: Workflow, reason: str) -> str:
    return f"/workflows/{workflow.id}?stopped={reason}"


def _text(session: Session, one: Stopped) -> AlertText:
    record, event = f"{one.event.entity_type} {one.event.entity_id}".strip(), one.event.type
    if one.reason == "chain":
        cause = session.get(Workflow, one.event.by_workflow_id) if one.event.by_workflow_id else None
        body = say(
            "Workflows kept starting each other: %(count)s executions in a row. The last event, %(event)s (%(record)s), came "
            "from “%(cause)s”; it started nothing more. Change the workflows so that they do not start each other.",
            count=MOST_DEEP, event=event, record=record, cause=cause.name if cause else one.workflow.name,
        )  # fmt: skip
    else:
        body = say(
            "It caused more than %(count)s events about one record (%(record)s) within an hour. What it changes there now "
            "starts nothing more. Check whether it reacts to its own changes.",
            count=MOST_TOUCHES, record=record,
        )  # fmt: skip
    return AlertText(say("“%(name)s” was stopped", name=one.workflow.name), body, _link(one.workflow, one.reason))


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
