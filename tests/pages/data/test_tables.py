"""Data tables in the browser, without script."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from flowapp.data import records
from flowapp.extensions import db
from flowapp.models import AuditEntry, DataTable, Event
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.browser import Browser
from tests.support.tenant import add_member, make_tenant

NEW = {
    "name": "Contacts", "columns-0-label": "Name", "columns-0-type": "text", "columns-0-required": "y",
    "columns-1-label": "E-mail", "columns-1-type": "email", "columns-1-unique": "y",
    "columns-2-label": "Amount", "columns-2-type": "number",
    "columns-3-label": "Seen", "columns-3-type": "datetime", "columns-4-label": "", "columns-4-type": "text",
}  # fmt: skip


@pytest.fixture
def ada(app):
    return Browser(app).set_up(timezone="Europe/Paris")


@pytest.fixture
def contacts(ada):
    """The path of the table's page."""
    return ada.post("/tables/new", NEW).location


def stored(app):
    with app.app_context(), system_session(db.engine) as system:
        table = system.scalars(select(DataTable)).one()
    with app.app_context(), tenant_session(db.engine, table.organization_id) as session:
        return list(records.every(session, table))


def test_empty_pages_say_what_to_do_next(ada):
    assert "New table" in ada.get("/tables").text
    assert "New schema" in ada.get("/schemas").text
    assert "New form" in ada.get("/forms").text


def test_a_table_is_made_and_listed(app, ada, contacts):
    page = ada.get(contacts).text
    assert "No records yet" in page and "<code>contacts</code>" in page
    assert "Contacts" in ada.get("/tables").text
    with app.app_context(), system_session(db.engine) as system:
        assert "table.created" in [entry.action for entry in system.scalars(select(AuditEntry))]


def test_rows_of_the_form_are_added_and_removed_without_saving(app, ada):
    page = ada.post("/tables/new", {**NEW, "_add": "columns"}, 200).text
    assert 'name="columns-5-label"' in page and 'value="Contacts"' in page
    page = ada.post("/tables/new", {**NEW, "_remove": "columns-1"}, 200).text
    assert 'value="E-mail"' not in page and 'name="columns-4-label"' not in page
    with app.app_context(), system_session(db.engine) as system:
        assert system.scalars(select(DataTable)).all() == []


def test_a_wrong_definition_comes_back_with_the_error_at_its_field(ada):
    page = ada.post("/tables/new", {**NEW, "name": "", "columns-2-type": "choice"}, 422).text
    assert 'id="name-error"' in page and 'id="columns-2-options-error"' in page


def test_records_are_added_changed_found_and_deleted(app, ada, contacts):
    ada.post(f"{contacts}/records/new", {"name": "Zoë", "email": "zoe@example.com", "seen": "2026-03-31T14:30"})
    ada.post(f"{contacts}/records/new", {"name": "Bob", "amount": "12,50"})
    rows = {row["name"]: row for row in stored(app)}
    assert rows["Zoë"]["seen"].isoformat() == "2026-03-31T12:30:00+00:00"
    assert "12.5" in ada.get(f"{contacts}?sort=amount").text
    found = ada.get(f"{contacts}?q=ZO").text
    assert "Zoë" in found and "Bob" not in found
    assert "Nothing matches" in ada.get(f"{contacts}?q=nobody").text
    path = f"{contacts}/records/{rows['Zoë']['id']}"
    assert 'value="2026-03-31T14:30:00"' in ada.get(path).text
    wrong = ada.post(path, {"name": "", "email": "x", "amount": "y"}, 422).text
    assert all(f'id="{name}-error"' in wrong for name in ("name", "email", "amount"))
    ada.post(path, {"name": "Zoé", "email": "zoe@example.com", "amount": "", "seen": "2026-03-31T14:30:00"})
    assert sorted(row["name"] for row in stored(app)) == ["Bob", "Zoé"]
    assert "already" in ada.post(f"{contacts}/records/new", {"name": "C", "email": "zoe@example.com"}, 422).text
    ada.post(f"{contacts}/records/delete", {"id": [row["id"] for row in stored(app)]})
    assert stored(app) == []


