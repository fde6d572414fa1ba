"""Conditions of a list find the records for which workflows' conditions hold, whatever they ask; what would differ is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, fields, lists, tags
from flowapp.crm.views import fields as list_fields
from flowapp.crm.views.reader import Reader
from flowapp.engine.language.condition_parser import OPERATORS
from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.scope import Scope
from flowapp.errors import InvalidError
from flowapp.events import SYSTEM
from flowapp.models import Contact, Organization, iso
from flowapp.records.filters import Filter, filter_of
from tests.support.tenant import Tenant

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
EXAMPLES = 60
ZONE = "Europe/Paris"
DEFINED = {
    "plan": "choice", "nick": "text", "seats": "number", "fee": "money", "since": "date", "seen": "datetime",
    "vip": "boolean", "tools": "multiple_choice",
}  # fmt: skip
TEXTS = ("pro", "Pro", "free", "50", "7", "", "a b", "é", "É%_", "O'Neil", "\\", "50.0", "C")
NUMBERS = (0, 7, 50, -3, 12.5, 0.1, 50.00001, 10**12)
DAYS = ("2026-06-15", "2026-06-14", "2026-03-29", "2026-12-31", "2027-01-01")
MOMENTS = (
    "2026-06-14T22:00:00+00:00",
    "2026-06-15T10:00:00Z",
    "2026-06-15T00:00:00",
    "now",
    "-1 day",
    "+7 days",
    "-2 years",
)
RECORDS: tuple[dict[str, Any], ...] = (
    {"first_name": "pro", "score": 50, "language": "fr", "fields": {"plan": "pro", "nick": "É%_", "seats": 7, "fee": 50,
     "since": "2026-06-15", "seen": "2026-06-14T22:00:00+00:00", "vip": True, "tools": ["pro", "C"]}},
    {"first_name": "Pro", "last_name": "O'Neil", "score": 7, "fields": {"plan": "free", "nick": "50", "seats": 12.5,
     "fee": 0.1, "since": "2026-06-14", "seen": "2026-06-15T10:00:00.5+00:00", "vip": False, "tools": ["free"]}},
    {"first_name": "a b", "score": 0, "consent": "granted", "fields": {"nick": "pro", "seats": 0, "since": "2026-12-31"}},
    {"last_name": "É%_", "score": -3, "fields": {"nick": "a\\b", "seats": -3, "tools": ["C"], "since": "2026-03-29"}},
    {},
)  # fmt: skip
COMMON = ("exists", "not_exists", "empty", "not_empty", "==", "!=", "in", "not_in")
WORDS = (*COMMON, "contains", "not_contains", "starts_with", "ends_with")
ORDER = (*COMMON, ">", ">=", "<", "<=")
LISTS = ("exists", "not_exists", "empty", "not_empty", "contains", "not_contains", "in", "not_in")
TIMES = ("exists", "not_exists", "empty", ">", ">=", "<", "<=", "before", "after")
# field: comparisons and values that fit
FITTING: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]] = {
    **dict.fromkeys(("first_name", "contact.last_name", "name", "language", "plan", "nick", "company.name"), (WORDS, TEXTS)),
    **dict.fromkeys(("contact.score", "seats", "contact.fields.fee"), (ORDER, (*NUMBERS, "50", "0.1"))),
    "since": ((*ORDER, "before", "after"), DAYS),
    **dict.fromkeys(("seen", "contact.created_at"), (TIMES, (*DAYS, *MOMENTS))),
    "vip": (COMMON[:6], (True, False, "yes", "0")),
    **dict.fromkeys(("fields.tools", "contact.tags", "contact.lists"), (LISTS, TEXTS)),
    "owner_id": (COMMON, ("me",)),
}  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly rules that fit their field; one of eight is anything."""
    if draw(st.integers(0, 7)) == 0:
        everything = [*TEXTS, *NUMBERS, *DAYS, *MOMENTS, True, None, [], ["pro", None]]
        anything = (OPERATORS, tuple(everything))
    else:
        anything = None
    field = draw(st.sampled_from(list(FITTING)))
    operators, values = anything or FITTING[field]
    rule: dict[str, Any] = {"field": field, "operator": draw(st.sampled_from(operators))}
    rule["value"] = draw(st.sampled_from(values))
    if rule["operator"] in ("in", "not_in"):
        rule["value"] = draw(st.lists(st.sampled_from(values), max_size=3))
    elif rule["operator"] in ("==", "!=") and draw(st.integers(0, 9)) == 0:
        rule["value"] = None
    if draw(st.booleans()):
        rule["ignore_case"] = True
    return rule


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["all", "any", "not"])
    return st.builds(lambda name, some: {name: some}, names, st.lists(inner, min_size=1, max_size=3))


