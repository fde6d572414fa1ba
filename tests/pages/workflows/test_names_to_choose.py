"""Columns and fields are chosen from what there is; others, and expressions, can still be typed."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.data import forms
from flowapp.extensions import db
from flowapp.models import Workflow
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_steps import LOG, Site

SAVE = {
    "step_id": "save", "name": "Save", "action_type": "database_save",
    "params": {"table": "contacts", "data": {"name": "x"}, "mode": "upsert", "match": ["name", "town"]},
}  # fmt: skip
FIND = {
    "step_id": "find", "name": "Find", "action_type": "database_query",
    "params": {"table": "contacts", "where": {"name": "x"}, "columns": ["name"]},
}  # fmt: skip
MAKE = {
    "step_id": "make", "name": "Make", "action_type": "transform_data",
    "params": {"set": {"city": "Lyon", "who": {"name": "Ann"}}},
}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[SAVE, FIND, MAKE, LOG])


def listed(page: str, control: str) -> list[str]:
    """What the list of a text box offers."""
    name = re.search(rf'<input[^>]*id="{control}"[^>]*\blist="([^"]*)"', page)
    assert name, control
    options = re.search(rf'<datalist id="{name[1]}">(.*?)</datalist>', page, re.DOTALL)
    assert options, name[1]
    return [html.unescape(value) for value in re.findall(r'value="([^"]*)"', options[1])]


def boxes(page: str, name: str) -> dict[str, bool]:
    found = re.findall(rf'<input type="checkbox"[^>]*name="{name}" value="([^"]*)"[^>]*?( checked)?>', page)
    return {html.unescape(value): bool(checked) for value, checked in found}


COLUMNS = ["name", "id", "created_at", "updated_at"]


def test_columns_of_the_chosen_table_are_offered(site: Site) -> None:
    page = site.get("/steps/find")
    assert listed(page, "p-where-0-key") == COLUMNS
    assert listed(page, "p-order_by") == COLUMNS
    assert list(boxes(page, "p-columns")) == COLUMNS
    nothing = site.get("/new-step/database_query")
    assert "p-where-names" not in nothing
    assert not boxes(nothing, "p-columns")


def test_what_the_table_does_not_have_stays_typed_and_is_flagged(site: Site) -> None:
    page = site.get("/steps/save")
    assert boxes(page, "p-match") == {"name": True, "id": False, "created_at": False, "updated_at": False}
    assert re.search(r'id="p-match-others" name="p-match" value="town"', page)
    assert "has no column “town”" in html.unescape(site.get("/steps"))


def test_boxes_and_typed_names_are_saved_together_and_an_expression_as_it_is(site: Site) -> None:
    posted = {
        "name": "Save", "p__table": "contacts", "p__mode": "upsert", "p__data__rows": "1",
        "p__data__0__key": "name", "p__data__0__value": "y",
    }  # fmt: skip
    assert site.post("/steps/save", **posted, p__match=["", "id", "name, town"]).status_code == 303
    assert site.draft["steps"][0]["params"]["match"] == ["id", "name", "town"]
    whole = "{{ ['name', 'id'] | join(',') | split(',') }}"
    assert site.post("/steps/save", **posted, p__match=["", whole]).status_code == 303
    assert site.draft["steps"][0]["params"]["match"] == whole
    page = site.get("/steps/save")
    assert not any(boxes(page, "p-match").values())
    assert html.escape(whole).replace("&#x27;", "&#39;") in page
    assert site.post("/steps/save", **posted, p__match=["", ""]).status_code == 422


def test_rows_offer_the_fields_of_what_they_work_on(site: Site) -> None:
    fields = ["city", "who", "who.name"]
    posted = {"name": "T", "p__data": "{{ steps.make.result }}", "p__operations__rows": "1", "_refresh": "1"}
    rename = {"p__operations__0__op": "rename", "p__operations__0__field": "city", "p__operations__0__to": "town"}
    pick = {"p__operations__1__op": "pick"}
    page = site.post("/new-step/transform_data?after=make", **posted, **rename, **pick).text
    assert listed(page, "p-operations-0-field") == fields
    assert list(boxes(page, "p-operations-1-fields")) == ["who", "who.name", "town"]
    condition = {"p__operations__0__op": "filter", "p__operations__0__conditions__mode": "all",
                 "p__operations__0__conditions__items__0__field": ""}  # fmt: skip
    page = site.post("/new-step/transform_data?after=make", **posted, **condition).text
    assert listed(page, "p-operations-0-conditions-items-0-field") == [f"item.{name}" for name in fields]
    rules = {"name": "V", "p__data": "{{ steps.make.result }}", "p__rules__rows": "1", "_refresh": "1"}
    page = site.post("/new-step/validate_data?after=make", **rules, p__rules__0__field="").text
    assert listed(page, "p-rules-0-field") == fields


def test_conditions_offer_the_values_of_the_page(site: Site) -> None:
    page = site.post("/new-step/conditional?after=make", name="If", _add="p-conditions-items").text
    assert "steps.make.city" in listed(page, "p-conditions-items-0-field")


def test_an_answer_that_the_form_does_not_ask_for_is_flagged(app: Any) -> None:
    message = {"message": "{{ form_data.nmae }} {{ input.form_data.email }} {{ form_data.town }}"}
    form = {"trigger_type": "form_submit", "config": {"form_id": "Contact form"}}
    hook = {"trigger_type": "webhook", "config": {}}
    site = Site(app, steps=[{**LOG, "params": message}], triggers=[form])
    assert "The form has no field" not in site.get("/steps"), "there is no such form yet"
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        project_id = session.get_one(Workflow, site.id).project_id
        fields = [{"label": "Name", "type": "text"}, {"label": "Email", "type": "email"}]
        forms.create(session, {"name": "Contact form", "fields": fields}, project_id=project_id)
        session.commit()
    page = html.unescape(site.get("/steps"))
    assert "The form has no field “nmae”. Did you mean “name”?" in page
    assert "The form has no field “town”." in page
    assert "The form has no field “email”" not in page
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        workflow = session.get_one(Workflow, site.id)
        workflows.save_draft(session, workflow, {**workflow.draft, "triggers": [form, hook]}, actor_id=None)
        session.commit()
    assert "The form has no field" not in site.get("/steps"), "a webhook may bring anything"
