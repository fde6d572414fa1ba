"""Failure alerts: a workflow that keeps failing is announced once, and once more when it works again.

The notifications are written in the caller's transaction, with the mark (`Workflow.alerted_at`) that keeps them from
being written twice; e-mails follow after the commit (the job send_workflow_notification).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from flowapp.catalog import Email
from flowapp.engine.language.workflow_config import stored_config
from flowapp.models import TEST, Event, Execution, Member, Notification, Organization, User, Version, Workflow
from flowapp.notifications import settings
from flowapp.texts import localized, say

Kind = Literal["failing", "recovered", "stopped", "completed", "failed", "cancelled"]
KINDS = ("failing", "recovered", "stopped")
KIND = "alert"  # of notifications.settings
READERS = ("owner", "admin", "editor")
AT_ONCE = 200
_LEVELS = {"recovered": "success", "completed": "success", "cancelled": "warning"}
MOST_SAID = 1000  # characters of the error
_SUCCESSES = ("completed", "goal_reached")


@dataclass(frozen=True, slots=True)
class Alert:
    """What is to be told by e-mail too, once the transaction is committed. `key` is the same for the same alert."""

    workflow_id: str
    kind: Kind
    key: str


def after_failures(session: Session, failures: Sequence[Event], now: datetime) -> list[Alert]:
    """Announces each workflow of these failed executions that has now failed often enough in a row."""
    last = {event.payload.get("workflow_id"): event for event in failures}
    return [alert for event in last.values() if (alert := _after_failure(session, event, now))]


def _after_failure(session: Session, event: Event, now: datetime) -> Alert | None:
    failed = session.get(Execution, event.entity_id)
    if failed is None or failed.trigger_type == TEST:
        return None
    definition = session.scalar(select(Version.definition).where(Version.id == failed.version_id))
    often = stored_config(definition or {}).alert_after
    if not often or in_a_row(session, failed.workflow_id, often) < often:
        return None
    workflow = session.get_one(Workflow, failed.workflow_id)
    if not _mark(session, workflow.id, None, now):
        return None
    return _announce(session, workflow, "failing", f"{now:%Y%m%d%H%M%S}")


def recoveries(session: Session, now: datetime) -> list[Alert]:
    """Announces each workflow whose failures were announced, and whose last execution went well."""
    known = session.scalars(select(Workflow).where(Workflow.alerted_at.is_not(None)).limit(AT_ONCE)).all()
    recovered = []
    for workflow in known:
        outcomes, since = _outcomes(session, workflow.id, 1), workflow.alerted_at
        if outcomes and outcomes[0] in _SUCCESSES and _mark(session, workflow.id, since, None):
            recovered.append(_announce(session, workflow, "recovered", f"{now:%Y%m%d%H%M%S}"))
    return recovered


def in_a_row(session: Session, workflow_id: str, limit: int) -> int:
    """How many of the workflow's last executions failed without a success after them; `limit` at most."""
    outcomes = _outcomes(session, workflow_id, limit)
    return next((at for at, status in enumerate(outcomes) if status in _SUCCESSES), len(outcomes))


def _outcomes(session: Session, workflow_id: str, limit: int) -> list[str]:
    """How the last executions ended, newest first; tests, cancelled and skipped ones left out."""
    counted = (
        Execution.workflow_id == workflow_id,
        Execution.status.in_((*_SUCCESSES, "failed")),
        Execution.trigger_type != TEST,
    )
    return list(session.scalars(select(Execution.status).where(*counted).order_by(Execution.id.desc()).limit(limit)))


def _mark(session: Session, workflow_id: str, before: datetime | None, after: datetime | None) -> bool:
    """Whether this transaction is the one that announces."""
    was = Workflow.alerted_at.is_(None) if before is None else Workflow.alerted_at == before
    changed = session.execute(
        update(Workflow)
        .where(Workflow.id == workflow_id, was)
        .values(alerted_at=after, updated_at=Workflow.updated_at)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount == 1)  # type: ignore[attr-defined]


def _announce(session: Session, workflow: Workflow, kind: Kind, key: str) -> Alert:
    return notify(session, workflow, kind, _text(session, workflow, kind), key)


def notify(session: Session, workflow: Workflow, kind: Kind, text: AlertText, key: str) -> Alert:
    """Tells the readers of the workflow in the app."""
    organization, people = session.get_one(Organization, workflow.organization_id), readers(session, workflow)
    wishes = settings.wishes(session, organization.id, KIND, [user.id for user in people])
    for user in people:
        language = organization.language_for(user)
        title, body = localized(text.title, language)[:300], localized(text.body, language)
        level = _LEVELS.get(kind, "danger")
        row = Notification(
            organization_id=workflow.organization_id, user_id=user.id, kind=KIND, level=level, title=title, body=body,
            link=text.link,
        )  # fmt: skip
        session.add(settings.told(wishes[user.id], row))
    return Alert(workflow.id, kind, key)


def readers(session: Session, workflow: Workflow) -> list[User]:
    """Who is told: editors and higher, and whoever made the workflow while they are a member; by e-mail address."""
    recipients = or_(Member.role.in_(READERS), Member.user_id == workflow.created_by)
    members = session.scalars(select(Member).where(Member.organization_id == workflow.organization_id, recipients))
    return sorted((member.user for member in members), key=lambda user: user.email)


def mailed(session: Session, workflow: Workflow) -> list[User]:
    """Those of them who want it by e-mail."""
    return settings.by_email(session, workflow.organization_id, KIND, readers(session, workflow))


@dataclass(frozen=True, slots=True)
class AlertText:
    """What is told; `link` is a path of the application."""

    title: str
    body: str
    link: str


def _text(session: Session, workflow: Workflow, kind: Kind) -> AlertText:
    if kind == "recovered":
        title = say("“%(name)s” works again", name=workflow.name)
        return AlertText(title, say("Its latest execution succeeded."), f"/workflows/{workflow.id}")
    last = session.scalars(
        select(Execution)
        .where(Execution.workflow_id == workflow.id, Execution.status == "failed")
        .order_by(Execution.id.desc())
        .limit(1)
    ).first()
    reason = last.error if last else ""
    if len(reason) > MOST_SAID:
        reason = reason[:MOST_SAID]  # English: a part of a message is none
    link = f"/executions/{last.id}" if last else f"/workflows/{workflow.id}"
    body = say("It has failed several times in a row. Latest error: %(reason)s", reason=reason)
    return AlertText(say("“%(name)s” keeps failing", name=workflow.name), body, link)


def emails(session: Session, workflow: Workflow, kind: Kind, *, key: str, url: str, sender_name: str) -> list[Email]:
    """The e-mails of an alert, one for each reader, in their language. `url` is where the application is."""
    text, organization = _text(session, workflow, kind), session.get_one(Organization, workflow.organization_id)
    key = f"{workflow.id}.{kind}.{key}"
    return [
        email(user, text, organization.language_for(user), key=key, url=url, sender_name=sender_name)
        for user in mailed(session, workflow)
    ]


def email(user: User, text: AlertText, language: str = "", *, key: str, url: str, sender_name: str) -> Email:
    """The text for one reader; in `language` where it was not put into one yet."""
    return Email(
        [user.email],
        " ".join(localized(text.title, language).split()),
        f"{localized(text.body, language)}\n\n{url}{text.link}\n",
        sender_name=sender_name,
        message_id=f"<{key}.{user.id}@flowapp>",
    )
