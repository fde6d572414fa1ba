"""Duplicates and merges over the API, and the executions that wait for one of the two."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.scheduler import Scheduler
from flowapp.tasks import runtime
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body
from tests.api.crm.test_event_triggers import listening
from tests.api.waiting import ended, wait_event, waiting

pytestmark = pytest.mark.both_databases


def person(api: Api, **data: Any) -> Any:
    return api.post("/contacts/", data, 201)


def test_a_merge(app: Any, api: Api) -> None:
    """A merge of scores 50 and 100 with a deal, two notes and one opt-out gives 150, all linked, opted out, nothing started."""
    ann = person(api, email="ann@b.example", first_name="Ann", score=50)
    twin = person(api, email="ann@work.example", last_name="Lee", score=100, consent="denied")
    deal = api.post("/deals/", {"title": "Engine", "contact_id": twin["id"]}, 201)
    for text in ("First", "Second"):
        api.post("/notes/", {"text": text, "contact_id": twin["id"]}, 201)
    with app.app_context():
        Scheduler(runtime()).tick()  # what happened until now is handed on
    workflow_ids = [
        listening(api, kind, config)
        for kind, config in (
            ("contact_updated", {}), ("contact_tag_added", {}), ("event", {"event_type": "contact.*"}),
        )
    ]  # fmt: skip
    seen = api.get(f"/contacts/{ann['id']}/merge/?other=ann@work.example")
    assert {one["name"]: one["value"] for one in seen["fields"]}["score"] == 150
    assert (seen["moves"]["notes"], seen["moves"]["deal_contacts"]) == (2, 1)
    merged = api.as_("operator").post(f"/contacts/{ann['id']}/merge/", {"other": str(twin["number"])})
    assert (merged["score"], merged["consent"], merged["name"], merged["id"]) == (150, "denied", "Ann Lee", ann["id"])
    assert api.get(f"/contacts/{twin['id']}/") == api.get(f"/contacts/{twin['number']}/") == merged
    assert api.get(f"/deals/{deal['id']}/")["contact_ids"] == [ann["id"]]
    assert api.get(f"/notes/?contact={ann['id']}")["count"] == 2
    assert api.get("/events/?type=contact.merged")["results"][0]["payload"]["merged_id"] == twin["id"]
    with app.app_context():
        Scheduler(runtime()).tick()
    assert [api.get(f"/workflows/{one}/executions/")["count"] for one in workflow_ids] == [0, 0, 0], "nothing started"


def test_what_cannot_be_merged(api: Api) -> None:
    ann = person(api, email="ann@b.example")
    api.as_("viewer").post(f"/contacts/{ann['id']}/merge/", {"other": ann["id"]}, 403)
    for body, status, path in (
        ({"other": "nobody@b.example"}, 404, "other"),
        ({"other": ann["id"]}, 409, "other"),
        ({"other": " "}, 404, "other"),
        ({}, 422, "other"),
    ):
        assert api.post(f"/contacts/{ann['id']}/merge/", body, status)["errors"][0]["path"] == path


@pytest.mark.usefixtures("worker")
def test_a_waiting_execution_follows_the_survivor(app: Any, api: Api) -> None:
    ann, twin = person(api, email="ann@b.example"), person(api, email="twin@b.example")
    waits = wait_event(event="contact.tag_added")
    run = waiting(api, waits, trigger_entity_type="contact", trigger_entity_id=twin["id"])
    api.post(f"/contacts/{ann['id']}/merge/", {"other": twin["id"]})
    found = api.get(f"/executions/{run}/")
    assert (found["contact"], found["trigger_entity_id"], found["status"]) == (ann["id"], ann["id"], "waiting")
    api("PUT", f"/contacts/{ann['id']}/tags/", {"tags": ["vip"]}, status=200)
    with app.app_context():
        Scheduler(runtime()).tick()
    assert ended(api, run)["status"] == "completed"


@pytest.mark.usefixtures("worker")
def test_once_per_contact_counts_for_the_survivor(api: Api) -> None:
    ann, twin = person(api, email="ann@b.example"), person(api, email="twin@b.example")
    once = workflow_body(triggers=[{"trigger_type": "manual"}], config={"reentry": "once"}, status="active")
    workflow_id = api.post("/workflows/", once, 201)["id"]
    api.post(f"/workflows/{workflow_id}/execute/", {"contact": twin["id"]}, 202)
    api.post(f"/contacts/{ann['id']}/merge/", {"other": twin["id"]})
    again = api.post(f"/workflows/{workflow_id}/execute/", {"contact": ann["id"]}, 202)
    assert api.get(f"/executions/{again['execution_id']}/")["status"] == "skipped"


@pytest.mark.usefixtures("worker")
def test_deleting_a_contact_ends_its_executions(api: Api) -> None:
    ann = person(api, email="ann@b.example", first_name="Ann")
    run = waiting(api, wait_event(event="contact.tag_added"), contact=ann["id"])
    api("DELETE", f"/contacts/{ann['id']}/", status=204)
    over = api.get(f"/executions/{run}/")
    assert (over["status"], over["error_message"]) == ("cancelled", "Its contact “Ann” was deleted.")


def test_a_blank_names_no_company(api: Api) -> None:
    """Most companies have no domain, which is not what a blank means."""
    one, other = (api.post("/companies/", {"name": name}, 201) for name in ("One", "Other"))
    for path in ("merge", "not-duplicate"):
        assert api.post(f"/companies/{one['id']}/{path}/", {"other": " "}, 404)["errors"][0]["path"] == "other"
    api.get(f"/companies/{other['id']}/")


def test_likely_duplicates_are_told_of_and_can_be_kept_apart(api: Api) -> None:
    acme = api.post("/companies/", {"name": "Acme", "domain": "acme.example"}, 201)
    jon = person(api, email="jon@acme.example", first_name="Jon", last_name="Smith", company_id=acme["id"])
    assert "possible_duplicates" not in jon
    john = person(api, email="john@acme.example", first_name="John", last_name="Smith", company_id=acme["id"])
    (warning,) = john["possible_duplicates"]
    assert (warning["id"], warning["name"], warning["reasons"]) == (jon["id"], "Jon Smith", ["name"])
    person(api, email="mary@acme.example", first_name="Mary", last_name="Stone", company_id=acme["id"])
    (pair,) = api.get("/contacts/duplicates/")["results"]
    assert {pair["first"]["id"], pair["second"]["id"]} == {jon["id"], john["id"]}
    api("POST", f"/contacts/{john['id']}/not-duplicate/", {"other": jon["id"]}, 204)
    assert api.get("/contacts/duplicates/")["count"] == 0
    double = api.post("/organisations/", {"name": "ACME Inc.", "domain": "acme.example"}, 201)
    assert double["possible_duplicates"][0]["reasons"] == ["domain"]
    assert api.get("/organisations/duplicates/")["count"] == 1
    assert api.post(f"/companies/{acme['id']}/merge/", {"other": double["id"]})["name"] == "Acme"
    assert api.get(f"/organisations/{double['number']}/")["id"] == acme["id"]


@pytest.mark.parametrize(
    ("one", "other", "reasons"),
    [
        ({"phone": "+33123456789"}, {"phone": "+33 1 23 45 67 89"}, ["phone"]),
        ({"email": "ann@b.example"}, {"email": "ann+news@b.example"}, ["email"]),
        ({"first_name": "Zoë", "last_name": "Durand"}, {"first_name": "Zoe", "last_name": "Durand"}, ["name"]),
        ({"first_name": "Ann", "last_name": "Durand"}, {"first_name": "Paul", "last_name": "Durand"}, None),
        ({"first_name": "Ann"}, {"first_name": "Ann"}, None),
    ],
)
def test_what_makes_a_duplicate_likely(api: Api, one: Any, other: Any, reasons: list[str] | None) -> None:
    person(api, **one)
    made = person(api, **other)
    assert [found["reasons"] for found in made.get("possible_duplicates", [])] == ([reasons] if reasons else [])
    assert [pair["reasons"] for pair in api.get("/contacts/duplicates/")["results"]] == ([reasons] if reasons else [])
