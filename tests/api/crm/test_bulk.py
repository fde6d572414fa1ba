"""One change of many records over the API: each action, on each kind of records, with its job, its events and its errors."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from flowapp.engine.store.event_matching.outbox import Outbox
from flowapp.extensions import db
from flowapp.models import Event, Execution, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import event_relay
from flowapp.tasks.jobs import run_job
from tests.api.conftest import Api
from tests.api.crm.people import Place
from tests.api.crm.test_event_triggers import listening

pytestmark = pytest.mark.both_databases
PATHS = {"contact": "/contacts/", "company": "/companies/", "deal": "/deals/", "task": "/tasks/"}
BODIES: dict[str, dict[str, Any]] = {
    "contact": {"email": "p{}@b.example"},
    "company": {"name": "Acme {}"},
    "deal": {"title": "Engine {}"},
    "task": {"title": "Call {}"},
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("/tasks/bulk/", {"action": "add_tag", "tag": "x", "filter": {}}, "action"),
    ("/contacts/bulk/", {"action": "add_tag", "ids": ["x"]}, "tag"),
    ("/contacts/bulk/", {"action": "add_tag", "tag": "x", "ids": ["no id"]}, "ids"),
    ("/contacts/bulk/", {"action": "add_tag", "tag": "x", "ids": []}, "ids"),
    ("/contacts/bulk/", {"action": "add_tag", "tag": "x", "ids": [""]}, "ids"),
    ("/contacts/bulk/", {"action": "add_tag", "tag": "x", "filter": {"tag": "nobody has it"}}, "filter"),
    ("/contacts/bulk/", {"action": "add_tag", "tag": "x"}, "ids"),
    ("/contacts/bulk/", {"action": "assign", "ids": [], "filter": {}}, "ids"),
    ("/contacts/bulk/", {"action": "assign", "owner": "nobody@b.example", "filter": {}}, "owner"),
    ("/contacts/bulk/", {"action": "assign", "filter": {}}, "owner"),
    ("/contacts/bulk/", {"action": "change", "data": {"score": "high"}, "filter": {}}, "data.score"),
    ("/contacts/bulk/", {"action": "change", "data": {"email": "a@b.example"}, "filter": {}}, "data.email"),
    ("/contacts/bulk/", {"action": "change", "data": {"colour": "red"}, "filter": {}}, "data.colour"),
    ("/contacts/bulk/", {"action": "change", "filter": {}}, "data"),
    ("/tasks/bulk/", {"action": "change", "data": {"due_date": "soon"}, "filter": {}}, "data.due_date"),
    ("/deals/bulk/", {"action": "complete", "filter": {}}, "action"),
    ("/companies/bulk/", {"action": "change", "data": {"fields": {"no": 1}}, "filter": {}}, "data.fields.no"),
    ("/contacts/bulk/", {"action": "add_to_list", "list": "none", "filter": {}}, "list"),
    ("/contacts/bulk/", {"action": "start_workflow", "workflow": 99, "filter": {}}, "workflow"),
    ("/contacts/bulk/", {"action": "explode", "filter": {}}, "action"),
    ("/contacts/bulk/", {"records": []}, "records"),
    ("/contacts/bulk/", {"records": [{}], "action": "delete"}, "records"),
]


def made(api: Api, noun: str, count: int = 3) -> list[str]:
    bodies = ({name: text.format(at) for name, text in BODIES[noun].items()} for at in range(count))
    return [api.post(PATHS[noun], body, 201)["id"] for body in bodies]


def work(app: Any, api: Api, job: dict[str, Any]) -> dict[str, Any]:
    with app.app_context():
        run_job.run(job["id"], api.place.id)
    return api.get(f"/jobs/{job['id']}/")


def bulk(app: Any, api: Api, noun: str, body: dict[str, Any]) -> dict[str, Any]:
    """The job's end."""
    job = api.post(f"{PATHS[noun]}bulk/", body, 202)
    assert job["status"] == "pending"
    return work(app, api, job)