def test_what_becomes_of_a_record_is_a_fact_once(app, ada, contacts):
    zoe = {"name": "Zoë", "email": "zoe@example.com", "amount": "", "seen": ""}
    ada.post(f"{contacts}/records/new", zoe)
    (row,) = stored(app)
    ada.post(f"{contacts}/records/new", {**zoe, "name": ""}, 422)
    for _ in range(2):  # the second time nothing is changed
        ada.post(f"{contacts}/records/{row['id']}", {**zoe, "name": "Zoé"})
    for _ in range(2):  # it is gone already
        ada.post(f"{contacts}/records/delete", {"id": [row["id"]]})
    with app.app_context(), system_session(db.engine) as system:
        found = system.scalars(select(Event).where(Event.entity_id == row["id"]).order_by(Event.id)).all()
        told = [(event.type, event.payload["record"]["name"], event.payload["changes"]) for event in found]
    assert told == [
        ("table.record.created", "Zoë", {}),
        ("table.record.updated", "Zoé", {"name": {"old": "Zoë", "new": "Zoé"}}),
        ("table.record.deleted", "Zoé", {}),
    ]


def test_the_grid_has_pages(app, ada, contacts):
    lines = "".join(f"n{at:03},{at}\n" for at in range(60))
    upload(ada, contacts, f"name,amount\n{lines}".encode())
    load(ada, contacts)
    page = ada.get(f"{contacts}?sort=name").text
    assert "n000" in page and "n049" in page and "n050" not in page
    assert "n050" in ada.get(f"{contacts}?sort=name&cursor=2").text
    for odd in ("cursor=-1", "cursor=x", "cursor=99999999", "sort=organization_id", "sort=-", "q=%00"):
        ada.get(f"{contacts}?{odd}")


def upload(ada, contacts, content, status=200):
    options = {"content_type": "multipart/form-data"}
    return ada.post(f"{contacts}/import", {"file": (io.BytesIO(content), "x.csv")}, status, **options)


def load(ada, contacts, status=303, **more):
    fields = dict(re.findall(r'<input type="hidden" name="(upload|read_as)" value="([^"]*)"', ada.text))
    chosen = {
        name: value
        for name, body in re.findall(r'<select [^>]*id="(map-\d+)"[^>]*>(.*?)</select>', ada.text, re.S)
        for value in re.findall(r'<option selected value="(\w+)"', body)
    }
    kept = {name: html.unescape(value) for name, value in fields.items()}
    return ada.post(f"{contacts}/import", {**chosen, **kept, "_import": "1", **more}, status)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_of_every_spreadsheet_is_read(app, ada, contacts, encoding):
    page = upload(ada, contacts, "Name;E-MAIL;Montant\r\nZoë;z@example.com;3\r\n\r\n".encode(encoding)).text
    assert "All rows are valid: 1." in page
    load(ada, contacts, **{"map-2": "amount"})
    (row,) = stored(app)
    assert (row["name"], row["email"], int(row["amount"])) == ("Zoë", "z@example.com", 3)


def test_a_csv_with_faults_is_all_or_nothing_or_without_them(app, ada, contacts):
    content = b"name,email,amount\nAnn,a@example.com,1\n,b@example.com,2\nCid,a@example.com,3\nDan,,many\nEve,,5\n"
    page = upload(ada, contacts, content).text
    assert "Valid rows: 2. Invalid rows: 3." in page
    assert re.findall(r'<td class="num"[^>]*>(\d)</td><td[^>]*>(E-mail|Name|Amount)</td>', page) == [
        ("3", "Name"), ("4", "E-mail"), ("5", "Amount"),
    ]  # fmt: skip
    assert "Nothing was imported" in load(ada, contacts, 422, bad_rows="stop").text
    assert stored(app) == []
    load(ada, contacts, bad_rows="skip")
    assert [row["name"] for row in stored(app)] == ["Ann", "Eve"]


@pytest.mark.parametrize("content", [b"", b"name\n", b"\x00\x01\x02", b"   \n \n"])
def test_what_is_no_csv_is_refused(ada, contacts, content):
    assert 'id="file-error"' in upload(ada, contacts, content, 422).text


@pytest.mark.parametrize("upload", ["", "!!!", "../../flowapp.db", "x" * 32])
def test_a_tampered_import_is_refused(ada, contacts, upload):
    assert 'id="file-error"' in ada.post(f"{contacts}/import", {"upload": upload, "_import": "1"}, 422).text


