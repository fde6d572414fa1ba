"""The trash: what is in it, what comes back, what is erased for good."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, notes, tasks
from flowapp.crm.trash import contents, erasing
from flowapp.errors import InvalidError
from flowapp.events import SYSTEM
from flowapp.models import Contact, ContactEmail, Event, FieldValue, Note, Task, utcnow
from flowapp.records.paging import PageAt
from tests.crm.conftest import recorded

FIRST = PageAt(10, number=1)


def test_each_kind_comes_and_goes(session: Session) -> None:
    ann = contacts.create(session, {"email": "ann@b.example", "first_name": "Ann"}, cause=SYSTEM)
    about = {"contact_id": ann.id}
    rows = {
        "company": companies.create(session, {"name": "Acme"}, cause=SYSTEM),
        "deal": deals.create(session, {"title": "Engine"}, cause=SYSTEM),
        "task": tasks.create(session, {"title": "Call", **about}, cause=SYSTEM),
        "note": notes.create(session, {"text": "Hello\nthere", **about}, cause=SYSTEM),
        "contact": ann,
    }
    services = {"company": companies, "deal": deals, "task": tasks, "note": notes, "contact": contacts}
    for kind, row in rows.items():
        services[kind].delete(session, row, cause=SYSTEM)  # type: ignore[attr-defined]
        (item,) = contents.find(session, kind, FIRST).rows
        assert (item.id, item.kind) == (row.id, kind)
        assert item.name in ("Acme", "Engine", "Call", "Hello there", "Ann")
    assert contents.counts(session) == dict.fromkeys(contents.KINDS, 1)
    for kind, row in rows.items():
        contents.restore(session, kind, row.id, cause=SYSTEM)
        with pytest.raises(InvalidError, match="not in the trash"):
            contents.restore(session, kind, row.id, cause=SYSTEM)
    assert contents.counts(session) == dict.fromkeys(contents.KINDS, 0)
    assert [event.type for event in recorded(session)][-1] == "contact.restored"


def test_what_is_erased_leaves_nothing_of_its_own(session: Session) -> None:
    fields.create(session, {"object": "contact", "label": "Card", "unique": True})
    ann = contacts.create(session, {"emails": ["ann@b.example", "a@b.example"], "fields": {"card": 1}}, cause=SYSTEM)
    deal = deals.create(session, {"title": "Engine", "contact": ann.id}, cause=SYSTEM)
    notes.create(session, {"text": "Hers", "contact_id": ann.id}, cause=SYSTEM)
    notes.create(session, {"text": "The deal's too", "contact_id": ann.id, "deal_id": deal.id}, cause=SYSTEM)
    tasks.create(session, {"title": "Hers", "contact_id": ann.id}, cause=SYSTEM)
    contacts.delete(session, ann, cause=SYSTEM)
    session.commit()
    erasing.erase(session, "contact", ann.id)
    session.commit()
    assert [note.text for note in session.query(Note)] == ["The deal's too"]
    assert session.query(Task).count() == session.query(FieldValue).count() == session.query(ContactEmail).count() == 0
    assert {event.entity_type for event in recorded(session)} == {"deal", "note"}
    assert session.scalar(select(func.count()).where(Event.entity_type == "contact")) == 0
    assert deal.contacts == []
    contacts.create(session, {"email": "a@b.example", "fields": {"card": 1}}, cause=SYSTEM)


def test_only_what_was_deleted_long_ago_is_purged(session: Session) -> None:
    now = utcnow()
    for days in (40, 20, None):
        made = contacts.create(session, {"email": f"{days}@b.example"}, cause=SYSTEM)
        made.deleted_at = now - timedelta(days=days) if days else None
    session.commit()
    assert [erasing.purge(session, "contact", now - timedelta(days=30)) for _ in range(2)] == [1, 0]
    assert {row.email for row in session.query(Contact)} == {"20@b.example", "none@b.example"}