def told(app: Any, place: Place, kind: str) -> list[Event]:
    with app.app_context(), tenant_session(db.engine, place.id) as session:
        return list(session.scalars(select(Event).where(Event.type == kind).order_by(Event.id)))


@pytest.mark.parametrize("noun", ["contact", "company", "deal"])
def test_a_tag_is_added_once_and_taken_away(app: Any, api: Api, place: Place, noun: str) -> None:
    ids = made(api, noun)
    api("PUT", f"{PATHS[noun]}{ids[0]}/tags/", {"tags": ["r&d"]}, 200)
    job = bulk(app, api, noun, {"action": "add_tag", "tag": "R&D", "ids": ids})
    assert (job["status"], job["total"], job["done"], job["changed"]) == ("completed", 3, 3, 2)
    assert job["title"].startswith("Add the tag “R&D”: 3 ")
    events = told(app, place, f"{noun}.tag_added")
    assert [one.bulk for one in events] == [False, True, True]
    assert {one.origin for one in events[1:]} == {f"job:{job['id']}"}
    assert events[1].payload.keys() == events[0].payload.keys()
    gone = bulk(app, api, noun, {"action": "remove_tag", "tag": "R&D", "filter": {"tag": "r&d"}})
    assert (gone["total"], gone["changed"]) == (3, 3)
    assert len(told(app, place, f"{noun}.tag_removed")) == 3


@pytest.mark.parametrize("noun", PATHS)
def test_records_are_assigned(app: Any, api: Api, place: Place, noun: str) -> None:
    ids = made(api, noun)
    name = "assignee_id" if noun == "task" else "owner_id"
    api.patch(f"{PATHS[noun]}{ids[0]}/", {name: place.user_id})
    job = bulk(app, api, noun, {"action": "assign", "owner": place.user_id, "ids": ids})
    assert (job["changed"], job["failed"]) == (2, 0), "what does not change is not counted"
    assert {api.get(f"{PATHS[noun]}{one}/")[name] for one in ids} == {place.user_id}
    events = told(app, place, f"{noun}.updated")[1:]
    assert [one.payload["changes"] for one in events] == [{name: {"old": None, "new": place.user_id}}] * 2
    bulk(app, api, noun, {"action": "assign", "owner": None, "ids": ids[:1]})
    assert api.get(f"{PATHS[noun]}{ids[0]}/")[name] is None


def test_tasks_are_done_and_reopened(app: Any, api: Api, place: Place) -> None:
    late = api.post("/tasks/", {"title": "Late", "due_date": "2026-01-31"}, 201)["id"]
    other = api.post("/tasks/", {"title": "Some day"}, 201)["id"]
    job = bulk(app, api, "task", {"action": "complete", "filter": {"due": "overdue"}})
    assert (job["title"], job["changed"]) == ("Mark as done: 1 task", 1)
    assert (api.get(f"/tasks/{late}/")["done"], api.get(f"/tasks/{other}/")["done"]) == (True, False)
    assert len(told(app, place, "task.completed")) == 1
    bulk(app, api, "task", {"action": "reopen", "ids": [late, other]})
    assert [row["title"] for row in api.get("/tasks/?due=overdue")["results"]] == ["Late"]


