"""Names and defaults that clients lean on: of lists, of definitions, of what an execution tells (DESIGN §4, §6, §8)."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.schemas import WorkflowItemOut, WorkflowOut
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body

ECHO = {"action_type": "test_echo", "params": {"text": "x"}}


def three(api: Api) -> list[str]:
    return [api.post("/workflows/", workflow_body(name=f"W{n}"), 201)["id"] for n in range(3)]


def follow(api: Api, path: str) -> Any:
    return api.client.get(path, headers=api.place.headers()).json


def test_lists_of_workflows_are_light(api: Api) -> None:
    three(api)
    row = api.get("/workflows/")["results"][0]
    assert set(row) == set(WorkflowItemOut.model_fields)
    assert not {"steps", "edges", "triggers", "variables", "config", "canvas_data"} & set(row)
    assert (row["steps_count"], row["triggers_count"]) == (1, 1)
    assert set(api.get(f"/workflows/{row['id']}/")) == set(WorkflowOut.model_fields)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "execution_count", "name"])
def test_pages_by_their_number(api: Api, sort: str) -> None:
    three(api)
    every = [row["id"] for row in api.get(f"/workflows/?sort={sort}")["results"]]
    first = api.get(f"/workflows/?sort={sort}&page=1&page_size=2")
    assert (first["count"], [row["id"] for row in first["results"]], first["previous"]) == (3, every[:2], None)
    second = follow(api, first["next"])
    assert ([row["id"] for row in second["results"]], second["next"]) == (every[2:], None)
    assert follow(api, second["previous"])["results"] == first["results"]
    assert api.get(f"/workflows/?sort={sort}&page=9")["results"] == []
    assert len(api.get("/workflows/?page_size=2")["results"]) == 2
    assert len(api.get("/workflows/?page=1&limit=1")["results"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/workflows/",
        "/executions/",
        "/contacts/",
        "/companies/",
        "/deals/",
        "/pipelines/",
        "/tasks/",
        "/notes/",
        "/tags/",
        "/lists/",
        "/fields/",
        "/notifications/",
        "/approvals/",
    ],
)
def test_every_list_has_pages(api: Api, path: str) -> None:
    page = api.get(f"{path}?page=1&page_size=5")
    assert {"count", "next", "previous", "results"} <= set(page)
    for wrong in ("page=0", "page=x", "page_size=0", "page_size=201"):
        assert api.get(f"{path}?{wrong}", 422)["errors"][0]["path"] == wrong.partition("=")[0]
    assert api.get(f"{path}?page=1&cursor=abc", 409)["errors"][0]["path"] == "page"


def test_a_definition_keeps_its_language_labels_and_canvas(api: Api) -> None:
    canvas = {"zoom": 1.5, "é": [{"z": None, "a": "b"}, 2**60], "nodes": {}}
    rule = {"all": [{"field": "input.a", "operator": "==", "value": 1}]}
    steps = [{"step_id": s, **ECHO} for s in ("a", "b", "c")]
    edges = [
        {"source_node": "a", "target_node": "b", "label": "Only one", "condition_config": rule},
        {"source": "a", "target": "c"},
    ]
    body = workflow_body(steps=steps, edges=edges, canvas_data=canvas, language=2)
    made = api.post("/workflows/", body, 201)
    assert made["language"] == 2
    assert made["canvas_data"] == canvas
    assert made["edges"] == [
        {"source": "a", "target": "b", "branch": "next", "label": "Only one", "conditions": rule},
        {"source": "a", "target": "c", "branch": "next"},
    ]
    path = f"/workflows/{made['id']}/"
    again = api("PUT", path, {"edges": made["edges"], "canvas_data": {"again": [canvas]}}, 200).json
    assert (again["edges"], again["canvas_data"]) == (made["edges"], {"again": [canvas]})
    assert api.post(f"{path}duplicate/", {}, 201)["edges"] == made["edges"]
    assert api.post("/workflows/", workflow_body(), 201)["language"] == 3
    assert api.post("/workflows/", workflow_body(language=4), 422)["errors"][0]["path"] == "language"
    schema = api.client.get("/api/v1/automation/catalog/schema/").json
    assert "language" in schema["properties"]


def test_a_condition_of_an_edge_is_checked(api: Api) -> None:
    steps = [{"step_id": s, **ECHO} for s in ("a", "b")]
    edge = {"source": "a", "target": "b", "conditions": {"field": "steps.z.x", "operator": "exists"}}
    made = api.post("/workflows/", workflow_body(steps=steps, edges=[edge]), 201)
    (problem,) = api.post(f"/workflows/{made['id']}/validate/")["errors"]
    assert (problem["path"], problem["code"]) == ("edges.0.conditions", "unknown_step")
    wrong = {**edge, "conditions": {"field": "input.x", "operator": "≈", "value": 1}}
    refused = api.post("/workflows/", workflow_body(steps=steps, edges=[wrong]), 422)["errors"]
    assert refused[0]["path"].startswith("edges.0.conditions")


@pytest.mark.parametrize(("data", "path"), [({"a": 1}, ["a", "b", "c"]), ({"a": 2}, ["a", "c"])])
def test_an_edge_with_conditions_is_followed_where_they_hold(
    api: Api, worker: None, data: dict[str, Any], path: list[str]
) -> None:
    steps = [{"step_id": s, **ECHO, "params": {"text": s}} for s in ("a", "b", "c")]
    rule = {
        "all": [
            {"field": "input.a", "operator": "==", "value": 1},
            {"field": "steps.a.text", "operator": "==", "value": "a"},
        ]
    }
    edges = [{"source": "a", "target": "b", "conditions": rule}, {"source": "a", "target": "c"}]
    workflow = api.post("/workflows/", workflow_body(steps=steps, edges=edges), 201)["id"]
    ended = api.post(f"/workflows/{workflow}/execute/", {"input_data": data, "async_execution": False})
    assert ended["status"] == "completed"
    assert api.get(f"/executions/{ended['execution_id']}/")["execution_path"] == path


def test_a_merge_does_not_wait_for_an_edge_that_is_not_followed(api: Api, worker: None) -> None:
    steps = [{"step_id": s, **ECHO} for s in ("a", "b", "c")]
    steps += [{"step_id": "m", "action_type": "merge", "params": {}}, {"step_id": "z", **ECHO}]
    never = {"field": "input.a", "operator": "==", "value": 1}
    edges = [
        {"source": "a", "target": "b", "conditions": never}, {"source": "a", "target": "c"},
        {"source": "b", "target": "m"}, {"source": "c", "target": "m"}, {"source": "m", "target": "z"},
    ]  # fmt: skip
    workflow = api.post("/workflows/", workflow_body(steps=steps, edges=edges), 201)["id"]
    ended = api.post(f"/workflows/{workflow}/execute/", {"input_data": {"a": 2}, "async_execution": False})
    assert (ended["status"], ended["error_message"]) == ("completed", "")
    assert api.get(f"/executions/{ended['execution_id']}/")["execution_path"] == ["a", "c", "m", "z"]


def test_actions_go_on_where_they_fail(api: Api, worker: None) -> None:
    actions = [
        {"type": "test_echo", "config": {"text": "one"}},
        {"type": "test_fail", "config": {"text": "out of luck"}},
        {"type": "test_echo", "config": {"text": "three"}},
    ]
    made = api.post("/workflows/", {"name": "Three", "trigger_type": "manual", "actions": actions}, 201)
    assert [step["on_error"] for step in made["steps"]] == ["continue"] * 3
    ended = api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False})
    found = api.get(f"/executions/{ended['execution_id']}/")
    assert (found["status"], found["success_count"], found["failure_count"]) == ("completed", 2, 1)
    assert "out of luck" in found["error_message"]
    assert [action["status"] for action in found["actions_executed"]] == ["completed", "failed", "completed"]
    assert [line["message"] for line in found["execution_logs"] if line["step_id"] == "test_fail_1"] == [
        "Step “test_fail_1” started.",
        "Step “test_fail_1” failed: out of luck",
        "out of luck",
    ]


def test_the_log_continues_by_its_links(api: Api, worker: None) -> None:
    workflow = api.post("/workflows/", workflow_body(steps=[{"step_id": "a", **ECHO}]), 201)["id"]
    ended = api.post(f"/workflows/{workflow}/execute/", {"async_execution": False})
    whole = api.get(f"/executions/{ended['execution_id']}/logs/")
    assert [line["message"] for line in whole["results"]] == [
        "Step “a” started.",
        "echo x",
        "Step “a” completed.",
    ]
    assert {line["level"] for line in whole["results"]} == {"INFO"}
    page, seen = api.get(f"/executions/{ended['execution_id']}/logs/?limit=1"), []
    while True:
        seen += page["results"]
        if page["next"] is None:
            break
        page = follow(api, page["next"])
    assert seen == whole["results"]
    assert api.get(f"/executions/{ended['execution_id']}/logs/?level=WARNING")["results"] == []


def test_what_runs_tells_when_it_changed(api: Api) -> None:
    workflow = api.post("/workflows/", workflow_body(), 201)["id"]
    execution = api.post(f"/workflows/{workflow}/execute/", {}, 202)["execution_id"]
    found = api.get(f"/executions/{execution}/")
    assert found["created_at"] == found["updated_at"] == api.get("/executions/")["results"][0]["updated_at"]
    assert found["started_at"] is None


def test_docs(api: Api) -> None:
    for path in ("/docs", "/docs/"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/api/docs")


def test_levels_are_read_in_any_case_and_printed_in_capitals(api: Api, worker: None) -> None:
    step = {"step_id": "a", "action_type": "log", "params": {"message": "Look", "level": "WARNING"}}
    workflow = api.post("/workflows/", workflow_body(steps=[step]), 201)["id"]
    ended = api.post(f"/workflows/{workflow}/execute/", {"async_execution": False})
    for level in ("warning", "Warning", "WARNING"):
        (line,) = api.get(f"/executions/{ended['execution_id']}/logs/?level={level}")["results"]
        assert (line["level"], line["message"]) == ("WARNING", "Look")
