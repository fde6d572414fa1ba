"""Lists as files: what they show, which columns, harmless in spreadsheets; and an import of such a file changes nothing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
import python_calamine

from tests.api.conftest import Api
from tests.api.crm.test_imports import send

pytestmark = pytest.mark.both_databases
FORMULA = '=HYPERLINK("http://x.example")'


def fill(api: Api) -> None:
    """Records with what is hard to write into a file, and to read back."""
    for noun in ("contact", "company", "deal"):
        for label, kind, more in (
            ("Since", "date", {}), ("Seen", "datetime", {}), ("Share", "number", {}), ("Active", "boolean", {}),
            ("Likes", "multiple_choice", {"options": ["a, b", "c; d", 'e "f"']}), ("Code", "text", {"unique": True}),
            ("Budget", "money", {}),
        ):  # fmt: skip
            api.post("/fields/", {"object": noun, "label": label, "type": kind, **more}, 201)
    own = {
        "since": "2024-02-01", "seen": "2024-02-01T10:00:00+00:00", "share": 1.234, "active": False,
        "likes": ["a, b", 'e "f"'], "code": FORMULA, "budget": 12.5,
    }  # fmt: skip
    api.post("/companies/", {"name": "Acme", "domain": "acme.example", "montant_potentiel": 1234.5, "fields": own}, 201)
    for name in ("Twin", "twin", "12", "acme.example"):
        api.post("/companies/", {"name": name}, 201)
    api.post("/lists/", {"name": "News; old"}, 201)
    ann = api.post(
        "/contacts/",
        {"email": "ann@b.example", "emails": ["ann@b.example", "a@c.example"], "first_name": "-Ann", "last_name": "'=Lee",
         "phone": "+33123456789", "company_id": "3", "owner_id": api.place.user_id, "score": 7, "fields": own},
        201,
    )  # fmt: skip
    api("PUT", f"/contacts/{ann['id']}/tags/", {"tags": ["R&D", "Paris, France", "@home"]}, 200)
    send(api, b'E-mail,Lists\nann@b.example,"""News; old"""\n')
    assert [one["count"] for one in api.get("/lists/")["results"]] == [1]
    api.post("/contacts/", {"first_name": "Nobody", "phone": "+33123456780", "company_id": "acme.example"}, 201)
    api.post(
        "/deals/",
        {"title": "Engine", "montant": 1250.5, "stage": "PERDU", "lost_reason": "Price, and\ntime", "company_id": "2",
         "contact_ids": ["ann@b.example", "2"], "expected_close": "2026-12-31", "description": "One\ntwo", "fields": own},
        201,
    )  # fmt: skip


def table(answer: Any, kind: str) -> list[list[str]]:
    if kind == "csv":
        return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"), newline="")))
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0)
    return [[str(cell) for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_exported_is_imported_without_a_change(api: Api, kind: str) -> None:
    fill(api)
    for noun, plural in (("company", "companies"), ("contact", "contacts"), ("deal", "deals")):
        before = api.get(f"/{plural}/")["results"]
        answer = api.as_("viewer")("GET", f"/{plural}/export/?format={kind}", status=200)
        done = send(api, answer.data, f"{plural}.{kind}", object=noun, create_companies="false")
        counts = api.get(f"/imports/{done['id']}/")
        problems = api("GET", f"/imports/{done['id']}/errors/").text
        assert (counts["done"], counts["changed"], counts["failed"]) == (len(before), 0, 0), problems
        assert api.get(f"/{plural}/")["results"] == before


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_formulas_are_harmless(api: Api, kind: str) -> None:
    for at, text in enumerate((FORMULA, "+1", "-1", "@x", "'=1")):
        api.post("/companies/", {"name": text, "domain": f"c{at}.example"}, 201)
    answer = api("GET", f"/companies/export/?format={kind}&columns=name&sort=created_at", status=200)
    cells = [row[0] for row in table(answer, kind)]
    texts = [FORMULA, "+1", "-1", "@x", "'=1"]
    assert cells == ["name", *(texts if kind == "xlsx" else [f"'{text}" for text in texts])]
    if kind == "xlsx":
        import zipfile

        inside = zipfile.ZipFile(io.BytesIO(answer.data))
        assert b"<f>" not in inside.read("xl/worksheets/sheet1.xml")
        assert b'quotePrefix="1"' in inside.read("xl/styles.xml")


def test_a_file_holds_what_the_list_shows(api: Api) -> None:
    for name in ("Ann", "Bob", "Cid"):
        api.post("/contacts/", {"email": f"{name.lower()}@b.example", "first_name": name, "score": len(name)}, 201)
    api.post("/tasks/", {"title": "Call", "due_date": "2026-12-31", "contact_id": "1"}, 201)
    found = table(api("GET", "/contacts/export/?search=b.example&sort=-email&columns=email,score"), "csv")
    assert found == [["email", "score"], ["cid@b.example", "3"], ["bob@b.example", "3"], ["ann@b.example", "3"]]
    assert len(table(api("GET", "/contacts/export/?search=bob"), "csv")) == 2
    tasks = table(api("GET", "/tasks/export/?columns=title,due_date,contact_id"), "csv")
    assert tasks[1] == ["Call", "2026-12-31", "ann@b.example"]


@pytest.mark.parametrize("query", ["format=pdf", "columns=salary", "sort=salary", "nothing=1"])
def test_what_cannot_be_exported_is_refused(api: Api, query: str) -> None:
    answer = api("GET", f"/contacts/export/?{query}", status=422)
    assert answer.json["errors"][0]["path"] == query.partition("=")[0]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_was_there_before_its_field_was_defined_is_saved_as_it_is(api: Api, kind: str) -> None:
    """A text that is no date was an error of Flowapp; a spreadsheet has no days before 1900."""
    for at, since in enumerate(("soon", 5, ["a"], "1850-01-01", "9999-12-31")):
        api.post("/contacts/", {"email": f"a{at}@b.example", "fields": {"since": since}}, 201)
    api.post("/fields/", {"object": "contact", "label": "Since", "type": "date"}, 201)
    answer = api("GET", f"/contacts/export/?format={kind}&columns=since&sort=created_at", status=200)
    shown = [row[0] for row in table(answer, kind)[1:]]
    assert [*shown[:1], shown[1].removesuffix(".0"), *shown[2:]] == ["soon", "5", "a", "1850-01-01", "9999-12-31"]
