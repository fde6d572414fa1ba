"""The contact service: what it stores, refuses and records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp.crm import contacts
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models import Event
from flowapp.models.tenancy import tenant_session
from tests.support.tenant import make_tenant


@pytest.fixture
def session(app: Any) -> Iterator[Session]:
    with app.app_context():
        tenant = make_tenant(db.engine)
        with tenant_session(db.engine, tenant.organization_id) as session:
            yield session


def recorded(session: Session) -> list[Event]:
    return session.query(Event).order_by(Event.id).all()


def test_a_new_contact_is_told_of(session: Session) -> None:
    ann = contacts.create(
        session,
        {"email": " Ann@B.example ", "first_name": " Ann ", "last_name": "Lee", "fields": {"plan": "gold"}},
        cause=SYSTEM,
    )
    session.commit()
    assert (ann.email, ann.first_name, ann.timezone) == ("ann@b.example", "Ann", "")
    event = recorded(session)[0]
    assert (event.type, event.entity_type, event.entity_id) == ("contact.created", "contact", ann.id)
    assert event.payload["contact"] == {
        "plan": "gold", "id": ann.id, "number": 1, "email": "ann@b.example", "emails": ["ann@b.example"], "first_name": "Ann", "last_name": "Lee",
        "timezone": "", "name": "Ann Lee", "phone": "", "language": "", "score": 0, "consent": "unknown", "owner_id": None,
        "company_id": None,
    }  # fmt: skip
    assert (event.payload["contact_id"], event.payload["contact_name"]) == (ann.id, "Ann Lee")


def test_a_change_says_what_was_and_what_is(session: Session) -> None:
    ann = contacts.create(session, {"email": "ann@b.example", "fields": {"plan": "silver", "seats": 3}}, cause=SYSTEM)
    contacts.update(
        session, ann, {"first_name": "Ann", "fields": {"plan": "gold", "seats": None, "new": [1]}}, cause=SYSTEM
    )
    session.commit()
    assert ann.fields == {"plan": "gold", "new": [1]}
    assert recorded(session)[1].payload["changes"] == {
        "plan": {"old": "silver", "new": "gold"},
        "seats": {"old": 3, "new": None},
        "new": {"old": None, "new": [1]},
        "first_name": {"old": "", "new": "Ann"},
        "name": {"old": "ann@b.example", "new": "Ann"},
    }


def test_what_changes_nothing_is_no_news(session: Session) -> None:
    ann = contacts.create(session, {"email": "ann@b.example", "fields": {"plan": "gold"}}, cause=SYSTEM)
    contacts.update(session, ann, {"email": "ANN@b.example", "fields": {"plan": "gold", "x": None}}, cause=SYSTEM)
    assert [event.type for event in recorded(session)] == ["contact.created"]


def test_found_by_address_and_by_id(session: Session) -> None:
    ann = contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    assert contacts.find(session, " ANN@b.example ") is ann
    assert contacts.find(session, ann.id) is ann
    for nobody in ("bob@b.example", "7", "01900000-0000-7000-8000-000000000000"):
        with pytest.raises(NotFoundError):
            contacts.find(session, nobody)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "ann@b.example"}, "email"),
        ({"email": "c@b.example", "timezone": "Mars/Base"}, "timezone"),
        ({"email": "c@b.example", "first_name": "x" * 201}, "first_name"),
        ({"email": "c@b.example", "fields": {"email": "x"}}, "fields.email"),
        ({"email": "c@b.example", "fields": {"name": "x"}}, "fields.name"),
    ],
)
def test_what_cannot_be_stored_is_refused(session: Session, data: dict[str, Any], path: str) -> None:
    contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    with pytest.raises(InvalidError) as caught:
        contacts.create(session, data, cause=SYSTEM)
    assert caught.value.problems[0].path == path
    session.commit()
    assert len(recorded(session)) == 1


def test_an_address_belongs_to_one_contact(session: Session) -> None:
    contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    bob = contacts.create(session, {"email": "bob@b.example"}, cause=SYSTEM)
    with pytest.raises(InvalidError, match="address already"):
        contacts.update(session, bob, {"email": "ann@b.example"}, cause=SYSTEM)
