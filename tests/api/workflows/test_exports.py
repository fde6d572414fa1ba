"""Workflows as files over the JSON API: exported, imported again on the same installation, and elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.workflows.exports import FileOut, ImportOut
from tests.api.conftest import Api
from tests.api.crm.people import make_place

pytestmark = pytest.mark.both_databases
BODY: dict[str, Any] = {
    "name": "Orders",
    "status": "active",
    "triggers": [{"trigger_type": "webhook", "config": {}}],
    "steps": [{"step_id": "a", "name": "A", "action_type": "log", "params": {"message": "{{ input.id }}"}}],
}


def key_of(api: Api, workflow_id: str) -> str:
    return str(api.get(f"/workflows/{workflow_id}/")["triggers"][0]["config"]["key"])


def test_a_workflow_that_is_here_is_replaced_or_copied_as_one_says(api: Api) -> None:
    made = api.post("/workflows/", BODY, 201)
    key = key_of(api, made["id"])
    file = api.get(f"/workflows/{made['id']}/export/")
    assert FileOut.model_validate(file)
    refused = api.post("/import/", file, 409)
    assert "“Orders” is here already" in refused["detail"]
    assert api.get("/workflows/")["count"] == 1

    copied = api.post("/import/?mode=copy", file)
    assert ImportOut.model_validate(copied)
    (copy,) = copied["workflows"]
    assert (copy["outcome"], copy["new_webhook_keys"]) == ("copied", [key_of(api, copy["id"])])
    assert key_of(api, copy["id"]) != key
    assert api.get(f"/workflows/{copy['id']}/")["status"] == "draft"

    file["workflows"][0]["steps"][0]["name"] = "Renamed"
    (replaced,) = api.post("/import/?mode=replace", file)["workflows"]
    assert (replaced["id"], replaced["outcome"], replaced["new_webhook_keys"]) == (made["id"], "replaced", [])
    now = api.get(f"/workflows/{made['id']}/")
    assert (now["status"], now["version"], now["steps"][0]["name"]) == ("active", 1, "Renamed")
    assert api.client.post(f"/hooks/{key}", json={"id": 1}).status_code == 202


def test_what_a_body_in_another_dialect_leaves_out_is_not_kept(api: Api) -> None:
    made = api.post("/workflows/", {**BODY, "description": "Before", "variables": {"a": 1}}, 201)
    key = key_of(api, made["id"])
    other = {"name": "Orders", "trigger": {"type": "webhook"}, "steps": [{"id": "b", "action": "log", "params": {"message": "x"}}]}  # fmt: skip
    (replaced,) = api.post("/import/?mode=replace", {**other, "id": made["id"]})["workflows"]
    now = api.get(f"/workflows/{replaced['id']}/")
    assert (now["id"], now["description"], now["variables"]) == (made["id"], "", {})
    assert [step["step_id"] for step in now["steps"]] == ["b"]
    assert key_of(api, now["id"]) == key


def test_a_key_that_another_organization_has_becomes_a_new_one(api: Api, app: Any) -> None:
    made = api.post("/workflows/", BODY, 201)
    file = api.get(f"/workflows/{made['id']}/export/")
    with app.app_context():
        other = Api(app.test_client(), make_place("Other"))
    (imported,) = other.post("/import/", file)["workflows"]
    assert imported["outcome"] == "created"
    assert imported["id"] != made["id"]
    assert imported["new_webhook_keys"] == [key_of(other, imported["id"])] != [key_of(api, made["id"])]
    other.post(f"/workflows/{imported['id']}/activate/")


def test_a_file_goes_in_whole_or_not_at_all(api: Api) -> None:
    file = {"workflows": [{"name": "A"}, {"name": "B", "steps": [{"step_id": "x", "action_type": "nope"}]}]}
    refused = api.post("/import/", file, 422)
    assert refused["errors"][0]["path"] == "workflows.1.steps.0.action_type"
    assert api.get("/workflows/")["count"] == 0
    assert api.post("/import/?mode=both", {"workflows": []}, 422)["errors"][0]["path"] == "mode"
    api.as_("viewer").post("/import/", {"workflows": []}, 403)


@pytest.mark.parametrize(("part", "name"), [("tables", "columns"), ("schemas", "rules"), ("forms", "fields")])
@pytest.mark.parametrize("wrong", [True, 7, "id", {"id": {}}, [[]], ["id"]])
def test_a_part_that_is_no_list_of_objects_is_refused_at_its_place(api: Api, part: str, name: str, wrong: Any) -> None:
    """It was an error of Flowapp."""
    refused = api(
        "POST", "/import/", {"workflows": [], part: [{"name": "One"}, {"name": "Two", name: wrong}]}, 422
    ).json
    assert [problem["path"] for problem in refused["errors"]] == [f"{part}.1.{name}"]
