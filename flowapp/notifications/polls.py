"""Alerts of triggers whose polls keep failing: told once, until one goes well again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from flowapp.models import Notification, Organization, TriggerPoll, Workflow
from flowapp.notifications import changes, settings
from flowapp.notifications.alerts import KIND, readers
from flowapp.texts import localized, say

ALERT_AFTER = 5  # failures in a row
PATIENCE = timedelta(hours=1)  # with a service that asks to wait: minutes of that are nothing to tell of


def after_failure(session: Session, workflow: Workflow, poll: TriggerPoll, now: datetime) -> None:
    """Tells the readers of the workflow, where it has failed often enough and they do not know it yet. The caller commits."""
    if poll.failures < ALERT_AFTER or poll.alerted_at is not None:
        return
    if poll.status == "busy" and poll.polled_at is not None and now - poll.polled_at < PATIENCE:
        return
    poll.alerted_at = now
    organization, people = session.get_one(Organization, workflow.organization_id), readers(session, workflow)
    wishes = settings.wishes(session, organization.id, KIND, [user.id for user in people])
    title = say("“%(name)s” cannot check for what is new", name=workflow.name)
    body = say(
        "The last %(count)s checks failed, so nothing new starts it. It keeps trying, and nothing is lost meanwhile. "
        "Latest error: %(reason)s",
        count=poll.failures, reason=poll.error,
    )  # fmt: skip
    for user in people:
        language = organization.language_for(user)
        row = Notification(
            organization_id=organization.id, user_id=user.id, kind=KIND, level="danger",
            title=localized(title, language)[:300], body=localized(body, language), link=f"/workflows/{workflow.id}",
        )  # fmt: skip
        changes.write(session, wishes[user.id], row)
