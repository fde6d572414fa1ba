"""Workflows, forms and contacts have a number in their organization, taken wherever their id is (DESIGN §8)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from flowapp.data import forms
from flowapp.extensions import db
from flowapp.models import Form, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import make_place, workflow_body


def test_each_organization_counts_for_itself(api: Api, app: Any) -> None:
    with app.app_context():
        other = Api(api.client, make_place("Other"))
    for client in (api, other):
        assert [client.post("/workflows/", workflow_body(), 201)["number"] for _ in range(3)] == [1, 2, 3]
        assert client.post("/contacts/", {"email": "ann@b.example"}, 201)["number"] == 1
    api("DELETE", "/workflows/3/", status=204)
    assert api.post("/workflows/", workflow_body(), 201)["number"] == 4  # no number is given twice
    assert other.get("/workflows/3/")["number"] == 3
    assert [row["number"] for row in api.get("/workflows/?sort=created_at")["results"]] == [1, 2, 4]


def test_a_workflow_by_its_number(api: Api) -> None:
    workflow = api.post("/workflows/", workflow_body(), 201)
    assert api.get("/workflows/1/")["id"] == workflow["id"]
    assert api.post("/workflows/1/activate", {"status": "active"})["status"] == "active"
    execution = api.post("/workflows/1/execute/", {}, 202)["execution_id"]
    assert api.get("/workflows/1/executions/")["results"][0]["id"] == execution
    assert api.get(f"/workflows/1/executions/{execution}/")["workflow"] == workflow["id"]
    assert api.get("/executions/?workflow=1")["count"] == 1
    assert api.get("/executions/?workflow=2")["count"] == 0
    assert api.get("/workflows/1/stats/")["total_executions"] == 1
    assert api.get("/workflows/1/logs/export/")["workflow_id"] == workflow["id"]
    assert api.post("/replays/preview/", {"filters": {"workflow": 1}})["matched"] == 0
    for missing in ("2", "0", "9" * 9, "9" * 40, "-1", "1.0", "\u0661"):
        api.get(f"/workflows/{missing}/", 404)


def test_pages_by_number(api: Api) -> None:
    workflow = api.post("/workflows/", workflow_body(), 201)["id"]
    page = api.client.get("/workflows/1", headers=api.place.headers())
    assert (page.status_code, page.headers["Location"]) == (303, f"/workflows/{workflow}")
    for missing in ("/workflows/2", "/forms/1"):
        assert api.client.get(missing, headers=api.place.headers()).status_code == 404


def test_a_contact_by_its_number(api: Api) -> None:
    ann = api.post("/contacts/", {"email": "ann@b.example"}, 201)
    assert api.get("/contacts/1/")["id"] == ann["id"]
    assert api.patch("/contacts/1/", {"first_name": "Ann"})["name"] == "Ann"
    api.post("/workflows/", workflow_body(), 201)
    for body in (
        {"trigger_entity_type": "contact", "trigger_entity_id": 1},
        {"trigger_entity_type": "contact", "trigger_entity_id": "1"},
        {"contact": 1},
    ):
        found = api.get(f"/executions/{api.post('/workflows/1/execute/', body, 202)['execution_id']}/")
        assert found["contact"] == ann["id"]
        assert found["trigger_entity_id"] == (ann["id"] if "trigger_entity_id" in body else "")
    wrong = api.post("/workflows/1/execute/", {"contact": 7}, 404)["errors"]
    assert wrong[0]["path"] == "contact"


def test_a_form_by_its_number(api: Api, app: Any) -> None:
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        field = {"label": "Name", "type": "text"}
        form = forms.create(session, {"name": "Contact", "fields": [field]}, project_id=api.place.project_id)
        assert form.number == 1
        key = form.key
        session.commit()
    trigger = {"trigger_type": "form_submitted", "config": {"form_id": 1}}
    api.post("/workflows/", workflow_body(triggers=[trigger], status="active"), 201)
    answer = api.client.post(f"/f/{key}", json={"form_data": {"name": "Ann"}})
    assert len(answer.json["execution_ids"]) == 1


def test_another_workflow_by_its_number(api: Api) -> None:
    api.post("/workflows/", workflow_body(status="active"), 201)
    step = {"step_id": "sub", "action_type": "run_workflow", "params": {"workflow": "1"}}
    body = workflow_body(name="Outer", steps=[step])
    checked = api.post(f"/workflows/{api.post('/workflows/', body, 201)['number']}/validate/")
    assert checked["valid"], checked
    wrong = workflow_body(name="Wrong", steps=[{**step, "params": {"workflow": "99"}}])
    assert not api.post(f"/workflows/{api.post('/workflows/', wrong, 201)['number']}/validate/")["valid"]


def test_a_row_of_the_release_before_gets_its_number_with_its_next_change(api: Api, app: Any) -> None:
    workflow = api.post("/workflows/", workflow_body(), 201)
    with app.app_context(), system_session(db.engine) as session:
        session.execute(update(Workflow).values(number=None))
        session.commit()
    assert api.get(f"/workflows/{workflow['id']}/")["number"] is None
    assert api.patch(f"/workflows/{workflow['id']}/", {"description": "new"})["number"] == 2


def test_forms_are_counted_apart(api: Api, app: Any) -> None:
    api.post("/workflows/", workflow_body(), 201)
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        made = forms.create(session, {"name": "A", "fields": [{"label": "B"}]}, project_id=api.place.project_id)
        session.commit()
        assert session.get_one(Form, made.id).number == 1