@pytest.mark.parametrize(
    ("noun", "data"),
    [
        ("contact", {"language": "fr", "fields": {"plan": "pro"}}),
        ("company", {"pipeline_stage": "PROPOSITION", "fields": {"plan": "pro"}}),
        ("deal", {"montant": 1250.5, "fields": {"plan": "pro"}}),
        ("deal", {"stage": "QUALIFICATION"}),
        ("task", {"priority": "high", "due_date": "2026-12-31"}),
        ("task", {"done": True}),
    ],
)
def test_fields_are_changed(app: Any, api: Api, place: Place, noun: str, data: dict[str, Any]) -> None:
    if "fields" in data:
        api.post("/fields/", {"object": noun, "label": "Plan", "type": "text"}, 201)
    ids = made(api, noun)
    job = bulk(app, api, noun, {"action": "change", "data": data, "ids": ids, "start_workflows": True})
    assert (job["status"], job["changed"], job["failed"]) == ("completed", 3, 0), job["result"]
    for one in ids:
        shown = api.get(f"{PATHS[noun]}{one}/")
        assert {name: shown[name] for name in data if name != "fields"} == {
            name: value for name, value in data.items() if name != "fields"
        }
        assert "fields" not in data or shown["fields"]["plan"] == "pro"
    kind = "task.completed" if "done" in data else f"{noun}.updated"
    events = told(app, place, kind)
    assert len(events) == 3
    assert not events[0].silent
    if "montant" in data:
        assert len(told(app, place, "deal.value_changed")) == 3
    if "stage" in data:
        assert len(told(app, place, "deal.stage_changed")) == 3
    again = bulk(app, api, noun, {"action": "change", "data": data, "ids": ids})
    assert (again["changed"], len(told(app, place, kind))) == (0, 3), "what does not change records no event"


def test_what_cannot_be_changed_is_a_line_of_the_error_file(app: Any, api: Api) -> None:
    ids = made(api, "deal")
    gone = api.post("/deals/", {"title": "Lost, already"}, 201)["id"]
    api("DELETE", f"/deals/{gone}/", status=204)
    job = bulk(app, api, "deal", {"action": "change", "data": {"stage": "PERDU"}, "ids": [*ids, gone]})
    assert (job["status"], job["changed"], job["failed"]) == ("completed", 0, 4)
    lines = api("GET", f"/jobs/{job['id']}/errors/", status=200).text.lstrip("\ufeff").splitlines()
    assert lines[0] == "id,name,error"
    assert sorted(lines[1:]) == sorted(
        [
            *(f"{one},Engine {at},Say why the deal is lost." for at, one in enumerate(ids)),
            f'{gone},"Lost, already",It was deleted in the meantime.',
        ]
    )
    assert api.get(f"/deals/{ids[0]}/")["status"] == "open"


def test_a_contact_that_would_be_nobody_stays_as_it_is(app: Any, api: Api) -> None:
    ann = api.post("/contacts/", {"first_name": "Ann"}, 201)["id"]
    bob = api.post("/contacts/", {"first_name": "Bob", "email": "bob@b.example"}, 201)["id"]
    job = bulk(app, api, "contact", {"action": "change", "data": {"first_name": "", "score": 5}, "ids": [ann, bob]})
    assert (job["changed"], job["failed"]) == (1, 1)
    assert (api.get(f"/contacts/{ann}/")["score"], api.get(f"/contacts/{bob}/")["score"]) == (0, 5)


def test_contacts_join_and_leave_a_list(app: Any, api: Api, place: Place) -> None:
    ids = made(api, "contact")
    news = api.post("/lists/", {"name": "News"}, 201)
    job = bulk(app, api, "contact", {"action": "add_to_list", "list": "news", "filter": {}})
    assert job["changed"] == 3
    assert api.get("/lists/")["results"][0]["count"] == 3
    again = bulk(app, api, "contact", {"action": "add_to_list", "list": news["id"], "ids": ids[:2]})
    assert again["changed"] == 0
    left = bulk(app, api, "contact", {"action": "remove_from_list", "list": "News", "ids": ids[:2]})
    assert left["changed"] == 2
    assert len(told(app, place, "contact.list_added")) == 3
    assert len(told(app, place, "contact.list_removed")) == 2


@pytest.mark.parametrize("noun", PATHS)
def test_deleted_together_and_restored(app: Any, api: Api, place: Place, noun: str) -> None:
    ids = made(api, noun)
    job = bulk(app, api, noun, {"action": "delete", "ids": ids[:2]})
    assert (job["changed"], len(api.get(PATHS[noun])["results"])) == (2, 1)
    back = bulk(app, api, noun, {"action": "restore", "ids": ids})
    assert (back["changed"], back["failed"]) == (2, 1)
    assert len(api.get(PATHS[noun])["results"]) == 3
    assert len(told(app, place, f"{noun}.deleted")) == len(told(app, place, f"{noun}.restored")) == 2


