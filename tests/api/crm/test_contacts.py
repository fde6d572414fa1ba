"""Contacts over the API, and the workflows that are about them."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.crm.schemas import ContactOut
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