def test_export_is_safe_for_spreadsheets_and_comes_back(app, ada, contacts):
    ada.post(f"{contacts}/records/new", {"name": '=HYPERLINK("x")', "amount": "-3"})
    answer = ada.get(f"{contacts}/export.csv")
    assert answer.mimetype == "text/csv" and "contacts.csv" in answer.headers["Content-Disposition"]
    assert "'=HYPERLINK" in answer.text and ",-3," in answer.text
    upload(ada, contacts, answer.data)
    load(ada, contacts)
    assert [row["name"] for row in stored(app)] == ['=HYPERLINK("x")'] * 2


def test_columns_are_added_changed_and_removed(app, ada, contacts):
    ada.post(f"{contacts}/columns", {"label": "Kind", "type": "choice", "options": "new\nold"})
    ada.post(f"{contacts}/columns/amount", {"label": "Sum", "key": "total", "required": "y"})
    assert 'id="new-label-error"' in ada.post(f"{contacts}/columns", {"label": ""}, 422).text
    assert 'id="kind-options-error"' in ada.post(f"{contacts}/columns/kind", {"label": "Kind", "options": ""}, 422).text
    ada.post(f"{contacts}/columns/email/delete")
    ada.post(f"{contacts}/columns/nothing/delete", status=404)
    ada.post(f"{contacts}/rename", {"name": "People", "description": "All"})
    page = ada.get(f"{contacts}/columns").text
    assert "<code>total</code>" in page and "People" in page and "<code>email</code>" not in page
    ada.post(f"{contacts}/delete")
    ada.get(contacts, 404)


def test_roles_and_organizations(app, ada, contacts):
    with app.app_context():
        stranger = make_tenant(db.engine, "Other")
        with system_session(db.engine) as system:
            organization_id = system.scalars(select(DataTable)).one().organization_id
        mine = replace(stranger, organization_id=organization_id)
        members = {role: add_member(db.engine, mine, role) for role in ("viewer", "operator")}
    client = app.test_client()
    assert client.get(contacts, headers=stranger.headers).status_code == 404
    for role, statuses in (("viewer", (200, 403, 403, 403)), ("operator", (200, 200, 403, 403))):
        headers = members[role].headers
        paths = (contacts, f"{contacts}/records/new", f"{contacts}/import", "/tables/new")
        assert tuple(client.get(path, headers=headers).status_code for path in paths) == statuses


def test_two_columns_of_a_file_cannot_go_into_one(ada, contacts):
    upload(ada, contacts, b"name,other\nZoe,Ben\n")
    page = load(ada, contacts, 422, **{"map-0": "name", "map-1": "name"}).text
    assert "Another column of the file goes into “Name” already." in page
    assert re.search(r'<select [^>]*aria-invalid="true"[^>]*id="map-1"', page)
    load(ada, contacts, **{"map-0": "", "map-1": "name"})
    assert "Ben" in ada.get(contacts).text


def test_a_choice_that_is_not_offered_any_more_stays_while_it_is_not_changed(ada, contacts):
    ada.post(f"{contacts}/columns", {"label": "Size", "type": "choice", "options": "S\r\nM"})
    ada.post(f"{contacts}/records/new", {"name": "Zoe", "size": "M"})
    ada.post(f"{contacts}/columns/size", {"label": "Size", "key": "size", "options": "S\nL"})
    record = re.search(r'href="(/tables/[^"]+/records/[0-9a-f-]{36})"', ada.get(contacts).text)[1]
    assert '<option selected value="M">M</option>' in ada.get(record).text
    ada.post(record, {"name": "Zoé", "size": "M"})
    page = ada.get(contacts).text
    assert "Zoé" in page and ">M<" in page


def test_lines_of_a_long_text_end_as_they_do_elsewhere(ada, contacts):
    ada.post(f"{contacts}/columns", {"label": "Notes", "type": "long_text"})
    ada.post(f"{contacts}/records/new", {"name": "Zoe", "notes": "one\r\ntwo"})
    assert b"one\ntwo" in ada.get(f"{contacts}/export.csv").data
