"""Bulk actions in the browser: chosen in a list, asked about with the count, then a job with its page."""

from __future__ import annotations

import json
import re

from sqlalchemy import select

from flowapp.crm import contacts
from flowapp.models import Contact, Job
from flowapp.tasks.jobs import run_job
from tests.pages.crm.conftest import Crm


def people(crm: Crm, count: int = 3) -> list[str]:
    with crm.session() as session:
        return [contacts.create(session, {"first_name": f"P{at}"}, cause=crm.cause).id for at in range(count)]


def work(crm: Crm) -> str:
    """Has the newest job run to its end; its page."""
    with crm.session() as session:
        job_id = session.scalars(select(Job.id).order_by(Job.id.desc())).first()
        assert job_id is not None
    with crm.app.app_context():
        run_job.run(job_id, crm.organization_id)
    return str(crm.ada.get(f"/jobs/{job_id}").text)


def test_what_is_ticked_is_tagged(crm: Crm) -> None:
    ids = people(crm)
    asked = crm.ada.post("/contacts/bulk", {"action": "add_tag", "id": ids[:2]}, 200)
    assert "Selected: 2 contacts<" in asked.text
    assert 'name="start" value="no" checked' in asked.text
    fields = {"action": "add_tag", "id": ids[:2], "count": "2", "go": "1", "tag": "R&D", "start": "yes"}
    begun = crm.ada.post("/contacts/bulk", fields)
    assert begun.status_code == 303
    assert re.fullmatch(r"/jobs/[0-9a-f-]{36}", begun.location)
    shown = work(crm)
    assert "Add the tag “R&amp;D”: 2 contacts" in shown
    assert "Completed" in shown
    assert 'data-live="' not in shown, "it is over"
    assert crm.ada.get("/contacts?tag=r%26d").text.count("/contacts/0") >= 2


def test_all_that_match_are_meant_as_the_list_shows_them(crm: Crm) -> None:
    people(crm)
    listed = crm.ada.get("/contacts?q=P1").text
    stored = re.search(r'name="search" value="([^"]*)"', listed)
    assert stored is not None
    search = stored[1].replace("&#34;", '"').replace("&quot;", '"')
    assert json.loads(search) == {"q": "P1"}
    asked = crm.ada.post("/contacts/bulk", {"action": "delete", "all": "1", "search": search}, 200)
    assert "Selected: 1 contact, all that the filtered list shows" in asked.text
    crm.ada.post("/contacts/bulk", {"action": "delete", "all": "1", "search": search, "count": "1", "go": "1"})
    work(crm)
    with crm.session() as session:
        gone = session.scalars(select(Contact.first_name).where(Contact.deleted_at.is_not(None))).all()
    assert gone == ["P1"]


def test_a_field_is_chosen_then_its_value(crm: Crm) -> None:
    ids = people(crm)
    chosen = crm.ada.post("/contacts/bulk", {"action": "change", "id": ids}, 200)
    assert '<option value="language">' in chosen.text
    assert '<option value="email">' not in chosen.text, "no two contacts share one"
    boxes = crm.ada.post("/contacts/bulk", {"action": "change", "id": ids, "row": "language"}, 200)
    assert 'name="language"' in boxes.text
    fields = {"action": "change", "id": ids, "row": "language", "count": "3", "go": "1"}
    wrong = crm.ada.post("/contacts/bulk", {**fields, "language": "klingon"}, 422)
    assert wrong.status_code == 422
    assert "Enter a language by its code" in wrong.text
    assert crm.ada.post("/contacts/bulk", {**fields, "language": "fr"}).status_code == 303
    work(crm)
    with crm.session() as session:
        assert set(session.scalars(select(Contact.language))) == {"fr"}


def test_other_records_than_were_seen_are_asked_about_again(crm: Crm) -> None:
    people(crm)
    fields = {"action": "delete", "all": "1", "search": "{}", "count": "2", "go": "1"}
    again = crm.ada.post("/contacts/bulk", fields, 200)
    assert again.status_code == 200
    assert 'name="count" value="3"' in again.text
    with crm.session() as session:
        assert session.scalars(select(Job)).all() == []


def test_nothing_chosen_is_said(crm: Crm) -> None:
    people(crm)
    crm.ada.post("/contacts/bulk", {"action": "restore", "all": "1", "search": "{"}, 400)
    crm.ada.post("/contacts/bulk", {"action": "delete"})
    assert "Select at least one record first." in crm.ada.get("/contacts").text
    crm.ada.post("/contacts/bulk", {"action": "fly", "id": "x"})
    assert "Choose what is to be done." in crm.ada.get("/contacts").text
