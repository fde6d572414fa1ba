"""A draft that names what the organization does not have says so, with the nearest name, and is not published."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.crm import fields, lists, pipelines, tags
from flowapp.data import tables
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body

pytestmark = pytest.mark.both_databases

Found = list[tuple[str, str]]


@pytest.fixture
def crm(api: Api, app: Any) -> None:
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        stages = [{"name": "New", "kind": "open"}, {"name": "Signé", "kind": "won"}]
        pipelines.create(session, {"name": "Sales", "stages": stages})
        lists.create(session, {"name": "Newsletter"})
        tags.create(session, "R&D")
        for noun in ("contact", "company", "deal"):
            fields.create(session, {"object": noun, "label": "Plan", "type": "text"})
        fields.create(session, {"object": "deal", "label": "Renewal", "type": "date"})
        session.commit()


def validated(api: Api, body: dict[str, Any]) -> tuple[Found, Found]:
    """(path, message) of errors and of warnings that are about names; what has errors is not activated."""
    made = api.post("/workflows/", workflow_body(**body), 201)
    found = api.post(f"/workflows/{made['id']}/validate/")
    errors = [(one["path"], one["message"]) for one in found["errors"]]
    refused = api.post(f"/workflows/{made['id']}/activate/", {}, 422 if errors else 200)
    assert [(one["path"], one["message"]) for one in refused.get("errors", [])] == errors
    return errors, [(w["path"], w["message"]) for w in found["warnings"] if w["code"] == "doubtful_thing"]


def step(action_type: str, **params: Any) -> dict[str, Any]:
    return {"steps": [{"step_id": "a", "action_type": action_type, "params": params}]}


def trigger(trigger_type: str, **config: Any) -> dict[str, Any]:
    return {"triggers": [{"trigger_type": trigger_type, "config": config}]}


FIELDS = "Add it under Settings, Pipelines, or choose another."
WRONG = [
    (step("update_deal", stage="Signed"), "stage", f"No pipeline has a stage “Signed”. Did you mean “SIGNÉ”? {FIELDS}"),
    (step("update_deal", data={"plan": 1, "vlaue": 2}), "data", "Deals have no field “vlaue”. Did you mean “value”?"),
    (step("create_deal", title="x", pipeline="Sale"), "pipeline", f"There is no pipeline “Sale”. Did you mean “Sales”? {FIELDS}"),
    (step("update_contact", data={"plam": 1}), "data", "Contacts have no field “plam”. Did you mean “plan”?"),
    (step("update_field", object="organisation", field="domian"), "field", "Companies have no field “domian”. Did you mean “domain”?"),
    (step("update_field", object="task", field="plan"), "field", "Tasks have no field “plan”."),
    (step("create_record", object="note", data={"text": "x", "tpye": 1}), "data", "Notes have no field “tpye”. Did you mean “type”?"),
    (step("find_record", object="deal", where={"tag": "x", "stagee": "y"}), "where", "Deals have no field “stagee”. Did you mean “stage”?"),
    (step("remove_from_list", list="Newsleter"), "list", "There is no list “Newsleter”. Did you mean “Newsletter”? Add it under Settings, Lists, or choose another."),
    (step("send_notification", to=["owner", "everybody", "ownerr"], message="x"), "to", "There is no member “ownerr” in this organization. Did you mean “owner”? Invite them, or choose another."),
    (step("create_task", title="x", assignee="nobody@example.com"), "assignee", "There is no member “nobody@example.com” in this organization. Invite them, or choose another."),
    (step("create_task", title="x", members=["nobody@example.com"]), "members", "There is no member “nobody@example.com” in this organization. Invite them, or choose another."),
    (trigger("deal_won", pipeline="Seals"), "pipeline", f"There is no pipeline “Seals”. Did you mean “Sales”? {FIELDS}"),
    (trigger("deal_stage_changed", to="Nwe"), "to", f"No pipeline has a stage “Nwe”. Did you mean “New”? {FIELDS}"),
    (trigger("contact_list_added", list="Nobody"), "list", "There is no list “Nobody”. Add it under Settings, Lists, or choose another."),
    (trigger("deal_updated", fields=["valeu"]), "fields", "Deals have no field “valeu”. Did you mean “value”?"),
    (trigger("date_field_reached", field="expected_closed"), "field", "Deals have no date “expected_closed”. Did you mean “expected_close”?"),
    (trigger("date_field_reached", entity="Organisation", field="name"), "field", "Companies have no date “name”."),
    (trigger("date_field_reached", entity_type="task", date_field="due_dat"), "field", "Tasks have no date “due_dat”. Did you mean “due_date”?"),
    (trigger("date_field_reached", entity="deal", field="fields.plan"), "field", "Deals have no date “fields.plan”. Did you mean “fields.renewal”?"),
    (trigger("anniversary", field="plan"), "field", "Contacts have no date “plan”."),
]  # fmt: skip


@pytest.mark.usefixtures("crm")
@pytest.mark.parametrize(("body", "name", "message"), WRONG, ids=range(len(WRONG)))
def test_names_that_nothing_has_are_refused_at_publish(api: Api, body: Any, name: str, message: str) -> None:
    start = "steps.0.params" if "steps" in body else "triggers.0.config"
    assert validated(api, body) == ([(f"{start}.{name}", message)], [])


RIGHT = [
    step("update_deal", stage="signe", data={"fields.plan": 1, "montant": 2}),
    step("update_deal", stage="{{ input.stage }}", data={"owner": "{{ input.who }}"}),
    step("update_contact", data={"fields.whatever": 1, "name": "Ann", "organisation": "x"}),
    step("update_field", object="{{ input.what }}", field="anything"),
    step("update_field", object="deal", field="{{ input.name }}"),
    step("find_record", object="contact", where={"tag": "none", "id": "x", "plan": "gold"}),
    step("add_tag", tags=["brand new"]),
    step("remove_tag", tags=["r&d", "{{ input.tag }}"]),
    step("add_to_list", list="newsletter"),
    step("send_notification", to=["Owner", "managers", "{{ owner.email }}"], message="x"),
    step("create_task", title="x", assignee="round robin"),
    trigger("deal_stage_changed", **{"from": "SIGNE", "to": "new", "pipeline": "sales"}),
    trigger("company_updated", fields=["nom", "plan", "fields.plan", "montant_potentiel"]),
    trigger("date_field_reached", field="fields.Renewal"),
    trigger("date_field_reached", entity="organization", field="last_activity_at"),
    trigger("anniversary", field="birthday"),
]


@pytest.mark.usefixtures("crm")
@pytest.mark.parametrize("body", RIGHT, ids=range(len(RIGHT)))
def test_names_in_every_spelling_and_what_expressions_give_are_right(api: Api, body: Any) -> None:
    assert validated(api, body) == ([], [])


@pytest.mark.usefixtures("crm")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (step("remove_tag", tags=["R&B"]), "There is no tag “R&B” yet. Did you mean “R&D”?"),
        (trigger("contact_tag_added", tag="soon"), "There is no tag “soon” yet."),
        (trigger("contact_updated", fields=["pln"]), "Contacts have no field “pln”. Did you mean “plan”?"),
    ],
)
def test_names_that_may_come_are_only_told(api: Api, body: Any, message: str) -> None:
    errors, warnings = validated(api, body)
    assert errors == [] and [text for _path, text in warnings] == [message]


def test_columns_of_a_data_trigger(api: Api, app: Any) -> None:
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        tables.create(session, {"name": "People", "columns": [{"label": "Name"}]})
        session.commit()
    body = trigger("data_change", table="people", fields=["name", "nmae"])
    assert validated(api, body)[0] == [
        ("triggers.0.config.fields", "The data table “people” has no column “nmae”. Did you mean “name”?")
    ]
