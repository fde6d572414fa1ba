"""Names of 200 characters are taken everywhere, longer ones refused at their field; mails and files carry them."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from tests.e2e.sweep import WORD, WORDS
from tests.support.browser import Browser
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.both_databases
LONG = [WORD, WORDS + "." * (200 - len(WORDS)), "ألف" * 66 + "ba", "🧾" * 200]
FILE = r'attachment; filename="[a-z0-9_-]{1,64}\.(json|csv)"'
# Where a name is typed: the page, the field, and what else its form sends.
COLUMNS = {"columns-0-label": "Name", "columns-0-type": "text"}
FIELDS = {"fields-0-label": "Name", "fields-0-type": "text"}
PLACES: list[tuple[str, str, dict[str, str]]] = [
    ("/workflows/new", "name", {}),
    ("/tables/new", "name", COLUMNS),
    ("/tables/new", "columns-0-label", {"name": "People", "columns-0-type": "text"}),
    ("/forms/new", "name", FIELDS),
    ("/forms/new", "title", {"name": "Ask", **FIELDS}),
    ("/forms/new", "fields-0-label", {"name": "Ask", "fields-0-type": "text"}),
    ("/schemas/new", "name", {"rules-0-field": "email", "rules-0-rule": "required"}),
    (
        "/integrations/new/webhook",
        "name",
        {"config-base_url": "https://api.example.com", "config-auth": "none"},
    ),
    ("/settings/organization", "name", {"timezone": "UTC"}),
    ("/settings/profile", "name", {"timezone": "UTC", "locale": "en", "theme": "auto"}),
    ("/settings/tokens/new", "name", {"role": "viewer", "days": ""}),
]


@pytest.fixture
def ada(app: Any) -> Browser:
    return Browser(app).set_up()


@pytest.mark.parametrize(("path", "field", "others"), PLACES)
def test_a_name_of_200_characters_is_taken_and_a_longer_one_is_refused_at_its_field(
    ada: Browser, path: str, field: str, others: dict[str, str]
) -> None:
    for text in (WORD + "W", "🧾" * 201):
        ada.post(path, {**others, field: text}, 422)
        marked = re.findall(r'<(?:input|textarea|select)[^>]*aria-invalid="true"[^>]*>', ada.text)
        assert [re.search(r'name="([^"]+)"', one)[1] for one in marked] == [field], marked or ada.text[-3000:]  # type: ignore[index]
    for at, text in enumerate(LONG):
        named = {"name": f"{others['name']} {at}"} if "name" in others else {}  # a table's name is taken once
        answer = ada.post(path, {**others, **named, field: text})
        page = ada.client.get(answer.location)
        assert page.status_code == 200, answer.location


def test_what_a_program_sends_is_refused_by_field_too(ada: Browser) -> None:
    token = {"X-CSRFToken": ada.token()}
    step = {"step_id": "a", "action_type": "log", "params": {"message": "m"}}
    bodies: list[tuple[str, dict[str, Any], str]] = [
        ("/workflows/", {"name": WORD + "W"}, "name"),
        ("/workflows/", {"name": "A", "steps": [{**step, "name": WORD + "W"}]}, "steps.0.name"),
        ("/contacts/", {"email": "a@example.com", "first_name": WORD + "W"}, "first_name"),
        ("/contacts/", {"email": "a@example.com", "last_name": WORD + "W"}, "last_name"),
        ("/contacts/", {"email": f"{'a' * 250}@example.com"}, "email"),
    ]
    for path, body, field in bodies:
        answer = ada.client.post(f"/api/v1{path}", json=body, headers=token)
        assert (answer.status_code, [error["path"] for error in answer.json["errors"]]) == (422, [field]), answer.text
    for name in LONG:
        body = {"email": f"c{LONG.index(name)}@example.com", "first_name": name, "last_name": name}
        made = ada.client.post("/api/v1/contacts/", json=body, headers=token)
        assert (made.status_code, made.json["first_name"]) == (201, name)


@pytest.mark.parametrize("name", LONG)
def test_files_carry_them_under_a_name_that_every_system_takes(ada: Browser, name: str) -> None:
    steps = [{"step_id": "a", "name": name, "action_type": "log", "params": {"message": name}}]
    body = {"name": name, "steps": steps}
    made = ada.client.post("/api/v1/workflows/", json=body, headers={"X-CSRFToken": ada.token()})
    exported = ada.get(f"/workflows/{made.json['id']}/export")
    assert re.fullmatch(FILE, exported.headers["Content-Disposition"])
    assert json.loads(exported.data)["workflows"][0]["name"] == name
    where = ada.post("/tables/new", {"name": name, "columns-0-label": name, "columns-0-type": "text"}).location
    table = where.rstrip("/").removesuffix("/records")
    key = re.search(r'name="([a-z0-9_]+)"', ada.get(f"{table}/records/new").text.partition('class="card')[2])[1]  # type: ignore[index]
    ada.post(f"{table}/records/new", {key: name})
    exported = ada.get(f"{table}/export.csv")
    assert re.fullmatch(FILE, exported.headers["Content-Disposition"])
    (row,) = csv.DictReader(io.StringIO(exported.data.decode("utf-8-sig")))
    assert name in row.values()


@pytest.mark.parametrize("name", LONG)
def test_mails_carry_them(ada: Browser, smtp: SmtpServer, name: str) -> None:
    ada.post("/settings/organization", {"name": name, "timezone": "UTC"})
    ada.post("/settings/profile", {"name": name, "timezone": "UTC", "locale": "en", "theme": "auto"})
    ada.post("/settings/members/invite", {"email": "grace@example.com", "role": "viewer"})
    mail = smtp.wait_for(1)[0].message
    assert mail["To"] == "grace@example.com"
    assert mail["Subject"] == f"{name} invites you to {name}"
