"""Erases what has been in the trash for thirty days (crm.trash)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.crm.trash.contents import DAYS, KINDS
from flowapp.crm.trash.erasing import purge
from flowapp.errors import InvalidError
from flowapp.models import utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.jobs import job, nightly
from flowapp.tasks.runtime import runtime
from flowapp.texts import say

PAUSE = 0.02  # seconds after each transaction: others write meanwhile


@job(
    N_("Erases contacts, companies, deals, tasks and notes that have been in the trash for 30 days."),
    when=N_("Every night at 03:00"),
    counts={"erased": N_("Erased")},
    due=nightly,
    button=True,
)
def run(days: int = DAYS) -> dict[str, int]:
    """How many were `erased`. `days`: instead of 30."""
    if days < 1:
        raise InvalidError.at("days", say("Enter how many days to keep: 1 or more."))
    current, before, erased = runtime(), utcnow() - timedelta(days=days), 0
    for kind, model in KINDS.items():
        with system_session(current.engine) as session:
            due = select(model.organization_id).where(model.deleted_at < before).distinct()
            organizations = session.scalars(due).all()
        for organization_id in organizations:
            while not current.stopping.is_set():
                with tenant_session(current.engine, organization_id) as session:
                    some = purge(session, kind, before)
                    session.commit()
                erased += some
                if not some or current.stopping.wait(PAUSE):
                    break
    return {"erased": erased}
