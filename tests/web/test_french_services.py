"""What services object to, and what comes with the product, in the reader's language: they say it in English themselves."""

# ruff: noqa: RUF001 - French has apostrophes of its own

from __future__ import annotations

import html
import io
import re
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Form, Organization, Workflow
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser

NBSP = "\N{NO-BREAK SPACE}"
FRENCH = {"Accept-Language": "fr"}
REQUIRED = "Ce champ est obligatoire."
FIELDS = {
    "fields-0-label": "Name", "fields-0-type": "text", "fields-0-required": "y",
    "fields-1-label": "E-mail", "fields-1-type": "email",
}  # fmt: skip
COLUMNS = {
    "columns-0-label": "Name", "columns-0-type": "text", "columns-0-required": "y",
    "columns-1-label": "Amount", "columns-1-type": "number",
}  # fmt: skip


@pytest.fixture
def ada(app: Any) -> Browser:
    browser = Browser(app).set_up()
    browser.client.set_cookie("locale", "fr")
    return browser


def stored(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(model.id)))


def test_a_data_table_objects_in_french(ada: Browser) -> None:
    assert "Donnez un nom" in html.unescape(ada.post("/tables/new", {**COLUMNS, "name": " "}, 422).text)
    path = ada.post("/tables/new", {**COLUMNS, "name": "Contacts"}).location
    page = ada.post(f"{path}/records/new", {"name": "", "amount": "much"}, 422).text
    assert REQUIRED in page
    assert "n’est pas un nombre. Saisissez par exemple 1234.50." in html.unescape(page)
    page = html.unescape(ada.post(f"{path}/columns", {"label": "Kind", "type": "choice"}, 422).text)
    assert "choix" in page
    assert "one per line" not in page and "un par ligne" in page


def test_a_csv_file_that_does_not_fit_says_so_in_french(ada: Browser) -> None:
    path = ada.post("/tables/new", {**COLUMNS, "name": "Contacts"}).location
    content = {"file": (io.BytesIO(b"name,amount\n,much\n"), "x.csv")}
    page = ada.post(f"{path}/import", content, 200, content_type="multipart/form-data").text
    assert REQUIRED in page
    assert "n’est pas un nombre. Saisissez par exemple 1234.50." in html.unescape(page)
    assert "This field is required." not in page


def test_a_schema_objects_in_french(ada: Browser) -> None:
    rule = {"rules-0-field": "a", "rules-0-rule": "requierd"}
    page = html.unescape(ada.post("/schemas/new", {"name": "S", **rule}, 422).text)
    assert f"Vouliez-vous dire «{NBSP}required{NBSP}»" in page


def test_a_hosted_form_objects_in_the_visitors_language(app: Any, ada: Browser) -> None:
    ada.post("/forms/new", {"name": "F", **FIELDS})
    (form,) = stored(app, Form)
    visitor, path = app.test_client(), f"/f/{form.key}"
    assert REQUIRED in visitor.post(path, data={"name": ""}, headers=FRENCH).text
    assert "This field is required." in visitor.post(path, data={"name": ""}).text
    answer = visitor.post(path, json={"name": "A", form.fields[1]["key"]: "x"}, headers=FRENCH)
    assert answer.status_code == 422
    assert [error["message"] for error in answer.get_json()["errors"]] == [
        "Saisissez une adresse e-mail, par exemple ann@example.com."
    ]


def test_accounts_and_integrations_object_in_french(ada: Browser) -> None:
    page = html.unescape(
        ada.post("/settings/profile", {"name": " ", "locale": "fr", "timezone": "UTC", "theme": "auto"}, 422).text
    )
    assert "Saisissez un nom de 200 caractères au maximum." in page
    assert "Cette intégration n’existe pas." in html.unescape(
        ada.get("/integrations/019ad000-0000-7000-8000-000000000000", 404).text
    )


def test_what_a_new_installation_starts_with_is_in_its_owners_language(app: Any) -> None:
    browser = Browser(app)
    browser.client.set_cookie("locale", "fr")
    browser.set_up(demo="y", organization="")
    assert [place.name for place in stored(app, Organization)] == ["Mon organisation"]
    hello, welcome = stored(app, Workflow)
    assert (hello.name, welcome.name) == ("Hello, Flowapp", "Accueillir un nouveau contact")
    greeting = hello.draft["steps"][0]
    assert greeting["name"] == "Rédiger la salutation"
    assert greeting["params"]["set"]["text"] == f"Bonjour {{{{ input.name | default(variables.name) }}}}{NBSP}!"
    assert [field["label"] for field in stored(app, Form)[0].fields] == ["Nom", "E-mail", "Message"]


def test_the_built_in_templates_are_made_in_the_readers_language(app: Any, ada: Browser) -> None:
    page = html.unescape(ada.get("/workflows/new?draft=a").text)
    assert "M’envoyer un e-mail quand un autre service appelle" in page
    ada.post("/workflows/new", {"name": "Avis", "start": "webhook_notice", "filled": "1"})
    (made,) = [workflow for workflow in stored(app, Workflow) if workflow.name == "Avis"]
    assert made.draft["steps"][1]["params"]["subject"] == "Nouvelles données reçues"
    assert re.search(r"[a-z]", made.description)
    assert "webhook" in made.description.lower()
