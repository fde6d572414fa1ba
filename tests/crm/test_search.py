"""Contacts, companies, deals and tasks found by their words: on both databases, each organization its own."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, tasks
from flowapp.crm.search import backfill
from flowapp.crm.search.found import found_by
from flowapp.crm.search.words import LONGEST_TEXT, MOST, asked_of, text_of
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Task
from flowapp.models.search import RecordWord
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.tenant import add_organization


def found(session: Session, text: str, model: type[Any] = Contact) -> list[str]:
    name = {Contact: Contact.first_name, Company: Company.name, Deal: Deal.title, Task: Task.title}[model]
    return sorted(session.scalars(select(name).where(*found_by(model, text))))


def moments(session: Session) -> dict[str, object]:
    return {row.id: row.updated_at for row in session.execute(select(Contact.id, Contact.updated_at))}


@pytest.fixture
def people(session: Session) -> Session:
    """Some people, whose first names tell them apart."""
    companies.create(session, {"name": "Œuvres & Fils", "domain": "oeuvres.example"}, cause=SYSTEM)
    for first, last, email, phone, company in (
        ("Élodie", "Müller", "elodie.m@shop.example", "+33612345678", ""),
        ("Jean-Pierre", "Groß", "jp+news@post.example", "+4930123456", "Œuvres & Fils"),
        ("Léa", "d'Artagnan", "lea_d@example.com", "+14155552671", ""),
        ("Søren", "NEAR", "s@near.example", "", ""),
    ):
        data = {"first_name": first, "last_name": last, "email": email, "phone": phone, "company": company}
        contacts.create(session, data, cause=SYSTEM)
    session.commit()
    return session


FOUND: list[tuple[str, list[str]]] = [
    ("", ["Jean-Pierre", "Léa", "Søren", "Élodie"]),
    ("elo", ["Élodie"]),
    ("ÉLODIE", ["Élodie"]),
    ("E\u0301lodie mull", ["Élodie"]),
    ("muller  elodie", ["Élodie"]),
    ("lodie", []),
    ("gross", ["Jean-Pierre"]),
    ("GROSS jean pierre", ["Jean-Pierre"]),
    ("jean-p", ["Jean-Pierre"]),
    ("pierre", ["Jean-Pierre"]),
    ("oeuvres", ["Jean-Pierre"]),
    ("Œuvres jean", ["Jean-Pierre"]),
    ("fils gr", ["Jean-Pierre"]),
    ("oeuvres.example", ["Jean-Pierre"]),
    ("artagnan", ["Léa"]),
    ("D\u2019Art", ["Léa"]),
    ("soren", ["Søren"]),
    ("elodie.m@shop.example", ["Élodie"]),
    ("elodie.m@sh", ["Élodie"]),
    ("m@shop", ["Élodie"]),
    ("shop.ex", ["Élodie"]),
    ("jp+news@post", ["Jean-Pierre"]),
    ("lea_d", ["Léa"]),
    ("+33 6 12 34 56 78", ["Élodie"]),
    ("06.12.34.56.78", ["Élodie"]),
    ("0033 6 12-34", ["Élodie"]),
    ("+33 (0)6 12 34", ["Élodie"]),
    ("0612", ["Élodie"]),
    ("612345678", ["Élodie"]),
    ("elodie 06 12 34", ["Élodie"]),
    ("elodie 030 123", []),
    ("(415) 555-2671", ["Léa"]),
    ("030/123456", ["Jean-Pierre"]),
    ("near", ["Søren"]),
    ("NEAR soren", ["Søren"]),
    ('"elodie" AND muller', []),
    ("elodie*", ["Élodie"]),
    ('el"odie', []),
    ("search:elodie", []),
    ("elodie\x00 muller\ud800", ["Élodie"]),
    ("%", []),
    ("* - \" '", []),
    ("nobody", []),
]  # fmt: skip


def test_people_are_found(people: Session) -> None:
    assert {typed: found(people, typed) for typed, _names in FOUND} == dict(FOUND)


def test_a_search_is_bounded() -> None:
    assert len(asked_of("word " * 2000)) == 1
    many = asked_of(" ".join(f"w{n}" for n in range(2000)))
    assert len(many) == MOST
    assert [len(one.words[0]) for one in asked_of("x" * 10_000)] == [64]
    assert len(asked_of(" ".join("1" for _ in range(5000)))[0].words) <= MOST
    assert len(text_of("x" * 10_000)) == 64
    assert LONGEST_TEXT < 10_000


def test_ten_thousand_characters_find_nobody_or_somebody(people: Session) -> None:
    assert found(people, "elodie " * 1500) == ["Élodie"]
    assert found(people, "é" * 10_000) == []
    assert found(people, "0" * 10_000) == []


def test_companies_deals_and_tasks_are_found(people: Session) -> None:
    deals.create(people, {"title": "Réfection 2024 12", "company": "Œuvres & Fils"}, cause=SYSTEM)
    task = tasks.create(people, {"title": "Rappeler Élodie"}, cause=SYSTEM)
    assert found(people, "oeuv", Company) == ["Œuvres & Fils"]
    assert found(people, "com", Company) == []
    assert found(people, "refection 2024 12", Deal) == ["Réfection 2024 12"]
    assert found(people, "refection fils", Deal) == ["Réfection 2024 12"]
    assert found(people, "elodie rapp", Task) == ["Rappeler Élodie"]
    tasks.update(people, task, {"title": "Écrire"}, cause=SYSTEM)
    assert found(people, "elodie", Task) == []
    assert found(people, "ecrire", Task) == ["Écrire"]


def test_what_changes_is_found_by_what_it_is_now(people: Session) -> None:
    company = companies.find(people, "Œuvres & Fils")
    companies.update(people, company, {"nom": "Nouvelle Maison"}, cause=SYSTEM)
    person = contacts.find(people, "jp+news@post.example")
    contacts.update(people, person, {"first_name": "Jan", "phone": "+33711223344"}, cause=SYSTEM)
    assert found(people, "oeuvres fils") == []
    assert found(people, "maison nouv") == ["Jan"]
    assert found(people, "pierre") == []
    assert found(people, "030123456") == []
    assert found(people, "07 11 22") == ["Jan"]


def test_another_organization_s_are_never_found(people: Session) -> None:
    with system_session(db.engine) as session:
        other, _project = add_organization(session)
        session.commit()
    with tenant_session(db.engine, other) as session:
        companies.create(session, {"name": "Œuvres & Fils"}, cause=SYSTEM)
        data = {"first_name": "Eloise", "email": "e@b.example", "company": "Œuvres & Fils", "phone": "+33612345678"}
        contacts.create(session, data, cause=SYSTEM)
        session.commit()
        for typed in ("elo", "fils", "0612345678"):
            assert found(session, typed) == ["Eloise"]
    assert found(people, "elo") == ["Élodie"]
    assert found(people, "fils") == ["Jean-Pierre"]
    assert found(people, "0612345678") == ["Élodie"]


def test_no_word_of_what_is_gone_is_left(people: Session) -> None:
    for table in ("deals", "contacts", "companies"):
        people.execute(text(f"DELETE FROM {table}"))
    people.commit()
    with system_session(db.engine) as session:
        assert session.scalars(select(RecordWord.word)).all() == []


def test_any_statement_keeps_the_words(people: Session) -> None:
    people.execute(update(Contact).values(search='a"b c\\d  e\nf'))
    people.commit()
    words = set(people.scalars(select(RecordWord.word).where(RecordWord.noun == "contact")))
    assert words == {'a"b', "c\\d", "e\nf"}


def test_what_an_earlier_release_wrote_is_taken_up(people: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 2)
    deals.create(people, {"title": "Audit"}, cause=SYSTEM)
    people.commit()
    before = moments(people)
    people.execute(update(Contact).values(search="elodie", updated_at=Contact.updated_at))
    people.commit()
    people.execute(text("DELETE FROM record_words"))
    people.commit()
    assert found(people, "muller") == []
    with system_session(db.engine) as session:
        while backfill.take_up(session):
            session.commit()
    people.expire_all()
    assert found(people, "muller 0612345678") == ["Élodie"]
    assert found(people, "fils pierre") == ["Jean-Pierre"]
    assert found(people, "audit", Deal) == ["Audit"]
    assert moments(people) == before


def test_a_contact_is_found_by_each_of_its_addresses(people: Session) -> None:
    person = contacts.find(people, "s@near.example")
    contacts.update(people, person, {"emails": ["s@near.example", "soren.k@far.example"]}, cause=SYSTEM)
    assert found(people, "soren.k@far") == found(people, "s@near") == ["Søren"]


@pytest.mark.parametrize(
    ("service", "before", "after"),
    [
        (contacts, {"first_name": "Odile"}, {"first_name": "Solène"}),
        (companies, {"name": "Odile"}, {"nom": "Solène"}),
        (deals, {"title": "Odile"}, {"title": "Solène"}),
        (tasks, {"title": "Odile"}, {"title": "Solène"}),
    ],
)
def test_what_is_changed_together_is_found_by_what_it_is_now(
    session: Session, service: Any, before: dict[str, str], after: dict[str, str]
) -> None:
    rows = [service.create(session, before, cause=SYSTEM) for _ in range(2)]
    session.commit()
    service.update_together(session, rows, after, cause=SYSTEM)
    session.commit()
    assert found(session, "solene", type(rows[0])) == ["Solène", "Solène"]
    assert found(session, "odile", type(rows[0])) == []
