"""Importing records in the browser: the file, its columns, what would happen, and the job."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.models import Company, Contact, Import, Job
from flowapp.tasks.jobs import run_job
from tests.pages.crm.conftest import Crm

CSV = "Courriel;Prénom;Remarks;Entreprise\nann@b.example;Ann;=1+1;Acme\nbob;Bob;x;\n"


def upload(crm: Crm, content: bytes, name: str = "people.csv", noun: str = "contact", status: int = 303) -> Any:
    return crm.ada.post(f"/imports/new/{noun}", {"file": (io.BytesIO(content), name)}, status)


def boxes(html: str) -> dict[str, str]:
    """What the page's selects stand on."""
    found = re.findall(r'<select [^>]*id="([^"]+)"[^>]*>(.*?)</select>', html, re.S)
    return {name: (re.findall(r'<option selected value="([^"]*)"', body) or [""])[0] for name, body in found}


def run(crm: Crm, location: str) -> Job:
    job_id = location.rpartition("/")[2]
    with crm.app.app_context():
        run_job.run(job_id, crm.organization_id)
    with crm.session() as session:
        return session.get_one(Job, job_id)


def test_a_file_is_mapped_checked_and_imported(crm: Crm) -> None:
    assert "Import" in crm.ada.get("/contacts").text
    place = upload(crm, CSV.encode("utf-16")).location
    html = crm.ada.get(place).text
    assert boxes(html) == {
        "encoding": "utf-16", "separator": ";", "map-0": "email", "map-1": "first_name", "map-2": "", "map-3": "company_id",
        "match": "", "mode": "both",
    }  # fmt: skip
    assert "ann@b.example" in html and 'name="_import"' not in html
    typed = {**boxes(html), "create_companies": "y"}
    checked = crm.ada.post(place, {**typed, "_check": "1"}, 200).text
    assert "Rows that cannot be imported as they are: 1." in checked
    assert "Enter an e-mail address, for example" in checked
    started = crm.ada.post(place, {**typed, "_import": "1"})
    job = run(crm, started.location)
    assert (job.status, job.done, job.changed, job.failed) == ("completed", 2, 1, 1)
    shown = crm.ada.get(started.location).text
    assert "Created: 1." in shown and "Download error file" in shown
    assert '<th scope="col">Line</th>' in shown
    assert all(f'href="{way}"' in shown for way in ("/contacts", "/imports/new/contact")), "the way on"
    # Separated as the file that was sent: Excel in French puts lines with commas into one column.
    errors = crm.ada.get(f"{started.location}/errors.csv").text.splitlines()
    assert errors[0].lstrip("\ufeff") == "Courriel;Prénom;Remarks;Entreprise;error" and errors[1].startswith(
        "bob;Bob;x;;"
    )
    with crm.session() as session:
        (ann,) = session.scalars(select(Contact)).all()
        assert (ann.first_name, session.scalars(select(Company.name)).all()) == ("Ann", ["Acme"])
        html = crm.ada.get(f"/contacts/{ann.id}").text
    assert "people.csv" in html
    assert crm.ada.get(place, 303).location == started.location


def test_the_mapping_is_remembered_and_may_be_changed(crm: Crm) -> None:
    place = upload(crm, CSV.encode()).location
    first = run(
        crm,
        crm.ada.post(
            place, {**boxes(crm.ada.get(place).text), "map-2": "last_name", "create_companies": "y", "_import": "1"}
        ).location,
    )
    assert first.changed == 1
    turned = "Entreprise;Remarks;Courriel;Prénom;error\n;Lee;ann@b.example;;No\n"
    again = boxes(crm.ada.get(upload(crm, turned.encode()).location).text)
    assert {name: again[name] for name in again if name.startswith("map-")} == {
        "map-0": "company_id", "map-1": "last_name", "map-2": "email", "map-3": "first_name", "map-4": "",
    }  # fmt: skip


def test_a_blank_first_name_leaves_the_first_name(crm: Crm) -> None:
    ann = crm.contact("ann@b.example", first_name="Ann", last_name="Ray")
    place = upload(crm, b"email,first name,last name\nann@b.example,,Lee\n\n,,\n").location
    run(crm, crm.ada.post(place, {**boxes(crm.ada.get(place).text), "_import": "1"}).location)
    kept = crm.get(Contact, ann)
    assert (kept.first_name, kept.last_name) == ("Ann", "Lee")


def test_the_file_can_be_read_in_another_way(crm: Crm) -> None:
    place = upload(crm, "Name;Note\nŽofie;Plzeň\n".encode("cp1250"), noun="company").location
    html = crm.ada.get(place).text
    assert "Plzeň" not in html
    assert "Plzeň" in crm.ada.post(place, {**boxes(html), "encoding": "cp1250", "_check": "1"}, 200).text
    refused = crm.ada.post(place, {**boxes(html), "encoding": "utf-8"}, 422).text
    assert "line 2 cannot be read" in refused


@pytest.mark.parametrize(
    ("typed", "where"),
    [({"map-0": ""}, "Choose where at least one column"), ({"map-1": "email"}, "map-1-error"), ({"mode": "x"}, "mode-error"),
     ({"match": "x"}, "match-error")],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_box(crm: Crm, typed: dict[str, str], where: str) -> None:
    place = upload(crm, b"email,other\nann@b.example,x\n").location
    html = crm.ada.post(place, {**boxes(crm.ada.get(place).text), **typed, "_import": "1"}, 422).text
    assert where in html
    with crm.session() as session:
        assert session.scalars(select(Import.started_at)).all() == [None]


def test_what_is_no_file_is_refused(crm: Crm) -> None:
    for content in (b"", b"PK\x03\x04nothing", b"\x00\x00", b"email\n"):
        assert 'id="file-error"' in upload(crm, content, status=422).text
    assert 'id="file-error"' in crm.ada.post("/imports/new/contact", {}, 422).text
    crm.ada.get("/imports/new/task", 404)
    crm.member("viewer").get("/imports/new/contact", 403)
