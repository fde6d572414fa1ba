"""What becomes of accounts and organizations is recorded as facts."""

from __future__ import annotations

from typing import Any

from flowapp.accounts import members
from flowapp.extensions import db
from flowapp.models import Event, Organization
from flowapp.models.tenancy import system_session, tenant_session


def test_accounts_and_organizations_record_facts(app: Any) -> None:
    with app.app_context():
        user = members.set_up(db.engine, name="Ann", email="ann@b.example", password="correct horse battery")
        members.note(db.engine, "user.signed_in", user)
        members.note(db.engine, "user.signed_out", user)
        with system_session(db.engine) as session:
            organization_id = session.query(Organization).one().id
        with tenant_session(db.engine, organization_id) as session:
            organization = session.get_one(Organization, organization_id)
            before = {"name": organization.name}
            organization.name = "Acme"
            members.tell_organization(session, organization, before, user.id)
            members.tell_organization(session, organization, {"name": "Acme"}, user.id)
            session.flush()
            events = session.query(Event).order_by(Event.id).all()
            assert {event.type for event in events} >= {
                "user.created", "organization.created", "user.logged_in", "user.logged_out", "organization.updated",
            }  # fmt: skip
            (changed,) = [event for event in events if event.type == "organization.updated"]
            assert changed.payload["changes"] == {"name": {"old": before["name"], "new": "Acme"}}
            assert changed.actor_id == user.id
