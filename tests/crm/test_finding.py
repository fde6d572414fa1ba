"""What a list shows: searched, filtered by conditions, sorted, as JSON and back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, finding, lists, tags, tasks
from flowapp.errors import InvalidError
from flowapp.events import SYSTEM
from flowapp.models import Company, Contact, Deal, Task
from flowapp.records import paging
from flowapp.records.paging import PageAt
from tests.support.tenant import Tenant

PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"first_name": "Ann", "score": 50, "fields": {"plan": "pro", "seats": 3, "since": "2026-05-01", "vip": True,
            "tools": ["CRM", "Mail"]}},
    "bob": {"first_name": "Bob", "score": 5, "fields": {"plan": "free", "seats": 12.5, "vip": False, "tools": ["Mail"]}},
    "cat": {"first_name": "Éva", "last_name": "O'Neil"},
}  # fmt: skip
DEFINED: tuple[tuple[str, str, list[str]], ...] = (
    ("plan", "choice", ["free", "pro"]), ("seats", "number", []), ("since", "date", []), ("vip", "boolean", []),
    ("tools", "multiple_choice", ["CRM", "Mail"]),
)  # fmt: skip


@pytest.fixture
def people(session: Session, tenant: Tenant) -> Session:
    for key, kind, options in DEFINED:
        given = {"object": "contact", "label": key.title(), "key": key, "type": kind, "options": options}
        fields.create(session, given)
    acme = companies.create(session, {"name": "Acme", "domain": "acme.example"}, cause=SYSTEM)
    for name, data in PEOPLE.items():
        contacts.create(session, {"email": f"{name}@b.example", **data}, cause=SYSTEM)
    ann = contacts.get(session, "1")
    contacts.update(session, ann, {"company_id": acme.id, "owner_id": tenant.user_id}, cause=SYSTEM)
    tags.add(session, ann, ["R&D", "Key"], cause=SYSTEM)
    lists.add(session, lists.create(session, {"name": "Fair"}), ann, cause=SYSTEM)
    return session


def found(session: Session, asked: object, model: Any = Contact, me: str = "", **more: object) -> str:
    search = finding.read(session, model, {"filter": asked, **more}, me)
    rows = session.scalars(select(model).where(*finding.conditions(model, search)).order_by(model.id))
    return " ".join(
        row.email[:3] if isinstance(row, Contact) else getattr(row, "title", "") or row.name for row in rows
    )


def rule(field: str, operator: str, *value: object) -> dict[str, object]:
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


ASKED: list[tuple[dict[str, Any], str]] = [
        ({}, "ann bob cat"),
        (rule("plan", "!=", "pro"), "bob cat"),
        (rule("contact.fields.plan", "==", "pro"), "ann"),
        (rule("plan", "not_in", ["pro", "free"]), "cat"),
        (rule("plan", "not_exists"), "cat"),
        (rule("plan", "not_empty"), "ann bob"),
        (rule("plan", "==", None), "cat"),
        (rule("first_name", "contains", "a"), "cat"),
        (rule("first_name", "contains", "A"), "ann"),
        ({**rule("first_name", "contains", "É"), "ignore_case": True}, "cat"),
        ({**rule("first_name", "in", "ANN, éva"), "ignore_case": True}, "ann cat"),
        (rule("last_name", "starts_with", "O'"), "cat"),
        (rule("email", "ends_with", "b@b.example"), "bob"),
        (rule("name", "==", "Éva O'Neil"), "cat"),
        (rule("score", ">", 5), "ann"),
        (rule("score", "<=", "5.5"), "bob cat"),
        (rule("score", "in", "5, 50"), "ann bob"),
        (rule("score", "==", 5.5), ""),
        (rule("seats", ">=", "12.5"), "bob"),
        (rule("seats", "<", 12.5), "ann"),
        (rule("seats", "!=", 3), "bob cat"),
        (rule("since", "before", "2026-05-02"), "ann"),
        (rule("since", "<", "2026-05-01"), ""),
        (rule("since", "<=", "2026-05-01T00:00:00Z"), "ann"),
        (rule("since", "==", "2026-05-01"), "ann"),
        (rule("created_at", "after", "-1 day"), "ann bob cat"),
        (rule("created_at", "after", "+7 days"), ""),
        (rule("vip", "==", "yes"), "ann"),
        (rule("vip", "!=", True), "bob cat"),
        (rule("vip", "exists"), "ann bob"),
        (rule("tools", "contains", "CRM"), "ann"),
        ({**rule("tools", "contains", "crm"), "ignore_case": True}, "ann"),
        (rule("tools", "in", "CRM, Mail"), "ann bob"),
        (rule("tools", "empty"), "cat"),
        (rule("tags", "contains", "R&D"), "ann"),
        (rule("tags", "contains", "r&d"), ""),
        ({**rule("tags", "contains", "r&d"), "ignore_case": True}, "ann"),
        (rule("tags", "not_contains", "Key"), "bob cat"),
        (rule("tags", "not_empty"), "ann"),
        (rule("lists", "contains", "Fair"), "ann"),
        (rule("company.name", "==", "Acme"), "ann"),
        (rule("company", "==", "acme.example"), "ann"),
        (rule("organisation.domain", "empty"), "bob cat"),
        (rule("owner", "==", "me"), "ann"),
        (rule("owner_id", "!=", "me"), "bob cat"),
        ({"any": [rule("score", ">", 40), {"not": [rule("plan", "exists"), rule("vip", "==", False)]}]}, "ann cat"),
        ({"all": [rule("score", ">=", 5), {"any": [rule("plan", "==", "free"), rule("tags", "contains", "x")]}]}, "bob"),
    ]  # fmt: skip


def test_conditions_find_what_they_say(people: Session, tenant: Tenant) -> None:
    answers = [(asked, found(people, asked, me=tenant.user_id)) for asked, _expected in ASKED]
    assert [one for one in answers if one not in ASKED] == []


REFUSED: list[tuple[object, str]] = [
        (rule("nickname", "==", "x"), "filter.field"),
        ({"all": [rule("score", ">", 1), rule("score", ">", "many")]}, "filter.all.1.value"),
        (rule("email", "matches", "^a"), "filter.operator"),
        (rule("email", "changed"), "filter.operator"),
        (rule("email", ">", "a"), "filter.operator"),
        (rule("email", "==", "{{ input.email }}"), "filter.value"),
        (rule("{{ input.field }}", "==", "x"), "filter.field"),
        (rule("email", "==", "\0"), "filter.value"),
        (rule("email", "==", "x" * 1001), "filter.value"),
        (rule("email", "in", ["x"] * 501), "filter.value"),
        (rule("since", "before", "whenever"), "filter.value"),
        (rule("since", "==", "1 May"), "filter.value"),
        (rule("owner", "==", "stranger@b.example"), "filter.value"),
        (rule("vip", "==", "perhaps"), "filter.value"),
        ({"some": []}, "filter"),
        ({"any": [rule("score", "==", 1)] * 51}, "filter.any.50"),
    ]  # fmt: skip


def refused(session: Session, asked: object) -> str:
    with pytest.raises(InvalidError) as caught:
        finding.read(session, Contact, {"filter": asked})
    return caught.value.problems[0].path


def test_what_no_filter_can_ask_is_refused_at_its_place(people: Session) -> None:
    assert [refused(people, asked) for asked, _path in REFUSED] == [path for _asked, path in REFUSED]


def test_a_search_is_json_and_back_whoever_reads_it(people: Session, tenant: Tenant) -> None:
    asked = {"q": "b.example", "owner": "me", "sort": "-score", "filter": rule("owner", "==", "me")}
    search = finding.read(people, Contact, asked, tenant.user_id)
    assert search.as_json == {
        "q": "b.example",
        "owner": tenant.user_id,
        "sort": "-score",
        "filter": {"all": [rule("owner", "==", tenant.user_id)]},
    }
    assert finding.read(people, Contact, search.as_json) == search


def test_deals_companies_and_tasks_are_filtered_too(session: Session, tenant: Tenant) -> None:
    companies.create(
        session, {"name": "Acme", "montant_potentiel": "60000.5", "pipeline_stage": "PROPOSITION"}, cause=SYSTEM
    )
    deals.create(session, {"title": "Engine", "value": "0.3", "expected_close": "2026-12-31"}, cause=SYSTEM)
    tasks.create(session, {"title": "Call", "due_date": "2026-12-31", "assignee_id": tenant.user_id}, cause=SYSTEM)
    assert found(session, rule("montant_potentiel", ">", 60000.49999), Company) == "Acme"
    assert found(session, rule("montant_potentiel", ">", 10**30), Company) == ""
    assert found(session, rule("deal.montant", "==", "0.3"), Deal) == "Engine"
    assert found(session, rule("montant", "==", 0.30001), Deal) == ""
    assert found(session, rule("expected_close", "after", "2026-12-31"), Deal) == ""
    assert found(session, rule("status", "==", "open"), Deal) == "Engine"
    assert found(session, rule("done", "==", "no"), Task) == "Call"
    assert found(session, rule("assignee", "==", "me"), Task, me=tenant.user_id) == "Call"
    assert found(session, {}, Task, q="cal") == "Call"
    assert found(session, {}, Task, tag="x") == ""


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-score", "number", "plan", "-plan"])
def test_pages_far_behind_are_those_that_follow(people: Session, sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNTED", 2)  # what lies behind is far
    for n in range(6):
        data = {"email": f"{n}@b.example", "score": n % 2, "fields": {"plan": ("free", None)[n % 2]}}
        contacts.create(people, data, cause=SYSTEM)

    def pages(limit: int) -> list[paging.Page[Contact]]:
        search = finding.read(people, Contact, {"sort": sort})
        return [finding.find(people, Contact, search, PageAt(limit, number=number)) for number in range(1, 7)]

    (every, *_), few = pages(20), pages(2)
    assert [row.id for page in few for row in page.rows] == [row.id for row in every.rows]
    assert [page.next for page in few] == ["2", "3", "4", "5", None, None]
    assert not few[5].rows
