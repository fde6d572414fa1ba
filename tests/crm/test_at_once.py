"""Two who save the same at once: the second is told so, and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp.accounts import invitations
from flowapp.accounts.members import make_user
from flowapp.crm import contacts, fields
from flowapp.errors import ConflictError, InvalidError
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models import Invitation, Member, User, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.tenant import Tenant, make_tenant


def test_two_fields_of_one_key(session: Session, tenant: Tenant) -> None:
    assert fields.of(session, "contact") == []  # read before the other one writes
    session.commit()
    session.info["field_defs"] = {"contact": []}
    with tenant_session(db.engine, tenant.organization_id) as other:
        fields.create(other, {"object": "contact", "label": "Plan"})
        other.commit()
    with pytest.raises(InvalidError) as caught:
        fields.create(session, {"object": "contact", "label": "Plan"})
    assert (caught.value.status, caught.value.problems[0].path) == (409, "key")


def test_one_new_address_joins_two_organizations(tenant: Tenant) -> None:
    both = [tenant, make_tenant(db.engine, "Other")]
    with system_session(db.engine) as system:
        invited = [
            Invitation(
                organization_id=one.organization_id, email="new@b.example", role="viewer", token_hash=f"h{at}",
                invited_by=one.user_id, expires_at=utcnow(),
            )
            for at, one in enumerate(both)
        ]  # fmt: skip
        system.add_all(invited)
        system.commit()
        for one in invited:
            system.refresh(one)
        system.expunge_all()
    people = [make_user(name="New", email="new@b.example", password="correct horse battery") for _ in both]
    invitations.accept(db.engine, invited[0], people[0])
    with pytest.raises(ConflictError, match="just made"):
        invitations.accept(db.engine, invited[1], people[1])
    with system_session(db.engine) as system:
        (user,) = system.query(User).filter_by(email="new@b.example")
        assert system.query(Member).filter_by(user_id=user.id).count() == 1
        assert system.query(Invitation).count() == 1, "it can still be used"


def test_long_values_of_a_unique_field_differ_at_their_end(session: Session) -> None:
    fields.create(session, {"object": "contact", "label": "Text", "type": "long_text", "unique": True})
    for end in ("a", "b"):
        data = {"email": f"{end}@b.example", "fields": {"text": "x" * 600 + end}}
        contacts.create(session, data, cause=SYSTEM)
    with pytest.raises(InvalidError, match="Another record"):
        contacts.create(session, {"email": "c@b.example", "fields": {"text": "X" * 600 + "A"}}, cause=SYSTEM)


def test_a_field_becomes_unique_a_few_records_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "AT_ONCE", 2)
    field = fields.create(session, {"object": "contact", "label": "Card"})
    for at in range(5):
        contacts.create(session, {"email": f"{at}@b.example", "fields": {"card": str(min(at, 3))}}, cause=SYSTEM)
    session.commit()
    with pytest.raises(InvalidError, match="Another record"):
        fields.update(session, field, {"unique": True})
    session.rollback()
    contacts.update(session, contacts.find(session, "4@b.example"), {"fields": {"card": "4"}}, cause=SYSTEM)
    fields.update(session, fields.get(session, "card"), {"unique": True})
    with pytest.raises(InvalidError, match="Another record"):
        contacts.create(session, {"email": "x@b.example", "fields": {"card": "0"}}, cause=SYSTEM)


@pytest.mark.parametrize("path", ["/contacts/?tag=%00", "/deals/?status=%00", "/contacts/?search=a%00"])
def test_a_query_that_no_text_holds(app: Any, tenant: Tenant, path: str) -> None:
    answer = app.test_client().get(f"/api/v1{path}", headers=tenant.headers)
    assert (answer.status_code, len(answer.json["errors"])) == (422, 1)
