"""Contacts and companies beyond their first fields: phones, owners, companies, custom fields, the trash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, fields
from flowapp.errors import InvalidError, NotFoundError, UnsuitableError
from flowapp.events import SYSTEM, Cause
from flowapp.models import Contact, Organization
from tests.crm.conftest import recorded, types
from tests.support.tenant import Tenant


def person(session: Session, **data: Any) -> Contact:
    return contacts.create(session, {"email": "ann@b.example", **data}, cause=SYSTEM)


@pytest.mark.parametrize(
    ("locale", "written", "kept"),
    [
        ("", "+33 1 23 45 67 89", "+33123456789"),
        ("fr-FR", "01 23 45 67 89", "+33123456789"),
        ("en-US", "(415) 555-2671", "+14155552671"),
        ("fr-FR", "", ""),
    ],
)
def test_phones_are_kept_as_the_world_dials_them(session: Session, locale: str, written: str, kept: str) -> None:
    session.get_one(Organization, session.info["organization_id"]).locale = locale
    assert person(session, phone=written).phone == kept


def test_a_contact_belongs_to_a_company_and_has_an_owner(session: Session, tenant: Tenant) -> None:
    acme = companies.create(session, {"nom": "Acme", "domain": "https://www.acme.example/about"}, cause=SYSTEM)
    ann = person(session, company="ACME", owner=tenant.email, language="FR", score=5, consent="granted")
    assert (ann.company_id, ann.owner_id, ann.language, ann.score) == (acme.id, tenant.user_id, "fr", 5)
    assert (acme.domain, acme.currency) == ("acme.example", "EUR")
    event = recorded(session)[-1]
    assert (event.payload["owner_id"], event.payload["contact"]["company_id"]) == (tenant.user_id, acme.id)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": "call me"}, "phone"),
        ({"language": "French"}, "language"),
        ({"score": "many"}, "score"),
        ({"score": 10**12}, "score"),
        ({"consent": "maybe"}, "consent"),
        ({"owner_id": "stranger@b.example"}, "owner_id"),
        ({"company_id": "Nobody"}, "company_id"),
        ({"first_name": ["x"]}, "first_name"),
    ],
)
def test_what_a_contact_cannot_have(session: Session, data: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        person(session, **data)
    assert caught.value.problems[0].path == path


def test_a_cause_stands_in_the_event(session: Session, tenant: Tenant) -> None:
    ann = person(session)
    contacts.update(session, ann, {"score": 3}, cause=Cause(tenant.user_id))
    told = recorded(session)[-1]
    assert (told.type, told.actor_id, told.payload["changes"]) == (
        "contact.updated", tenant.user_id, {"score": {"old": 0, "new": 3}},
    )  # fmt: skip


def test_points_add_up_and_end_at_nought(session: Session) -> None:
    ann = person(session, score=5)
    assert contacts.add_score(session, ann, 10, cause=SYSTEM).score == 15
    assert contacts.add_score(session, ann, -40, cause=SYSTEM).score == 0
    contacts.add_score(session, ann, -1, cause=SYSTEM)
    assert types(session) == ["contact.created", "contact.updated", "contact.updated"]


def test_the_trash_gives_back(session: Session) -> None:
    ann = person(session)
    for _ in range(2):
        contacts.delete(session, ann, cause=SYSTEM)
    with pytest.raises(NotFoundError):
        contacts.get(session, ann.id)
    assert contacts.by_email(session, ann.email) is None
    with pytest.raises(UnsuitableError, match="trash"):
        person(session)
    contacts.restore(session, contacts.get(session, ann.id, trashed=True), cause=SYSTEM)
    assert contacts.find(session, "ann@b.example") is ann
    assert types(session) == ["contact.created", "contact.deleted", "contact.restored"]


def test_a_company_in_a_stage(session: Session) -> None:
    acme = companies.create(
        session, {"name": "Acme", "pipeline_stage": "proposition", "montant_potentiel": "60 000"}, cause=SYSTEM
    )
    assert (acme.pipeline_stage, acme.montant_potentiel) == ("PROPOSITION", Decimal(60000))
    companies.update(session, acme, {"nom": "Acme SA", "montant_potentiel": 60000}, cause=SYSTEM)
    assert recorded(session)[-1].payload["changes"] == {
        "name": {"old": "Acme", "new": "Acme SA"}, "nom": {"old": "Acme", "new": "Acme SA"},
    }  # fmt: skip
    for data, path in (
        ({"name": ""}, "name"),
        ({"pipeline_stage": "Nowhere"}, "pipeline_stage"),
        ({"domain": "a b"}, "domain"),
    ):
        with pytest.raises(InvalidError) as caught:
            companies.update(session, acme, data, cause=SYSTEM)
        assert caught.value.problems[0].path == path


def field(session: Session, **data: Any) -> None:
    fields.create(session, {"object": "company", "label": "Size", **data})


def test_an_unset_field_is_null_and_a_typo_is_refused(session: Session) -> None:
    field(session, type="number")
    acme = companies.create(session, {"name": "Acme"}, cause=SYSTEM)
    assert companies.view(acme)["size"] is None
    with pytest.raises(InvalidError, match=r"no such field.*size"):
        companies.update(session, acme, {"fields": {"siez": 1}}, cause=SYSTEM)
    companies.update(session, acme, {"fields": {"size": "12"}}, cause=SYSTEM)
    assert recorded(session)[-1].payload["changes"] == {"size": {"old": None, "new": 12}}
    companies.update(session, acme, {"fields": {"size": None}}, cause=SYSTEM)
    assert companies.view(acme)["size"] is None


@pytest.mark.parametrize(
    ("definition", "given", "kept"),
    [
        ({"type": "text"}, "Big", "Big"),
        ({"type": "long_text"}, "a\nb", "a\nb"),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "money"}, "1250.50", 1250.5),
        ({"type": "date"}, "2026-01-31", "2026-01-31"),
        ({"type": "datetime"}, "2026-01-31T10:00:00Z", "2026-01-31T10:00:00+00:00"),
        ({"type": "boolean"}, "yes", True),
        ({"type": "choice", "options": ["Gold", "Silver"]}, "gold", "Gold"),
        ({"type": "multiple_choice", "options": ["Red", "Blue"]}, ["blue"], ["Blue"]),
        ({"type": "url"}, "https://acme.example/a", "https://acme.example/a"),
        ({"type": "email"}, "ann@b.example", "ann@b.example"),
        ({"type": "phone"}, "+33 1 23 45 67 89", "+33123456789"),
    ],
)
def test_every_type_of_field(session: Session, definition: dict[str, Any], given: object, kept: object) -> None:
    field(session, **definition)
    acme = companies.create(session, {"name": "Acme", "fields": {"size": given}}, cause=SYSTEM)
    session.commit()
    session.refresh(acme)
    assert companies.view(acme)["size"] == kept


@pytest.mark.parametrize(
    ("definition", "given"),
    [
        ({"type": "number"}, "many"),
        ({"type": "money"}, "0.00001"),
        ({"type": "date"}, "31/31/2026"),
        ({"type": "boolean"}, "perhaps"),
        ({"type": "choice", "options": ["Gold"]}, "Tin"),
        ({"type": "multiple_choice", "options": ["Red"]}, ["Red", "Tin"]),
        ({"type": "url"}, "javascript:alert(1)"),
        ({"type": "email"}, "nobody"),
        ({"type": "phone"}, "none"),
        ({"type": "relation", "target": "contact"}, "7"),
        ({"type": "text", "required": True}, ""),
    ],
)
def test_every_type_refuses(session: Session, definition: dict[str, Any], given: object) -> None:
    field(session, **definition)
    with pytest.raises(InvalidError) as caught:
        companies.create(session, {"name": "Acme", "fields": {"size": given}}, cause=SYSTEM)
    assert caught.value.problems[0].path == "fields.size"


def test_a_relation_leads_to_a_record(session: Session) -> None:
    field(session, type="relation", target="contact")
    ann = person(session)
    acme = companies.create(session, {"name": "Acme", "fields": {"size": str(ann.number)}}, cause=SYSTEM)
    assert acme.fields == {"size": ann.id}


def test_a_default_and_a_required_field(session: Session) -> None:
    field(session, type="choice", options=["Small", "Big"], default="small")
    fields.create(session, {"object": "company", "label": "Code", "required": True})
    with pytest.raises(InvalidError) as caught:
        companies.create(session, {"name": "Acme"}, cause=SYSTEM)
    assert caught.value.problems[0].path == "fields.code"
    acme = companies.create(session, {"name": "Acme", "fields": {"code": "A"}}, cause=SYSTEM)
    assert acme.fields == {"size": "Small", "code": "A"}
    with pytest.raises(InvalidError):
        companies.update(session, acme, {"fields": {"code": None}}, cause=SYSTEM)


def test_a_unique_field_has_each_value_once(session: Session) -> None:
    field(session, unique=True)
    acme, other = (companies.create(session, {"name": name}, cause=SYSTEM) for name in ("Acme", "Other"))
    companies.update(session, acme, {"fields": {"size": "A1"}}, cause=SYSTEM)
    with pytest.raises(UnsuitableError) as caught:
        companies.update(session, other, {"fields": {"size": "a1"}}, cause=SYSTEM)
    assert caught.value.problems[0].path == "fields.size"
    session.rollback()


def test_a_value_that_was_given_up_is_free(session: Session) -> None:
    field(session, unique=True)
    acme, other = (companies.create(session, {"name": name}, cause=SYSTEM) for name in ("Acme", "Other"))
    companies.update(session, acme, {"fields": {"size": "A1"}}, cause=SYSTEM)
    companies.update(session, acme, {"fields": {"size": None}}, cause=SYSTEM)
    companies.update(session, other, {"fields": {"size": "A1"}}, cause=SYSTEM)
    assert other.fields == {"size": "A1"}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"label": ""}, "label"),
        ({"key": "Bad Key"}, "key"),
        ({"key": "name"}, "key"),
        ({"key": "owner_id"}, "key"),
        ({"type": "colour"}, "type"),
        ({"type": "choice"}, "options"),
        ({"type": "relation"}, "target"),
        ({"type": "number", "default": "x"}, "default"),
        ({"object": "boat"}, "object"),
    ],
)
def test_a_field_that_cannot_be(session: Session, data: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        field(session, **data)
    assert caught.value.problems[0].path == path


def test_a_field_is_there_once_and_keeps_its_type(session: Session) -> None:
    field(session)
    with pytest.raises(UnsuitableError):
        field(session, key="size")
    defined = fields.of(session, "company")[0]
    fields.update(session, defined, {"label": "Staff", "required": True})
    assert (defined.key, defined.label) == ("size", "Staff")
    with pytest.raises(InvalidError, match="cannot be changed"):
        fields.update(session, defined, {"type": "number"})
    fields.remove(session, defined)
    assert fields.of(session, "company") == []
