"""Values that are made to break the CRM: each is refused at its field, and costs little."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, notes, tags, tasks
from flowapp.crm.people import duplicates
from flowapp.errors import InvalidError
from flowapp.events import Cause
from flowapp.models import Contact, Tag

ME = Cause()
NO_TEXT = "\ud800"  # half of a character, as a step's code can make it
DEEP: Any = "x"
for _ in range(250):
    DEEP = [DEEP]


@pytest.fixture
def ann(session: Session) -> Contact:
    return contacts.create(session, {"email": "ann@example.com"}, cause=ME)


@pytest.mark.parametrize(
    ("service", "data", "path"),
    [
        (contacts, {"email": "x@example.com", "first_name": NO_TEXT}, "first_name"),
        (contacts, {"email": "x@example.com", "owner_id": NO_TEXT}, "owner_id"),
        (contacts, {"email": "x@example.com", "fields": {NO_TEXT: 1}}, f"fields.{NO_TEXT}"),
        (contacts, {"email": "x@example.com", "fields": {"a": NO_TEXT}}, "fields.a"),
        (contacts, {"email": "x@example.com", "fields": {"a": DEEP}}, "fields.a"),
        (contacts, {"email": "x@example.com", "fields": {"a": "x" * 500_001}}, "fields.a"),
        (companies, {"name": NO_TEXT}, "name"),
        (deals, {"title": "D", "description": NO_TEXT}, "description"),
        (tasks, {"title": "T", "contact_id": NO_TEXT}, "contact_id"),
        (notes, {"html": NO_TEXT, "contact_id": "ann@example.com"}, "html"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_field(
    session: Session, ann: Contact, service: Any, data: dict[str, object], path: str
) -> None:
    """It was an error of Flowapp, in the middle of writing."""
    with pytest.raises(InvalidError) as refused:
        service.create(session, data, cause=ME)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_field_that_nobody_has_defined_keeps_any_json(session: Session, ann: Contact) -> None:
    value = {"plan": ["pro", None, {"seats": 10**20}], "\\u0000": "ok"}
    assert contacts.update(session, ann, {"fields": {"__class__": value}}, cause=ME).fields == {"__class__": value}


def queries(session: Session) -> list[str]:
    seen: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *args: seen.append(args[2]))
    return seen


def test_lists_without_an_end_are_not_worked_through(session: Session, ann: Contact) -> None:
    """Each entry was looked up by a query of its own before the list was found too long."""
    fields.create(session, {"object": "company", "label": "Kinds", "type": "multiple_choice", "options": ["a", "b"]})
    acme = companies.create(session, {"name": "Acme", "fields": {"kinds": ["a"] * 100_000}}, cause=ME)
    assert acme.fields["kinds"] == ["a"]
    many = [str(at) for at in range(100_000)]
    seen = queries(session)
    for path, work in {
        "fields.kinds": lambda: companies.create(session, {"name": "B", "fields": {"kinds": many}}, cause=ME),
        "contacts": lambda: deals.create(session, {"title": "D", "contacts": [ann.id] * 100_000}, cause=ME),
        "tags": lambda: tags.add(session, ann, many, cause=ME),
        "options": lambda: fields.create(session, {"object": "deal", "label": "L", "type": "choice", "options": many}),
    }.items():
        with pytest.raises(InvalidError) as refused:
            work()
        assert refused.value.problems[0].path == path
    assert tags.take(session, ann, many, cause=ME) == []
    assert len(seen) < 50


def test_a_tag_may_be_called_like_an_id(session: Session, ann: Contact) -> None:
    """Where it was the id of another tag, that one was added; else none was."""
    tags.add(session, ann, ["red"], cause=ME)
    red = session.query(Tag).one()
    assert tags.add(session, ann, [red.id, ann.id], cause=ME) == [red.id, ann.id]
    assert sorted(tags.take(session, ann, [red.id, "RED"], cause=ME)) == sorted([red.id, "red"])
    assert tags.of(session, ann) == [ann.id]


def test_likely_duplicates_are_looked_for_a_bounded_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 companies with 200 people each were ten million comparisons, for any viewer who asked."""
    for at in range(3):
        company = companies.create(session, {"name": f"C{at}"}, cause=ME)
        for number in range(10):
            contacts.create(session, {"email": f"p{at}{number}@example.com", "company_id": company.id}, cause=ME)
    compared: list[object] = []
    monkeypatch.setattr(duplicates, "compare", lambda one, other: compared.append((one, other)))
    assert duplicates.every(session, Contact) == []
    assert len(compared) == 3 * 45
    compared.clear()
    monkeypatch.setattr(duplicates, "PAIRS", 50)
    duplicates.every(session, Contact)
    assert len(compared) == 2 * 45