@pytest.fixture
def people(session: Session, tenant: Tenant) -> Session:
    session.get_one(Organization, tenant.organization_id).timezone = ZONE
    for key, kind in DEFINED.items():
        options = ["free", "pro", "C"] if "choice" in kind else []
        fields.create(session, {"object": "contact", "label": key, "key": key, "type": kind, "options": options})
    acme = companies.create(session, {"name": "pro", "domain": "acme.example"}, cause=SYSTEM)
    made = [
        contacts.create(session, {"email": f"p{at}@b.example", **data}, cause=SYSTEM) for at, data in enumerate(RECORDS)
    ]
    for at, contact in enumerate(made):
        contact.created_at = NOW.replace(year=2024 + at)
    contacts.update(session, made[0], {"company_id": acme.id, "owner_id": tenant.user_id}, cause=SYSTEM)
    tags.add(session, made[0], ["pro", "C"], cause=SYSTEM)
    tags.add(session, made[1], ["É%_"], cause=SYSTEM)
    lists.add(session, lists.create(session, {"name": "free"}), made[1], cause=SYSTEM)
    session.flush()
    return session


def scope(session: Session, contact: Contact) -> Scope:
    """What a workflow about the contact sees, and what a list knows besides."""
    more = {"tags": tags.of(session, contact), "created_at": iso(contact.created_at)}
    named = [row.name for row in lists.of(session, contact)]
    context: dict[str, object] = {"contact": {**contacts.in_scope(contact), **more, "lists": named}}
    if contact.company:
        context["company"] = companies.in_scope(contact.company)
    return Scope({}, context=context, now=NOW.isoformat(), timezone=ZONE)


def seen_by_workflows(conditions: object) -> object:
    """The same, with the names that workflows know: `plan` is contact.fields.plan there."""
    if isinstance(conditions, list):
        return [seen_by_workflows(entry) for entry in conditions]
    if not isinstance(conditions, dict):
        return conditions
    if "field" not in conditions:
        return {name: seen_by_workflows(entries) for name, entries in conditions.items()}
    field = conditions["field"]
    own = field if field.startswith(("contact.", "company.")) else f"contact.{field}"
    return {**conditions, "field": own}


def read(session: Session, asked: object, me: str) -> Filter | None:
    """None where it is refused."""
    reader = Reader(session, me)
    known = list_fields.of(reader, "contact")

    def kind(name: str) -> Any:
        found = list_fields.find(known, "contact", name)
        return found.kind if found else None

    try:
        return filter_of(asked, kind, reader.context(NOW))
    except InvalidError:
        return None


def test_lists_and_workflows_agree(people: Session, tenant: Tenant) -> None:
    scopes = {contact.id: scope(people, contact) for contact in people.scalars(select(Contact))}
    answered = []

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(st.recursive(rules(), groups, max_leaves=4))
    def agree(asked: object) -> None:
        if (made := read(people, asked, tenant.user_id)) is None:
            return
        meant = seen_by_workflows(made.conditions)
        expected = {key for key, one in scopes.items() if evaluate(meant, one)[0]}
        assert set(people.scalars(select(Contact.id).where(made.matching))) == expected
        answered.append(asked)

    agree()
    assert len(answered) > EXAMPLES / 3
