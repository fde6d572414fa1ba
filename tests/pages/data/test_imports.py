"""CSV files in the browser: how a file is read can be chosen, what is exported comes back, and nothing is lost on the way."""

from __future__ import annotations

import csv
import io
import re

import pytest

from flowapp.config import MAX_FILE
from tests.pages.data import test_tables
from tests.pages.data.test_tables import load, stored, upload

ada, contacts = test_tables.ada, test_tables.contacts
FOLDER = "uploads"


def chosen(page, name):
    """What a choice of the page stands on."""
    (body,) = re.findall(rf'<select [^>]*id="{name}"[^>]*>(.*?)</select>', page, re.S)
    return re.findall(r'<option selected value="([^"]*)"', body)


def test_the_encoding_and_the_separator_are_found_shown_and_chosen(app, ada, contacts):
    content = "Name;Note\nŽofie;Plzeň\n".encode("cp1250")
    page = upload(ada, contacts, content).text
    assert (chosen(page, "encoding"), chosen(page, "separator")) == (["cp1252"], [";"])
    assert "Plzeň" not in page
    page = load(ada, contacts, 200, _import="", encoding="cp1250", separator=";").text
    assert "Plzeň" in page and chosen(page, "encoding") == ["cp1250"]
    load(ada, contacts, encoding="cp1250", separator=";")
    assert [row["name"] for row in stored(app)] == ["Žofie"]


def test_another_reading_is_shown_before_it_is_imported(app, ada, contacts):
    assert chosen(upload(ada, contacts, b"a;b,name\n1;2,Ann\n3;4,Bob\n").text, "separator") == [";"]
    page = load(ada, contacts, 200, separator=",").text
    assert stored(app) == [] and "a;b" in page and chosen(page, "map-1") == ["name"]
    load(ada, contacts, separator=",")
    assert [row["name"] for row in stored(app)] == ["Ann", "Bob"]


def test_an_encoding_that_does_not_fit_leaves_the_file_where_it_is(ada, contacts):
    upload(ada, contacts, "Name\nZoé\n".encode("cp1252"))
    page = load(ada, contacts, 422, encoding="utf-8").text
    assert "line 2 cannot be read" in page and 'id="encoding-error"' in page
    assert "Zoé" in load(ada, contacts, 200, encoding="cp1252", _import="").text


def test_titles_above_the_names_are_left_out_and_named(app, ada, contacts):
    page = upload(ada, contacts, b"Export of March\n\nName;E-mail\nAnn;ann@example.com\n").text
    assert "Skipped above the column names: Export of March." in page
    load(ada, contacts)
    assert [(row["name"], row["email"]) for row in stored(app)] == [("Ann", "ann@example.com")]


def test_a_file_of_which_nothing_is_used_is_not_imported(app, ada, contacts):
    ada.post("/tables/new", {"name": "Free", "columns-0-label": "Anything", "columns-0-type": "text"})
    free = ada.get("/tables").text
    path = next(found for found in re.findall(r'href="(/tables/[0-9a-f-]{36})"', free) if found != contacts)
    upload(ada, path, b"one,two\n1,2\n")
    page = load(ada, path, 422).text
    assert "Choose where at least one column of the file goes" in page
    load(ada, path, 303, **{"map-0": "anything"})


def test_a_row_with_a_cell_too_many_is_a_fault(app, ada, contacts):
    page = upload(ada, contacts, b"name,amount\nAnn,1,5\nBob,2\n").text
    assert "Valid rows: 1. Invalid rows: 1." in page and "more cells than column names" in page
    load(ada, contacts, bad_rows="skip")
    assert [row["name"] for row in stored(app)] == ["Bob"]


def large(ada, path, content, status=200):
    """A file of any size: werkzeug's test client leaves those open that it writes to disk."""
    parts = {'name="csrf_token"': ada.token().encode(), 'name="file"; filename="x.csv"': content}
    body = b"".join(
        b"--cut\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (name.encode(), part)
        for name, part in parts.items()
    )
    answer = ada.client.post(
        f"{path}/import", data=body + b"--cut--\r\n", content_type="multipart/form-data; boundary=cut"
    )
    ada.text = answer.text
    assert answer.status_code == status, answer.text[:500]
    return answer


def test_the_page_states_the_limits_and_larger_files_are_refused(app, ada, contacts):
    assert "Up to 10 MiB and 50,000 rows" in ada.get(f"{contacts}/import").text
    page = large(ada, contacts, b"name\n" + b"x" * MAX_FILE, 422).text
    assert "at most 10 MiB" in page and 'id="file-error"' in page
    assert large(ada, contacts, b"name\n" + b"x" * (2 * MAX_FILE), 413)
    assert not list((app.extensions["settings"].data_dir / FOLDER).iterdir())


def test_what_is_exported_is_imported_again(app, ada, contacts):
    """10,000 rows are 1.7 MB, more than any other request may have."""
    odd = ['=HYPERLINK("x")', "'=1+1", "''@x", "-", 'a "quote", a; b', "two\nlines", "ünï 漢字 🎉"]
    names = [
        *odd,
        *(f"Person number {at} with a rather long name that fills the line" for at in range(len(odd), 10_000)),
    ]
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(["name", "email", "amount", "seen"])
    for at, name in enumerate(names):
        safe = f"'{name}" if name.startswith(("=", "'", "-")) else name
        writer.writerow([safe, f"person-{at}@some-company.example.com", f"{at}.25", "2026-03-31T14:30:00+02:00"])
    assert "All rows are valid: 10000." in large(ada, contacts, made.getvalue().encode()).text
    load(ada, contacts)
    assert [row["name"] for row in stored(app)] == names
    exported = ada.get(f"{contacts}/export.csv").data
    assert len(exported) > 1_500_000
    ada.post("/tables/new", {**test_tables.NEW, "name": "Copy"})
    page = ada.get("/tables").text
    copy = next(found for found in re.findall(r'href="(/tables/[0-9a-f-]{36})"', page) if found != contacts)
    assert "All rows are valid: 10000." in large(ada, copy, exported).text
    load(ada, copy)
    again = ada.get(f"{copy}/export.csv").data
    assert columns(again) == columns(exported)
    assert not list((app.extensions["settings"].data_dir / FOLDER).iterdir())


def columns(exported):
    """What is not made anew by an import."""
    return [row[1:-2] for row in csv.reader(io.StringIO(exported.decode("utf-8-sig"), newline=""))]


def test_an_upload_is_for_whoever_made_it(app, ada, contacts):
    upload(ada, contacts, b"name\nAnn\n")
    token = re.findall(r'name="upload" value="([^"]+)"', ada.text)[0]
    (file,) = (app.extensions["settings"].data_dir / FOLDER).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    from flowapp.data.uploads import Uploads
    from flowapp.errors import InvalidError

    uploads = Uploads(file.parent)
    with pytest.raises(InvalidError, match="Choose the file again"):
        uploads.read("somebody else", token)
    for _ in range(9):
        uploads.keep("somebody else", io.BytesIO(b"x"), 10)
    assert len(list(file.parent.iterdir())) == 1 + 5
