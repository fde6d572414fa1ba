"""Many records created and changed at once: as the services do it one by one, with the same events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, lists, tags
from flowapp.crm.imports.upsert import Rules, Upsert
from flowapp.errors import InvalidError
from flowapp.events import SYSTEM, Cause
from flowapp.models import Company, Contact, Deal, Event, Organization
from tests.crm.conftest import recorded, types
from tests.support.tenant import Tenant

pytestmark = pytest.mark.both_databases
CAUSE = Cause(origin="import:people.csv", bulk=True)


def put(session: Session, noun: str, rows: list[dict[str, Any]], *, dry: bool = False, **rules: Any) -> list[str]:
    """What became of each row; of one that failed, at which fields."""
    done = Upsert(session, Rules(noun, **rules), cause=CAUSE, dry=dry).write(rows)
    session.commit()
    return [row.outcome if not row.problems else ",".join(problem.path for problem in row.problems) for row in done]


def test_contacts_are_created_changed_and_left(session: Session) -> None:
    contacts.create(session, {"email": "ann@b.example", "first_name": "Ann", "score": 3}, cause=SYSTEM)
    contacts.create(session, {"email": "bob@b.example", "first_name": "Bob"}, cause=SYSTEM)
    rows: list[dict[str, Any]] = [
        {"email": "ANN@b.example", "first_name": "", "last_name": "Lee", "phone": "+33 1 23 45 67 89"},
        {"email": "bob@b.example", "first_name": "Bob"},
        {"email": "cid@b.example", "last_name": "Cid"},
        {"email": "not one", "score": "x"},
        {"last_name": "Nobody"},
    ]
    assert put(session, "contact", rows) == ["updated", "unchanged", "created", "email,score", "email"]
    ann = contacts.find(session, "ann@b.example")
    assert (ann.first_name, ann.last_name, ann.phone, ann.score) == ("Ann", "Lee", "+33123456789", 3)
    assert ann.search == "ann lee ann@b.example b.example 33123456789 0123456789 123456789"
    assert contacts.find(session, "cid@b.example").number == 3
    told = recorded(session)[2:]
    assert [(event.type, event.origin, event.bulk) for event in told] == [
        ("contact.updated", "import:people.csv", True), ("contact.created", "import:people.csv", True),
    ]  # fmt: skip
    assert told[0].payload["changes"]["last_name"] == {"old": "", "new": "Lee"}
    assert told[1].payload["contact"]["email"] == "cid@b.example"


def test_who_has_no_address_is_known_by_the_telephone(session: Session) -> None:
    rows = [{"last_name": "Lee", "phone": "+33 1 23 45 67 89"}, {"email": "ann@b.example", "phone": "+33123456789"}]
    assert put(session, "contact", rows) == ["created", "created"]
    assert put(session, "contact", rows) == ["unchanged", "unchanged"]


@pytest.mark.parametrize("noun", ["contact", "company", "deal"])
def test_the_same_rows_twice_change_nothing(session: Session, noun: str) -> None:
    rows = {
        "contact": [{"email": f"p{at}@b.example", "company_id": "Acme", "tags": "R&D; new"} for at in range(3)],
        "company": [
            {"name": f"Company {at}", "domain": f"c{at}.example", "montant_potentiel": "12.5"} for at in range(3)
        ],
        "deal": [{"title": f"Deal {at}", "value": "10", "stage": "qualification"} for at in range(3)],
    }[noun]
    assert put(session, noun, rows, missing_companies=True) == ["created"] * 3
    before = len(types(session))
    assert put(session, noun, rows, missing_companies=True) == ["unchanged"] * 3
    assert len(types(session)) == before
    model = {"contact": Contact, "company": Company, "deal": Deal}[noun]
    assert session.scalar(select(func.count(model.id))) == 3


def test_two_rows_about_one_record_come_one_after_the_other(session: Session) -> None:
    rows = [
        {"email": "ann@b.example", "first_name": "Ann", "score": 1},
        {"email": "Ann@B.example", "first_name": "Anna"},
        {"email": "ann@b.example", "score": 2},
    ]
    assert put(session, "contact", rows, dry=True) == ["created", "updated", "updated"]
    assert put(session, "contact", rows) == ["created", "updated", "updated"]
    ann = contacts.find(session, "ann@b.example")
    assert (ann.first_name, ann.score) == ("Anna", 2)
    assert types(session) == ["contact.created", "contact.updated", "contact.updated"]


@pytest.mark.parametrize("noun", ["contact", "company", "deal"])
def test_a_trial_changes_nothing_and_says_what_it_would(session: Session, noun: str) -> None:
    rows: list[dict[str, Any]] = {
        "contact": [{"email": "ann@b.example", "company_id": "New", "tags": ["x"]}, {"email": "x"}],
        "company": [{"name": "Acme"}, {"name": "", "domain": "a b"}],
        "deal": [{"title": "Engine"}, {"title": "Lost", "stage": "PERDU"}],
    }[noun]
    outcomes = put(session, noun, rows, dry=True, missing_companies=True)
    assert outcomes[0] == "created"
    assert outcomes[1] in ("email", "domain", "lost_reason")
    assert types(session) == []
    assert session.scalar(select(func.count(Company.id))) == 0
    assert session.scalar(select(func.count(Deal.id))) == 0


@pytest.mark.parametrize(("mode", "expected"), [("create", ["skipped", "created"]), ("update", ["updated", "skipped"])])
def test_only_new_ones_or_only_known_ones(session: Session, mode: str, expected: list[str]) -> None:
    contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    rows = [{"email": "ann@b.example", "score": 5}, {"email": "bob@b.example"}]
    assert put(session, "contact", rows, mode=mode) == expected


def test_what_cannot_be_matched_is_refused() -> None:
    with pytest.raises(InvalidError):
        Rules("contact") and Upsert(None, Rules("contact", mode="both ways"), cause=CAUSE)  # type: ignore[arg-type]


def test_own_fields_are_read_matched_and_unique(session: Session) -> None:
    fields.create(session, {"object": "contact", "label": "Customer number", "key": "customer", "unique": True})
    fields.create(session, {"object": "contact", "label": "Since", "key": "since", "type": "date"})
    fields.create(session, {"object": "contact", "label": "Plan", "type": "choice", "options": ["Pro", "Free"]})
    fields.create(session, {"object": "contact", "label": "Size", "type": "number", "default": 7})
    first = [
        {"email": "ann@b.example", "fields": {"customer": "C1", "since": "2024-02-01", "plan": "pro"}},
        {"email": "bob@b.example", "fields": {"customer": "C2", "plan": "gold"}},
        {"email": "cid@b.example", "fields": {"customer": "C1"}},
    ]
    assert put(session, "contact", first) == ["created", "fields.plan", "fields.customer"]
    ann = contacts.find(session, "ann@b.example")
    assert ann.fields == {"customer": "C1", "since": "2024-02-01", "plan": "Pro", "size": 7}
    second = [
        {"email": "anna@b.example", "fields": {"customer": "c1"}},
        {"email": "dan@b.example", "fields": {"customer": "C9"}},
        {"email": "eve@b.example", "fields": {"customer": "C9"}},
    ]
    outcomes = put(session, "contact", second, match="fields.customer")
    assert outcomes == ["updated", "created", "updated"]
    assert contacts.find(session, "anna@b.example").id == ann.id
    contacts.create(session, {"email": "fay@b.example", "fields": {"customer": "c77"}}, cause=SYSTEM)
    taken = put(session, "contact", [{"email": "eve@b.example", "fields": {"customer": "C77"}}])
    assert taken == ["fields.customer"]


def test_an_address_of_somebody_else_is_refused(session: Session) -> None:
    for name in ("ann", "bob"):
        contacts.create(session, {"email": f"{name}@b.example"}, cause=SYSTEM)
    contacts.delete(session, contacts.find(session, "bob@b.example"), cause=SYSTEM)
    contacts.create(session, {"email": "cid@b.example"}, cause=SYSTEM)
    rows = [{"number": "1", "email": "cid@b.example"}, {"email": "bob@b.example"}]
    assert put(session, "contact", rows, match="number") == ["email", "email"]


def test_companies_by_domain_then_by_name(session: Session) -> None:
    companies.create(session, {"name": "Acme", "domain": "acme.example"}, cause=SYSTEM)
    companies.create(session, {"name": "Twin"}, cause=SYSTEM)
    companies.create(session, {"name": "twin"}, cause=SYSTEM)
    rows = [
        {"name": "ACME Corp", "domain": "https://www.acme.example/about"},
        {"name": "acme corp", "currency": "USD"},
        {"name": "Twin", "currency": "USD"},
        {"name": "Bolt", "domain": "bolt.example"},
    ]
    assert put(session, "company", rows) == ["updated", "updated", "name", "created"]
    assert companies.find(session, "acme.example").name == "acme corp"


def test_owner_company_tags_and_lists_by_name(session: Session, tenant: Tenant) -> None:
    acme = companies.create(session, {"name": "Acme", "domain": "acme.example"}, cause=SYSTEM)
    news = lists.create(session, {"name": "News"})
    rows = [
        {"email": "ann@b.example", "owner": tenant.email, "company": "acme.example", "tags": 'R&D; "Paris, France"', "lists": "news"},
        {"email": "bob@b.example", "owner": "nobody@b.example"},
        {"email": "cid@b.example", "company": "Unknown"},
        {"email": "dan@b.example", "lists": "No such"},
        {"email": "eve@b.example", "tags": ["r&d", "x" * 101]},
    ]  # fmt: skip
    assert put(session, "contact", rows) == ["created", "owner_id", "company_id", "lists", "tags"]
    ann = contacts.find(session, "ann@b.example")
    assert (ann.owner_id, ann.company_id) == (tenant.user_id, acme.id)
    assert tags.of(session, ann) == ["Paris, France", "R&D"]
    assert [one.id for one in lists.of(session, ann)] == [news.id]
    assert put(session, "contact", [{"email": "cid@b.example", "company": "Unknown"}], missing_companies=True) == [
        "created"
    ]
    assert companies.find(session, "unknown").name == "Unknown"


def test_deals_move_and_are_lost_with_a_reason(session: Session) -> None:
    contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    rows: list[dict[str, Any]] = [
        {"title": "Engine", "montant": "1250.50", "stage": "qualification", "contacts": ["ann@b.example"], "expected_close": "2026-12-31"},
        {"title": "Wheel", "stage": "PERDU", "lost_reason": "Price"},
        {"title": "Brake", "stage": "PERDU"},
        {"title": "Seat", "stage": "nowhere"},
    ]  # fmt: skip
    assert put(session, "deal", rows) == ["created", "created", "lost_reason", "stage"]
    assert put(session, "deal", [{"number": 1, "stage": "SIGNÉ"}]) == ["updated"]
    engine = deals.get(session, "1")
    assert (engine.status, [one.email for one in engine.contacts]) == ("won", ["ann@b.example"])
    kinds = session.scalars(select(Event.type).where(Event.entity_id == engine.id).order_by(Event.id)).all()
    assert kinds == ["deal.created", "deal.updated", "deal.stage_changed", "deal.won"]


def test_values_are_read_as_the_organization_writes_them(session: Session, tenant: Tenant) -> None:
    session.get_one(Organization, tenant.organization_id).locale = "fr-FR"
    for label, kind in (("Depuis", "date"), ("Vu", "datetime"), ("Part", "number"), ("Actif", "boolean")):
        fields.create(session, {"object": "company", "label": label, "key": label.lower(), "type": kind})
    session.commit()
    own = {"depuis": "05/02/2024", "vu": "5 février 2024 14:30", "part": "1 234,5", "actif": "oui"}
    row = {"name": "Acme", "montant_potentiel": "12 500,50 €", "fields": own}
    assert put(session, "company", [row]) == ["created"]
    acme = companies.find(session, "Acme")
    assert acme.montant_potentiel == Decimal("12500.5")
    assert {name: acme.fields[name] for name in ("depuis", "part", "actif")} == {
        "depuis": "2024-02-05", "part": 1234.5, "actif": True,
    }  # fmt: skip
    assert put(session, "company", [{"name": "Bolt", "fields": {"part": "12.5.3", "depuis": "31/31/2024"}}]) == [
        "fields.part,fields.depuis"
    ]
