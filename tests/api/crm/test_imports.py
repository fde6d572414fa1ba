"""Imports over the API: a file or rows, tried and taken, with what failed to be sent again."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flowapp.extensions import db
from flowapp.models import Contact, Event, ImportPart, Job
from flowapp.models.tenancy import tenant_session
from flowapp.records.jobs import KINDS, Batch
from flowapp.tasks import runtime
from flowapp.tasks.jobs import run_job
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, hand_on, listening
from tests.support.statements import noted

pytestmark = pytest.mark.both_databases
CSV = "E-mail;Prénom;Nom;Score;Société\nann@b.example;Ann;Lee;12;Acme\nbob;Bob;Ray;x;\ncid@b.example;;;;\n"


def send(api: Api, content: bytes, name: str = "people.csv", status: int = 202, **fields: Any) -> Any:
    data = {"object": "contact", **fields, "file": (io.BytesIO(content), name)}
    answer = api("POST", "/imports/", status=status, data=data, content_type="multipart/form-data").json
    if answer.get("job"):
        run_job.run(answer["job"], api.place.id)
    return answer


def emails(api: Api) -> list[str]:
    return sorted(row["email"] for row in api.get("/contacts/")["results"])


def test_a_file_is_tried_taken_and_its_errors_are_sent_again(api: Api) -> None:
    operator = api.as_("operator")
    tried = send(operator, CSV.encode("cp1252"), status=200, dry_run="true")
    assert tried["mapping"] == {
        "E-mail": "email", "Prénom": "first_name", "Nom": "last_name", "Score": "score", "Société": "company_id",
    }  # fmt: skip
    assert (tried["encoding"], tried["separator"], tried["rows"], tried["status"]) == ("cp1252", ";", 3, "draft")
    trial = tried["dry_run"]
    assert {name: trial[name] for name in ("checked", "created", "failed")} == {"checked": 3, "created": 2, "failed": 1}
    assert [(one["line"], one["column"]) for one in trial["problems"]] == [(3, "E-mail"), (3, "Score")]
    assert emails(api) == []
    started = operator.post(f"/imports/{tried['id']}/start/", status=202)
    run_job.run(started["job"], api.place.id)
    done = api.get(f"/imports/{tried['id']}/")
    assert (done["status"], done["done"], done["changed"], done["failed"]) == ("completed", 3, 2, 1)
    assert emails(api) == ["ann@b.example", "cid@b.example"]
    errors = operator("GET", f"/imports/{tried['id']}/errors/", status=200).text
    header, line = errors.lstrip("\ufeff").splitlines()
    assert header == "E-mail;Prénom;Nom;Score;Société;error"
    assert line.startswith('bob;Bob;Ray;x;;"E-mail: ') and "Score: " in line
    corrected = errors.replace("bob;", "bob@b.example;").replace(";x;", ";7;")
    again = send(operator, corrected.encode())
    assert again["mapping"] == tried["mapping"]
    assert emails(api) == ["ann@b.example", "bob@b.example", "cid@b.example"]
    operator.post(f"/imports/{tried['id']}/start/", status=409)
    operator.post(f"/imports/{tried['id']}/cancel/", status=409)
    assert api.get("/imports/")["count"] == 2


def test_rows_are_sent_as_json_and_the_timeline_names_the_file(api: Api) -> None:
    body = {
        "object": "deal", "file_name": "deals 2026", "mapping": {"Deal": "title", "Amount": "value", "Step": "stage"},
        "rows": [{"Deal": "Engine", "Amount": 1250.5, "Step": "qualification", "Note": "x"}, {"Deal": "Wheel"}],
    }  # fmt: skip
    started = api.post("/imports/", body, status=202)
    run_job.run(started["job"], api.place.id)
    deals = api.get("/deals/?search=engine")["results"]
    assert [(one["title"], one["montant"], one["stage"]) for one in deals] == [("Engine", 1250.5, "QUALIFICATION")]
    entry = api.get(f"/deals/{deals[0]['id']}/timeline/")["results"][0]
    assert (entry["by"]["kind"], entry["by"]["name"]) == ("import", "deals 2026")
    assert api.get(f"/imports/{started['id']}/")["status"] == "completed"


def test_a_workbook_is_imported_with_its_types(api: Api) -> None:
    api.post("/fields/", {"object": "contact", "label": "Since", "type": "date"}, 201)
    api.post("/fields/", {"object": "contact", "label": "Share", "type": "number"}, 201)
    api.post("/fields/", {"object": "contact", "label": "Active", "type": "boolean"}, 201)
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("People")
        day, percent = book.add_format({"num_format": "dd/mm/yyyy"}), book.add_format({"num_format": "0%"})
        sheet.merge_range(0, 0, 0, 4, "Our people")
        sheet.write_row(1, 0, ["Email", "Since", "Share", "Active", "Last name"])
        sheet.write_row(2, 0, ["ann@b.example"])
        sheet.write_datetime(2, 1, datetime(2024, 2, 1), day)
        sheet.write_number(2, 2, 0.125, percent)
        sheet.write_boolean(2, 3, True)
        sheet.write_number(2, 4, 2024)
        sheet.write_row(3, 0, ["bob@b.example"])
        sheet.write_formula(3, 2, "=1/0", None, "#DIV/0!")
        sheet.write_formula(3, 3, "=1=2", None, False)
        sheet.write_blank(60, 9, None, percent)
    answer = send(api, file.getvalue(), "people.xlsx")
    assert (answer["sheet"], answer["rows"]) == ("People", 2)
    ann, bob = (api.get(f"/contacts/?email={name}@b.example")["results"][0] for name in ("ann", "bob"))
    assert ann["fields"] == {"since": "2024-02-01", "share": 0.125, "active": True}
    assert ann["last_name"] == "2024"
    assert bob["fields"] == {"since": None, "share": None, "active": False}


@pytest.mark.parametrize(("asked", "expected"), [("false", 0), ("true", 2)])
def test_imports_start_no_workflows_unless_asked(api: Api, asked: str, expected: int) -> None:
    workflow_id = listening(api, "contact_created")
    send(api, CSV.encode(), start_workflows=asked)
    hand_on()
    assert len(executions(api, workflow_id)) == expected


BAD: list[tuple[dict[str, Any], bytes, str, int]] = [
    ({"object": "task"}, CSV.encode(), "object", 422),
    ({"mode": "x"}, CSV.encode(), "mode", 422),
    ({"match": "score"}, CSV.encode(), "match", 422),
    ({"mapping": "{"}, CSV.encode(), "mapping", 422),
    ({"mapping": json.dumps({"Nowhere": "email"})}, CSV.encode(), "mapping.Nowhere", 422),
    ({"mapping": json.dumps({"E-mail": "salary"})}, CSV.encode(), "mapping.0", 422),
    ({"mapping": json.dumps({"E-mail": "email", "Nom": "email"})}, CSV.encode(), "mapping.2", 422),
    ({"mapping": "{}"}, CSV.encode(), "mapping", 422),
    ({"encoding": "utf-8"}, CSV.encode("cp1252"), "encoding", 422),
    ({"sheet": "Nowhere"}, b"PK\x03\x04 no workbook", "file", 422),
    ({}, b"", "file", 422),
    ({}, b"E-mail\n", "file", 422),
    ({}, b"\x00\x01\x02", "file", 422),
    ({}, (";".join(f"c{at}" for at in range(10_000)) + "\n" + "x;" * 9_999 + "x\n").encode(), "file", 422),
]


@pytest.mark.parametrize(("fields", "content", "path", "status"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_imported_is_refused_by_its_name(
    api: Api, fields: dict[str, Any], content: bytes, path: str, status: int
) -> None:
    answer = send(api, content, status=status, **fields)
    assert [one["path"] for one in answer["errors"]] == [path]
    assert api.get("/imports/")["count"] == 0


def test_who_may_not_write_may_not_import(api: Api) -> None:
    send(api.as_("viewer"), CSV.encode(), status=403)
    api.get("/imports/01a22c6b-ea3f-73ae-8bf4-5a55b34f6625/", status=404)
    assert "file" in json.dumps(
        api("POST", "/imports/", status=422, data={"object": "contact"}, content_type="multipart/form-data").json
    )


def test_a_worker_that_dies_in_the_middle_leaves_nothing_twice(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "\n".join(f"p{at}@b.example;{at};vip" for at in range(400))
    content = f"E-mail;Score;Tags\n{rows}\np0@b.example;999;vip\nbad;1;\n".encode()
    answer = api(
        "POST", "/imports/", status=202, data={"object": "contact", "file": (io.BytesIO(content), "p.csv")},
        content_type="multipart/form-data",
    ).json  # fmt: skip
    take, batches = KINDS["import"].run, list[int]()

    def dies_once(session: Session, job: Job, limit: int) -> Batch:
        batch = take(session, job, limit)
        batches.append(batch.done)
        if len(batches) == 2:
            raise KeyboardInterrupt  # all is written, nothing is committed
        return batch

    monkeypatch.setitem(KINDS, "import", replace(KINDS["import"], run=dies_once))
    with pytest.raises(KeyboardInterrupt):
        run_job.run(answer["job"], api.place.id)
    with tenant_session(runtime().engine, api.place.id) as session:
        session.execute(update(Job).values(lease_until=None))
        session.commit()
    run_job.run(answer["job"], api.place.id)
    done = api.get(f"/imports/{answer['id']}/")
    assert (done["status"], done["done"], done["changed"], done["failed"]) == ("completed", 402, 401, 1)
    assert len(batches) > 2
    with tenant_session(runtime().engine, api.place.id) as session:
        counts = dict(session.execute(select(Event.type, func.count(Event.id)).group_by(Event.type)).all())
        assert counts == {"contact.created": 400, "contact.updated": 1, "contact.tag_added": 400}
        assert session.scalar(select(func.count(Contact.id))) == 400
        assert session.scalar(select(Contact.score).where(Contact.email == "p0@b.example")) == 999
        assert session.scalar(select(func.count()).select_from(ImportPart)) == 0


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("a\r\nb\rc", ["a", "b", "c"]),
        (["a;b", ["c;d"]], ["a;b", "['c;d']"]),
    ],
)
def test_cells_with_several_values_are_read_whatever_stands_in_them(api: Api, cell: object, tags: list[str]) -> None:
    """A carriage return was an error of Flowapp; each list in a list doubled the quotation marks of the one before."""
    body = {"object": "contact", "mapping": {"E": "email", "T": "tags"}, "rows": [{"E": "ann@b.example", "T": cell}]}
    run_job.run(api.post("/imports/", body, status=202)["job"], api.place.id)
    (ann,) = api.get("/contacts/")["results"]
    assert sorted(api.get(f"/contacts/{ann['id']}/tags/")["tags"]) == sorted(tags)


def test_a_value_without_an_end_fails_its_row(api: Api) -> None:
    deep: Any = "a;b"
    for _ in range(40):
        deep = [deep]
    body = {
        "object": "contact", "dry_run": True, "mapping": {"E": "email", "T": "tags"},
        "rows": [{"E": "ann@b.example", "T": "x" * 200_000}, {"E": "bob@b.example", "T": deep}, {"E": "cat@b.example"}],
    }  # fmt: skip
    trial = api.post("/imports/", body)["dry_run"]
    assert (trial["created"], trial["problems"][0]["column"]) == (2, "T")


def test_rows_with_ever_other_columns_are_no_table(api: Api) -> None:
    """1 MiB of them was a table of a billion cells."""
    rows = [{f"{row}-{at}": 1 for at in range(8)} for row in range(5000)]
    answer = api.post("/imports/", {"object": "contact", "rows": rows}, status=422)
    assert [one["path"] for one in answer["errors"]] == ["rows"]


def test_a_list_of_imports_reads_their_jobs_at_once(api: Api, app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    counts = []
    for more in (1, 4):
        for at in range(more):
            send(api, f"E-mail\n{more}-{at}@b.example\n".encode())
        with noted(engine) as statements:
            listed = api.get("/imports/")["results"]
        assert {one["status"] for one in listed} == {"completed"} and len(listed) == (1 if more == 1 else 5)
        counts.append(len(statements))
    assert counts[1] <= counts[0]  # the first one may note when the token was used
