"""Starts workflows for contacts, companies and deals with which nothing has happened for some days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.entities import ENTITIES, View
from flowapp.crm import companies, contacts, deals
from flowapp.engine.store.event_matching.starts import begin_silent
from flowapp.models import Company, Contact, Deal, Trigger, Version, Workflow, iso
from flowapp.models.crm.base import Owned
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.jobs import Result, daily_at, job
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start
from flowapp.triggers.crm.inactivity_delay import InactivityDelayParams

AT_ONCE = 500
Silent = Owned
_VIEWS: dict[str, tuple[type[Silent], Callable[..., View]]] = {
    "contact": (Contact, contacts.view),
    "company": (Company, companies.view),
    "deal": (Deal, deals.view),
}


@job(
    N_("Starts workflows for contacts, companies and deals that have been without activity for some days."),
    when=N_("Every night at 02:00"),
    counts={"started": N_("Started")},
    due=daily_at(2),
    button=True,
)
def run() -> Result:
    """How many executions were `started`: one for each record and silence."""
    with system_session(runtime().engine) as session:
        which = (Trigger.trigger_type == "inactivity_delay", Trigger.is_active, Workflow.status == "active")
        found = select(Trigger.id, Trigger.organization_id).join(Workflow, Workflow.id == Trigger.workflow_id)
        triggers = session.execute(found.where(*which).order_by(Trigger.id)).all()
    return {"started": sum(_check(row.id, row.organization_id) for row in triggers)}


def _check(trigger_id: str, organization_id: str) -> int:
    now, started, last = runtime().clock.now(), 0, ""
    while True:
        with tenant_session(runtime().engine, organization_id) as session:
            listener = session.execute(
                select(Trigger, Workflow, Version)
                .join(Workflow, Workflow.id == Trigger.workflow_id)
                .join(Version, Version.id == Workflow.published_version_id)
                .where(Trigger.id == trigger_id)
            ).first()
            if listener is None:
                return started
            config = InactivityDelayParams.model_validate(listener[0].config)
            silent = _silent(session, config, now, last)
            executions = begin_silent(
                session, (listener[0], listener[1], listener[2]), list(_inputs(config.entity, silent, now))
            )
            last = silent[-1].id if silent else ""
            commit_and_start(session, *executions)
            started += len(executions)
            if len(silent) < AT_ONCE:
                return started


def _silent(session: Session, config: InactivityDelayParams, now: datetime, after: str) -> Sequence[Silent]:
    model, _ = _VIEWS[config.entity]
    lately = func.coalesce(model.last_activity_at, model.created_at)
    wanted = select(model).where(lately < now - timedelta(days=config.days), model.deleted_at.is_(None))
    if after:
        wanted = wanted.where(model.id > after)
    if model is Deal:
        wanted = wanted.where(Deal.status == "open")
    return session.scalars(wanted.order_by(model.id).limit(AT_ONCE)).all()


def _inputs(entity: str, records: Sequence[Silent], now: datetime) -> Iterator[tuple[tuple[str, str], View, str]]:
    """Of each record what it is, the input, and what tells this silence from others."""
    _, view_of = _VIEWS[entity]
    for record in records:
        since = record.last_activity_at or record.created_at
        view = view_of(record)
        told = {"inactive_days": (now - since).days, "last_activity_at": iso(since), "owner_id": record.owner_id}
        yield (entity, record.id), {**ENTITIES[entity].names(view), **told}, f"{record.id}:{iso(since)}"
