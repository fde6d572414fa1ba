"""Two tabs edit the same thing, wherever several people edit: merged, asked about, or there again after it was deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import DataTable, Form, Integration, Organization, Schema
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser, Tab

pytestmark = pytest.mark.both_databases


@pytest.fixture
def ada(app: Flask) -> Browser:
    return Browser(app).set_up()


def only(app: Flask, model: Any) -> Any:
    with app.app_context(), system_session(db.engine) as system:
        return system.scalars(select(model).order_by(model.id.desc()).limit(1)).one()


def two(ada: Browser, path: str, form_id: str) -> tuple[Tab, Tab]:
    return Tab(ada.client, path, form_id), Tab(ada.client, path, form_id)


def texts(tab: Tab) -> list[str]:
    found = re.findall(r'<pre class="conflict-text">(.*?)</pre>', tab.html, re.DOTALL)
    return [text.strip() for text in found]


@pytest.fixture
def form(app: Flask, ada: Browser) -> Form:
    fields = {"fields-0-label": "Name", "fields-0-type": "text", "fields-1-label": "E-mail", "fields-1-type": "email"}
    ada.post("/forms/new", {"name": "Contact", "order": ["0", "1"], **fields})
    return only(app, Form)  # type: ignore[no-any-return]


def test_a_form(app: Flask, ada: Browser, form: Form) -> None:
    first, second = two(ada, f"/forms/{form.id}/edit", "form-form")
    first.type(title="Theirs", fields__0__label="Full name").send()
    second.type(thanks="Merci!", fields__1__label="Your e-mail").send()
    saved = only(app, Form)
    assert (saved.title, saved.thanks) == ("Theirs", "Merci!")
    assert [field["label"] for field in saved.fields] == ["Full name", "Your e-mail"]
    first, second = two(ada, f"/forms/{form.id}/edit", "form-form")
    first.type(fields__0__label="One").send()
    second.type(fields__0__label="Two").send(422)
    assert texts(second) == ["Two", "One"]
    second.send(200, _theirs="fields/name/label")
    second.send()
    assert only(app, Form).fields[0]["label"] == "One"


def test_fields_added_in_both_tabs_are_both_there(app: Flask, ada: Browser, form: Form) -> None:
    first, second = two(ada, f"/forms/{form.id}/edit", "form-form")
    for tab, label in ((first, "Phone"), (second, "City")):
        tab.send(200, _add="fields")
        tab.type(fields__2__label=label).send()
    assert [field["key"] for field in only(app, Form).fields] == ["name", "email", "city", "phone"]


def test_a_form_that_was_deleted_can_be_made_again(app: Flask, ada: Browser, form: Form) -> None:
    tab = Tab(ada.client, f"/forms/{form.id}/edit", "form-form")
    ada.post(f"/forms/{form.id}/delete")
    tab.type(title="Still here").send(422)
    assert "This was deleted in the meantime" in tab.html
    tab.send()
    assert only(app, Form).title == "Still here"


def test_a_schema(app: Flask, ada: Browser) -> None:
    ada.post("/schemas/new", {"name": "Order", "rules-0-field": "id", "rules-0-rule": "required"})
    path = f"/schemas/{only(app, Schema).id}"
    first, second = two(ada, path, "schema-form")
    first.type(name="Orders").send()
    second.type(rules__0__field="number").send()
    saved = only(app, Schema)
    assert (saved.name, saved.rules[0]["field"]) == ("Orders", "number")
    first, second = two(ada, path, "schema-form")
    first.type(name="Theirs").send()
    second.type(name="Mine").send(422)
    assert texts(second) == ["Mine", "Theirs"]
    ada.post(f"{path}/delete")
    second.send(422)
    second.send()
    assert only(app, Schema).name == "Mine"


@pytest.fixture
def table(app: Flask, ada: Browser) -> DataTable:
    columns = {"columns-0-label": "Name", "columns-0-type": "text", "columns-1-label": "Size", "columns-1-type": "text"}
    ada.post("/tables/new", {"name": "Parts", **columns})
    return only(app, DataTable)  # type: ignore[no-any-return]


def test_a_table_and_its_columns(app: Flask, ada: Browser, table: DataTable) -> None:
    path = f"/tables/{table.id}/columns"
    first, second = two(ada, path, "column-name")
    first.type(required="y").send()
    second.type(label="Part").send()
    column = only(app, DataTable).columns[0]
    assert (column["label"], column["required"]) == ("Part", True)
    first, second = two(ada, path, "column-name")
    first.type(label="Theirs").send()
    second.type(label="Mine").send(422)
    assert texts(second) == ["Mine", "Theirs"]
    first, second = two(ada, path, "rename")
    first.type(name="Spare parts").send()
    second.type(description="All of them").send()
    assert (only(app, DataTable).name, only(app, DataTable).description) == ("Spare parts", "All of them")


def test_a_column_that_was_renamed_or_removed(app: Flask, ada: Browser, table: DataTable) -> None:
    tab = Tab(ada.client, f"/tables/{table.id}/columns", "column-size")
    ada.post(f"/tables/{table.id}/columns/size/delete")
    answer = ada.client.post(tab.action, data=tab.values | {"label": "Width"})
    assert answer.status_code == 422
    assert "was removed or renamed in the meantime" in answer.text
    assert 'value="Width"' in answer.text


def test_a_record(app: Flask, ada: Browser, table: DataTable) -> None:
    ada.post(f"/tables/{table.id}/records/new", {"name": "Bolt", "size": "M4"})
    path = re.findall(rf"/tables/{table.id}/records/[0-9a-f-]{{36}}", ada.get(f"/tables/{table.id}").text)[0]
    first, second = two(ada, path, "record-form")
    first.type(name="Screw").send()
    second.type(size="M5").send()
    third = Tab(ada.client, path, "record-form")
    assert (third.values["name"], third.values["size"]) == (["Screw"], ["M5"])
    ada.post(path, {"name": "Nut", "size": "M5"})
    third.type(name="Washer").send(422)
    assert texts(third) == ["Washer", "Nut"]
    assert third.values["name"] == ["Washer"]
    ada.post(f"/tables/{table.id}/records/delete", {"id": path.rsplit("/", 1)[1]})
    third.send(422)
    third.send()
    assert "Washer" in ada.get(f"/tables/{table.id}").text


def test_an_integration(app: Flask, ada: Browser) -> None:
    smtp = {"config-provider": "smtp", "config-host": "127.0.0.1", "config-port": "25", "secret-password": "old"}
    ada.post("/integrations/new/email", {"name": "Mail", **smtp})
    path = f"/integrations/{only(app, Integration).id}"
    first, second = two(ada, path, "integration")
    first.type(config__from_name="Shop").send()
    second.type(name="Post").send()
    saved = only(app, Integration)
    assert (saved.name, saved.config["from_name"]) == ("Post", "Shop")
    first, second = two(ada, path, "integration")
    first.type(secret__password="other-secret").send()
    second.type(secret__password="mine").send(422)
    assert texts(second) == ["(a secret)", "(a secret)"]
    assert "other-secret" not in second.html
    assert second.values["secret-password"] == ["mine"]
    second.send()
    ada.post(f"{path}/delete")
    second.send(422)
    assert "This was deleted in the meantime" in second.html
    second.send()
    assert only(app, Integration).name == "Post"


def test_the_organization(app: Flask, ada: Browser) -> None:
    first, second = two(ada, "/settings/organization", "organization")
    first.type(timezone="Europe/Paris").send()
    second.type(name="Acme Ltd").send()
    saved = only(app, Organization)
    assert (saved.name, saved.timezone) == ("Acme Ltd", "Europe/Paris")
    first.type(name="Theirs").send(422)
    assert texts(first) == ["Theirs", "Acme Ltd"]
