"""Whoever started a job is told how it ended: where it failed, or took so long that they may have gone on with something else."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.models import Job, Member, Notification, Organization
from flowapp.notifications import changes, settings
from flowapp.records.jobs.service import result_of, title_of
from flowapp.texts import localized, say

KIND = "job"
LONG = timedelta(seconds=10)


def tell(session: Session, job: Job) -> None:
    """Writes the notification, once for each job. Nobody is told of what they cancelled themselves, or saw end."""
    if not _is_worth_it(job):
        return
    member = session.scalar(select(Member).where(Member.user_id == job.created_by))
    key = f"job:{job.id}"
    if member is None or session.scalar(select(Notification.id).where(Notification.source_key == key)):
        return
    wish = settings.wishes(session, job.organization_id, KIND, [member.user_id])[member.user_id]
    language = session.get_one(Organization, job.organization_id).language_for(member.user)
    failed, name = job.status == "failed", localized(title_of(job), language)
    title = say("“%(name)s” failed", name=name) if failed else say("“%(name)s” completed", name=name)
    row = Notification(
        user_id=member.user_id, kind=KIND, level="danger" if failed else "warning" if job.failed else "success",
        title=localized(title, language)[:300], body=localized(result_of(job), language), link=f"/jobs/{job.id}",
        source_key=key,
    )  # fmt: skip
    changes.write(session, wish, row)


def _is_worth_it(job: Job) -> bool:
    if job.status == "completed":
        return job.ended_at is not None and job.ended_at - job.created_at > LONG
    return job.status == "failed"