def started(app: Any, place: Place) -> int:
    with app.app_context(), tenant_session(db.engine, place.id) as session:
        outbox = Outbox()
        while session.scalar(select(func.count()).where(Event.published_at.is_(None))):
            event_relay.hand_on(outbox, utcnow())
            session.rollback()
        return session.scalar(select(func.count()).select_from(Execution)) or 0


@pytest.mark.parametrize("start", [True, False])
def test_workflows_hear_of_it_only_where_they_are_to(app: Any, api: Api, place: Place, start: bool) -> None:
    listening(api, "contact_tag_added")
    ids = made(api, "contact")
    bulk(app, api, "contact", {"action": "add_tag", "tag": "vip", "ids": ids, "start_workflows": start})
    assert started(app, place) == (3 if start else 0)
    timeline = api.get(f"/contacts/{ids[0]}/timeline/")["results"]
    assert timeline[0]["type"] == "contact.tag_added", "it stands in the timeline in any case"


def test_a_workflow_is_started_for_each_once(app: Any, api: Api, place: Place) -> None:
    workflow_id = listening(api, "manual")
    ids = made(api, "company")
    job = api.post("/companies/bulk/", {"action": "start_workflow", "workflow": workflow_id, "ids": ids}, 202)
    done = work(app, api, job)
    assert (done["changed"], started(app, place)) == (3, 3)
    with app.app_context(), tenant_session(db.engine, place.id) as session:
        about = session.execute(select(Execution.trigger_entity_type, Execution.trigger_entity_id)).all()
        assert sorted(about) == sorted(("company", one) for one in ids)


def test_contacts_are_made_and_changed_by_their_addresses(app: Any, api: Api, place: Place) -> None:
    api.post("/contacts/", {"email": "ann@b.example", "first_name": "Ann"}, 201)
    records = [
        {"email": "ANN@b.example", "first_name": "Anna"},
        {"email": "bob@b.example"},
        {"email": "no address"},
        {"email": "ann@b.example", "first_name": "Anna"},
    ]
    job = work(app, api, api.post("/contacts/bulk/", {"records": records}, 202))
    assert (job["done"], job["changed"], job["failed"]) == (4, 2, 1)
    assert len(told(app, place, "contact.updated")) == 1, "an upsert without a change says nothing"
    lines = api("GET", f"/jobs/{job['id']}/errors/", status=200).text.splitlines()
    assert lines[1].startswith("no address,")
    assert {one["first_name"] for one in api.get("/contacts/")["results"]} == {"Anna", ""}


def test_what_cannot_be_done_is_named(api: Api) -> None:
    made(api, "contact", 1)
    for path, body, where in WRONG:
        answer = api("POST", path, body)
        assert answer.status_code in (404, 422), (body, answer.text)
        assert [one["path"] for one in answer.json["errors"]] == [where], body
    assert api.get("/jobs/")["results"] == []


def test_a_viewer_changes_nothing_and_jobs_are_their_organizations(api: Api) -> None:
    body = {"action": "add_tag", "tag": "x", "ids": made(api, "contact", 1)}
    api.as_("viewer").post("/contacts/bulk/", body, 403)
    job = api.as_("operator").post("/contacts/bulk/", body, 202)
    assert api.as_("viewer").get("/jobs/")["results"][0]["id"] == job["id"]
    api.as_("viewer").post(f"/jobs/{job['id']}/cancel/", status=403)
    assert api.as_("operator").post(f"/jobs/{job['id']}/cancel/")["status"] == "cancelled"
    api.post(f"/jobs/{job['id']}/cancel/", status=409)
    api.get("/jobs/nothing/", 404)
