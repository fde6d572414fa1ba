"""Validation schemas in the browser, without script."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Schema
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser

NEW = {
    "name": "Contact schema", "rules-0-field": "name", "rules-0-rule": "required",
    "rules-1-field": "email", "rules-1-rule": "email", "rules-1-message": "Not an address",
    "rules-2-field": "", "rules-2-rule": "required", "json_schema": "",
}  # fmt: skip


@pytest.fixture
def ada(app):
    return Browser(app).set_up()


def stored(app):
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(Schema)))


def test_a_schema_is_made_changed_and_deleted(app, ada):
    ada.post("/schemas/new", NEW)
    (schema,) = stored(app)
    assert schema.slug == "contact_schema"
    assert [(rule["field"], rule["rule"]) for rule in schema.rules] == [("name", "required"), ("email", "email")]
    page = ada.get(f"/schemas/{schema.id}").text
    assert 'value="Not an address"' in page and "<code>contact_schema</code>" in page
    ada.post(f"/schemas/{schema.id}", {"name": "Other", "json_schema": '{"type": "object"}'})
    assert (stored(app)[0].name, stored(app)[0].slug, stored(app)[0].rules) == ("Other", "contact_schema", [])
    assert "Other" in ada.get("/schemas").text
    ada.post(f"/schemas/{schema.id}/delete")
    assert stored(app) == []


def test_rows_are_added_and_removed_without_saving(app, ada):
    assert 'name="rules-3-field"' in ada.post("/schemas/new", {**NEW, "_add": "rules"}, 200).text
    assert 'value="email"' not in ada.post("/schemas/new", {**NEW, "_remove": "rules-1"}, 200).text.split("rules-add")[
        0
    ].replace('<option value="email"', "")
    assert stored(app) == []


def test_errors_stand_beside_their_field(app, ada):
    wrong = {**NEW, "name": "", "rules-1-rule": "min", "rules-1-value": "x", "json_schema": "{"}
    page = ada.post("/schemas/new", wrong, 422).text
    assert all(f'id="{name}-error"' in page for name in ("name", "rules-1-value", "json_schema"))
    assert stored(app) == []
