"""Tells whoever connected a service that its credentials expire: two weeks before, a day before, and when they have."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.integrations.credentials import WARNED_BEFORE
from flowapp.models import Integration, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.notifications import connections
from flowapp.tasks.jobs import hourly, job
from flowapp.tasks.runtime import runtime
from flowapp.texts import say

_AT_LAST = timedelta(days=1)


@job(
    N_("Warns of credentials of integrations that will expire soon."),
    when=N_("Every hour"),
    counts={"told": N_("Notified")},
    due=hourly,
    button=True,
)
def run() -> dict[str, int]:
    """How many people were told."""
    engine, now, told = runtime().engine, utcnow(), 0
    with system_session(engine) as system:
        due = system.execute(
            select(Integration.organization_id, Integration.id).where(
                Integration.credentials_expire_at < now + WARNED_BEFORE, Integration.is_active
            )
        ).all()
    for organization_id, integration_id in due:
        with tenant_session(engine, organization_id) as session:
            told += _warn(session, session.get(Integration, integration_id), now)
            session.commit()
    return {"told": told}


def _warn(session: Session, row: Integration | None, now: datetime) -> int:
    at = row.credentials_expire_at if row is not None else None
    if row is None or at is None:
        return 0
    stage = "expired" if at <= now else "day" if at <= now + _AT_LAST else "soon"
    if stage == "expired":
        title = say("The credentials of “%(name)s” have expired", name=row.name)
        body = say("Steps that use it fail now. Enter new credentials.")
    else:
        title = say("The credentials of “%(name)s” will expire soon", name=row.name)
        body = say("They expire on %(date)s (UTC). Enter new ones before that; steps that use them fail afterwards.", date=f"{at:%Y-%m-%d %H:%M}")  # fmt: skip
    key = f"expiry:{row.id}:{at:%y%m%d%H%M}:{stage[0]}"
    return connections.tell(session, row, title, body, key=key, level="danger" if stage == "expired" else "warning")
