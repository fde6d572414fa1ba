"""Erases what has been in the trash for thirty days (crm.trash)."""

from __future__ import annotations

from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.crm.trash.contents import DAYS, KINDS
from flowapp.crm.trash.erasing import purge
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.jobs import PAUSE, job, kept_since, nightly
from flowapp.tasks.runtime import runtime


@job(
    N_("Erases contacts, companies, deals, tasks and notes that have been in the trash for 30 days."),
    when=N_("Every night at 03:00"),
    counts={"erased": N_("Erased")},
    due=nightly,
    button=True,
)
def run(days: int = DAYS) -> dict[str, int]:
    """How many were `erased`. `days`: instead of 30."""
    current, before, erased = runtime(), kept_since(days), 0
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
