"""Contacts over the API, and the workflows that are about them."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.crm.schemas import ContactOut
from flowapp.data import forms
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.waiting import ended, started

pytestmark = pytest.mark.both_databases

ANN = {
    "email": "Ann@B.example",
    "first_name": "Ann",
    "last_name": "Lee",
    "timezone": "Europe/Paris",
    "fields": {"n": 1},
}


def test_made_read_changed_and_listed(api: Api) -> None:
    ann = api.as_("operator").post("/contacts/", ANN, 201)
    assert set(ann) == set(ContactOut.model_fields)
    assert (ann["email"], ann["name"], ann["fields"]) == ("ann@b.example", "Ann Lee", {"n": 1})
    bob = api.post("/contacts/", {"email": "bob@b.example"}, 201)
    assert api.as_("viewer").get(f"/contacts/{ann['id']}/") == ann
    changed = api.patch(f"/contacts/{ann['id']}/", {"fields": {"plan": "gold"}, "timezone": ""})
    assert (changed["fields"], changed["timezone"], changed["first_name"]) == ({"n": 1, "plan": "gold"}, "", "Ann")
    page = api.get("/contacts/")
    assert (page["count"], [row["id"] for row in page["results"]]) == (2, [bob["id"], ann["id"]])
    assert [row["id"] for row in api.get("/contacts/?email=ANN@b.example")["results"]] == [ann["id"]]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": 5}, "email"),
        ({"email": "a@b.example", "timezone": "Mars/Base"}, "timezone"),
        ({"email": "a@b.example", "fields": {"id": 1}}, "fields.id"),
        ({"email": "a@b.example", "fields": [1]}, "fields"),
        ({"email": "a@b.example", "age": 5}, "age"),
        ({"email": "b@b.example", "first_name": 5}, "first_name"),
        ({"email": "a@b.example", "email_": "b"}, "email_"),
    ],
)
def test_wrong_values_are_named(api: Api, body: dict[str, Any], path: str) -> None:
    api.post("/contacts/", ANN, 201)
    assert api.post("/contacts/", body, 422)["errors"][0]["path"] == path
    assert api.get("/contacts/")["count"] == 1


def test_an_address_that_is_taken_is_a_conflict(api: Api) -> None:
    api.post("/contacts/", ANN, 201)
    (problem,) = api.post("/contacts/", {"email": "ANN@b.example"}, 409)["errors"]
    assert (problem["path"], problem["code"]) == ("email", "taken")


def test_unknown_ones_are_not_found(api: Api) -> None:
    for contact_id in ("7", "01900000-0000-7000-8000-000000000000"):
        api.get(f"/contacts/{contact_id}/", 404)
        api.patch(f"/contacts/{contact_id}/", {"first_name": "x"}, 404)


@pytest.mark.parametrize("how", ["entity", "id", "email"])
def test_an_execution_is_about_a_contact(api: Api, worker: None, how: str) -> None:
    ann = api.post("/contacts/", ANN, 201)
    about = {
        "entity": {"trigger_entity_type": "contact", "trigger_entity_id": ann["id"]},
        "id": {"contact": ann["id"]},
        "email": {"contact": "ANN@b.example"},
    }[how]
    hello = {"step_id": "hello", "action_type": "test_echo", "params": {"text": "{{ contact.name }} {{ contact.n }}"}}
    done = ended(api, started(api, hello, **about))
    assert (done["contact"], done["output_data"]) == (ann["id"], {"text": "Ann Lee 1"})


@pytest.mark.parametrize(
    ("about", "path"),
    [
        ({"contact": "nobody@b.example"}, "contact"),
        ({"contact": "7"}, "contact"),
        ({"trigger_entity_type": "contact", "trigger_entity_id": 7}, "trigger_entity_id"),
    ],
)
def test_an_unknown_contact_starts_nothing(api: Api, about: dict[str, Any], path: str) -> None:
    steps = [{"step_id": "hello", "action_type": "test_echo", "params": {}}]
    workflow = api.post("/workflows/", {"name": "W", "steps": steps}, 201)
    refused = api.post(f"/workflows/{workflow['id']}/execute/", about, 404)
    assert refused["errors"][0]["path"] == path
    assert api.get("/executions/")["count"] == 0


def test_each_address_finds_the_contact(api: Api) -> None:
    ann = api.post("/contacts/", {"emails": ["ann@b.example", "Ann@Work.example"], "first_name": "Ann"}, 201)
    assert (ann["email"], ann["emails"]) == ("ann@b.example", ["ann@b.example", "ann@work.example"])
    for query in ("email=ANN@work.example", "search=ann@work"):
        assert [row["id"] for row in api.get(f"/contacts/?{query}")["results"]] == [ann["id"]]
    (problem,) = api.post("/contacts/", {"email": "ann@work.example"}, 409)["errors"]
    assert problem["path"] == "email"
    run = started(
        api,
        {"step_id": "it", "name": "It", "action_type": "log", "params": {"message": "x"}},
        contact="ann@work.example",
    )
    assert api.get(f"/executions/{run}/")["contact"] == ann["id"]


def test_a_contact_by_phone_or_name_alone(api: Api) -> None:
    bob = api.post("/contacts/", {"phone": "+33123456789"}, 201)
    assert (bob["email"], bob["emails"], bob["name"]) == ("", [], "+33123456789")
    assert api.patch(f"/contacts/{bob['id']}/", {"email": "bob@b.example"})["emails"] == ["bob@b.example"]
    assert api.patch(f"/contacts/{bob['id']}/", {"emails": []})["email"] == ""
    assert api.patch(f"/contacts/{bob['id']}/", {"phone": ""}, 422)["errors"][0]["path"] == "email"


@pytest.mark.usefixtures("worker")
def test_a_form_of_an_anonymous_visitor_keeps_the_known_contact(app: Any, api: Api) -> None:
    """Known by any of its addresses; what the visitor leaves blank stays as it is."""
    ann = api.post("/contacts/", {**ANN, "emails": ["ann@b.example", "ann@work.example"]}, 201)
    fields = [{"label": "First name"}, {"label": "Last name"}, {"label": "Email", "type": "email"}, {"label": "Phone"}]
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        form = forms.create(session, {"name": "Contact us", "fields": fields}, project_id=api.place.project_id)
        slug, key = form.slug, form.key
        session.commit()
    params = {name: "{{ form_data." + name + " }}" for name in ("email", "first_name", "last_name", "phone")}
    step = {"step_id": "keep", "name": "Keep", "action_type": "create_contact", "params": params}
    trigger = {"trigger_type": "form_submit", "config": {"form_id": slug}}
    workflow = api.post("/workflows/", {"name": "Asks", "steps": [step], "triggers": [trigger]}, 201)
    api.post(f"/workflows/{workflow['id']}/activate/")
    answer = {"email": "Ann@Work.example", "first_name": "", "last_name": "Lee-Ray", "phone": ""}
    api.client.post(f"/f/{key}", json={"form_data": answer})
    (run,) = api.get(f"/executions/?workflow={workflow['id']}")["results"]
    assert ended(api, run["id"])["status"] == "completed"
    (known,) = api.get("/contacts/")["results"]
    assert (known["id"], known["email"], known["first_name"], known["last_name"]) == (
        ann["id"], "ann@b.example", "Ann", "Lee-Ray",
    )  # fmt: skip
