"""Companies, deals, pipelines, tasks, notes, tags, lists and fields over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.crm.people import Place

pytestmark = pytest.mark.both_databases

# path, a body that makes one, a change of it
NOUNS = [
    ("/contacts/", {"email": "ann@b.example"}, {"first_name": "Ann"}),
    ("/companies/", {"nom": "Acme", "montant_potentiel": 60000}, {"pipeline_stage": "PROPOSITION"}),
    ("/deals/", {"title": "Engine", "montant": 1250.5, "stage": "qualification"}, {"description": "Big"}),
    ("/tasks/", {"title": "Call", "due_date": "2026-12-31", "type": "call"}, {"priority": "high"}),
    ("/pipelines/", {"name": "Partners"}, {"name": "Resellers"}),
    ("/tags/", {"name": "R&D"}, {"name": "Research"}),
    ("/lists/", {"name": "News"}, {"description": "Monthly"}),
    ("/fields/", {"object": "company", "label": "Size", "type": "number"}, {"label": "Staff"}),
]


@pytest.mark.parametrize(("path", "body", "change"), NOUNS, ids=[path.strip("/") for path, _, _ in NOUNS])
def test_made_read_changed_listed_and_deleted(
    api: Api, path: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    made = api.post(path, body, 201)
    one = f"{path}{made['id']}/"
    assert api.as_("viewer").get(one) == made
    changed = api.patch(one, change)
    assert {name: changed[name] for name in change} == change
    listed = api.get(path)
    assert made["id"] in [row["id"] for row in listed["results"]]
    api("DELETE", one, status=204)
    api.get(one, 404)
    assert made["id"] not in [row["id"] for row in api.get(path)["results"]]


@pytest.mark.parametrize(("path", "body", "_change"), NOUNS[:4], ids=[path.strip("/") for path, _, _ in NOUNS[:4]])
def test_the_trash_gives_back(api: Api, path: str, body: dict[str, Any], _change: object) -> None:
    made = api.post(path, body, 201)
    api("DELETE", f"{path}{made['id']}/", status=204)
    assert [row["id"] for row in api.get(f"{path}?trash=true")["results"]] == [made["id"]]
    assert api.post(f"{path}{made['id']}/restore/")["deleted_at"] is None
    api.get(f"{path}{made['id']}/")


@pytest.mark.parametrize(
    ("path", "role"),
    [("/companies/", "viewer"), ("/deals/", "viewer"), ("/fields/", "editor"), ("/pipelines/", "editor")],
)
def test_roles(api: Api, path: str, role: str) -> None:
    body = next(body for known, body, _ in NOUNS if known == path)
    api.as_(role).get(path)
    api.as_(role).post(path, body, 403)


def test_a_note_about_a_deal(api: Api) -> None:
    deal = api.post("/deals/", {"title": "Engine"}, 201)
    note = api.post("/notes/", {"html": "<b>Hi</b><script>x</script>", "deal_id": str(deal["number"])}, 201)
    assert (note["html"], note["text"], note["deal_id"]) == ("<b>Hi</b>", "Hi", deal["id"])
    assert [row["id"] for row in api.get(f"/notes/?deal={deal['id']}")["results"]] == [note["id"]]
    assert api.patch(f"/notes/{note['id']}/", {"text": "Bye"})["html"] == "Bye"
    api("DELETE", f"/notes/{note['id']}/", status=204)
    api.post(f"/notes/{note['id']}/restore/")
    assert api.post("/notes/", {"text": "Hello"}, 422)["errors"][0]["path"] == "contact_id"


def test_organisations_are_companies(api: Api) -> None:
    made = api.post("/organisations/", {"nom": "Acme"}, 201)
    assert api.get(f"/organisations/{made['number']}/")["name"] == "Acme"
    assert api.get("/organisations/")["count"] == 1


def test_a_deal_moves_and_its_timeline_says_who(api: Api) -> None:
    deal = api.post("/deals/", {"title": "Engine", "status": "open"}, 201)
    one = f"/deals/{deal['id']}/"
    assert api.post(f"{one}move/", {"stage": "PERDU"}, 422)["errors"][0]["path"] == "lost_reason"
    assert api.patch(one, {"status": "lost"}, 422)["errors"][0]["path"] == "lost_reason"
    lost = api.post(f"{one}move/", {"stage": "PERDU", "lost_reason": "Too dear"})
    assert (lost["status"], lost["stage"], lost["lost_reason"]) == ("lost", "PERDU", "Too dear")
    newest = api.get(f"{one}timeline/")["results"][0]
    assert (newest["type"], newest["by"]["kind"], newest["by"]["name"]) == ("deal.updated", "person", "owner")
    assert {"field": "stage", "old": "PROSPECTION", "new": "PERDU"} in newest["changes"]


def test_the_first_pipeline_is_there(api: Api) -> None:
    (pipeline,) = api.get("/pipelines/")["results"]
    assert [stage["name"] for stage in pipeline["stages"]] == [
        "PROSPECTION",
        "QUALIFICATION",
        "PROPOSITION",
        "SIGNÉ",
        "PERDU",
    ]
    api("DELETE", f"/pipelines/{pipeline['id']}/", status=409)
    stages = [*pipeline["stages"][1:], {"name": "Lost", "kind": "lost"}]
    body = {
        "stages": [
            {name: stage[name] for name in ("id", "name", "kind", "probability") if name in stage} for stage in stages
        ]
    }
    changed = api.patch(f"/pipelines/{pipeline['number']}/", body)
    assert [stage["name"] for stage in changed["stages"]][-1] == "Lost"


def test_lists_are_searched_filtered_and_sorted(api: Api, place: Place) -> None:
    ann = api.post(
        "/contacts/", {"email": "ann@b.example", "last_name": "Émile", "owner_id": place.user_id, "score": 5}, 201
    )
    bob = api.post("/contacts/", {"email": "bob@b.example", "score": 9}, 201)

    def found(query: str) -> list[str]:
        return [row["id"] for row in api.get(f"/contacts/?{query}")["results"]]

    api("PUT", f"/contacts/{ann['id']}/tags/", {"tags": ["R&D"]}, 200)
    assert (found("search=emile"), found("owner=me"), found("tag=r%26d")) == ([ann["id"]], [ann["id"]], [ann["id"]])
    assert (found("sort=score"), found("sort=-score")) == ([ann["id"], bob["id"]], [bob["id"], ann["id"]])
    assert found("sort=created_at") == [ann["id"], bob["id"]]
    page = api.get("/contacts/?limit=1")
    assert [row["id"] for row in api.get(page["next"].removeprefix(api.base))["results"]] == [ann["id"]]
    api.get("/contacts/?sort=colour", 422)
    assert api.get(f"/contacts/{ann['id']}/tags/") == {"tags": ["R&D"]}


def test_a_list_is_filled_and_emptied(api: Api) -> None:
    ann = api.post("/contacts/", {"email": "ann@b.example"}, 201)
    news = api.post("/lists/", {"name": "News"}, 201)
    filled = api.post(f"/lists/{news['id']}/contacts/", {"contacts": ["ann@b.example", ann["id"]]})
    assert filled["count"] == 1
    assert [row["id"] for row in api.get(f"/contacts/?list={news['id']}")["results"]] == [ann["id"]]
    api("DELETE", f"/lists/{news['id']}/contacts/{ann['id']}/", status=204)
    assert api.get(f"/lists/{news['id']}/")["count"] == 0


def test_tasks_are_mine_and_done(api: Api, place: Place) -> None:
    task = api.post("/tasks/", {"title": "Call", "assignee_id": place.user_id, "due_at": "2026-12-31T10:00:00Z"}, 201)
    api.post("/tasks/", {"title": "Other"}, 201)
    assert (task["due_date"], task["activity_type"], task["made_by"]) == (
        "2026-12-31",
        "task",
        {"actor_id": place.user_id},
    )
    assert [row["id"] for row in api.get("/tasks/?assignee=me&done=false")["results"]] == [task["id"]]
    assert api.post(f"/tasks/{task['id']}/complete/")["done"] is True
    assert [row["id"] for row in api.get("/tasks/?done=true")["results"]] == [task["id"]]


def test_a_field_is_asked_for_in_each_record(api: Api) -> None:
    field = {"object": "company", "label": "Size", "type": "choice", "options": ["Small", "Big"], "required": True}
    assert api.post("/fields/", field, 201)["key"] == "size"
    assert api.post("/companies/", {"name": "Acme"}, 422)["errors"][0]["path"] == "fields.size"
    assert api.post("/companies/", {"name": "Acme", "fields": {"size": "big"}}, 201)["fields"] == {"size": "Big"}
    assert api.get("/fields/?object=deal")["results"] == []
    assert api.post("/fields/", field, 409)["errors"][0]["path"] == "key"
