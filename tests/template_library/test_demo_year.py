"""The example's year: the services write it, dated as it went, and it starts no workflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from flowapp.crm import fields, timeline
from flowapp.events.crm import IN_TIMELINES
from flowapp.extensions import db
from flowapp.models import Company, Contact, ContactList, Deal, Event, Execution, Job, Member, Note, Tag, Task
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import runtime
from flowapp.tasks.jobs import run_job
from flowapp.template_library.demo_year import Size, make, seeding
from tests.cli.test_commands import run, superuser
from tests.support.browser import PASSWORD, Browser

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SMALL = Size(40, 6, 8)


def counts(session: Any, *models: Any) -> list[int]:
    return [session.scalar(select(func.count()).select_from(model)) for model in models]


def test_the_same_seed_makes_the_same_year() -> None:
    first = make(SMALL, "fr", NOW, 7)
    make.cache_clear()
    assert make(SMALL, "fr", NOW, 7) == first
    assert make(SMALL, "fr", NOW, 8) != first
    assert make(SMALL, "en", NOW, 7) != first
    assert [one.at for one in first] == sorted(one.at for one in first)
    assert all(NOW - timedelta(days=365) <= one.at < NOW for one in first)


def test_a_year_of_records_by_the_command(app: Any) -> None:
    superuser(app)
    assert "40 contacts, 6 companies and 8 deals" in run(app, "seed-demo", "--contacts", "40", "--language", "fr")
    with app.app_context(), system_session(db.engine) as session:
        organization_id = session.scalars(select(Member.organization_id)).one()
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        before = counts(session, Contact, Company, Deal, Event)
        assert before[:3] == [40, 6, 8]
        assert all(counts(session, Task, Note, Tag, ContactList))
        assert session.scalar(select(func.min(Contact.created_at))) < datetime.now(UTC) - timedelta(days=200)
        assert [field.key for field in fields.of(session, "company")] == ["industry", "employees"]
        deal = session.scalars(select(Deal).where(Deal.status != "open").limit(1)).one()
        told = timeline.of(session, deal).rows
        assert {entry["by"]["kind"] for entry in told} == {"person"}
        assert told[-1]["type"] == "deal.created" and told[-1]["at"] == deal.created_at.isoformat()
        assert deal.created_at < deal.closed_at == deal.stage_entered_at < datetime.now(UTC)
        phones = session.scalars(select(Contact.phone).where(Contact.phone != "")).all()
        assert phones and all(phone.startswith("+33199") for phone in phones)
        assert (
            session.scalar(select(func.count()).where(Event.silent.is_(False), Event.entity_type.in_(IN_TIMELINES)))
            == 0
        )
        started = counts(session, Execution)
    assert "contacts" not in run(app, "seed-demo", "--contacts", "40")
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        assert counts(session, Contact, Company, Deal, Event)[:3] == before[:3]
        assert counts(session, Execution) == started


def test_the_first_visit_has_a_job_fill_it(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding, "CONTACTS", SMALL.contacts)
    browser = Browser(app)
    form = {
        "name": "Ada", "email": "ada@example.com", "password": PASSWORD, "organization": "Analytical Engines", "demo": "y",
        "records": "y",
    }  # fmt: skip
    browser.post("/setup", form)
    with app.app_context():
        with system_session(runtime().engine) as session:
            job_id, organization_id = session.execute(select(Job.id, Job.organization_id)).one()
        run_job.run(job_id, organization_id)
        with tenant_session(runtime().engine, organization_id) as session:
            job = session.get_one(Job, job_id)
            assert (job.status, job.done, job.failed) == ("completed", job.total, 0)
            assert counts(session, Contact, Company, Deal) == [40, 6, 8]
            started = session.scalars(select(Execution)).all()
            assert started and {one.trigger_entity_type for one in started} == {"deal"}
