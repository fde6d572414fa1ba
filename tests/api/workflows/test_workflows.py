"""Workflows over the JSON API."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flowapp.api.schemas import WorkflowOut
from flowapp.data import tables
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import make_place, workflow_body

pytestmark = pytest.mark.both_databases

CANVAS = {
    "name": "Canvas",
    "nodes": [
        {"node_id": "a", "node_type": "test_echo", "label": "First", "position_x": 10, "position_y": 20, "configuration": {"text": "1"}},
        {"node_id": "b", "node_type": "TEST_ECHO", "label": "Second", "configuration": {"text": "2"}},
    ],
    "edges": [{"source_node": "a", "target_node": "b"}],
}  # fmt: skip
ACTIONS = {
    "name": "Actions",
    "trigger_type": "WEBHOOK",
    "trigger_config": {},
    "conditions": {"operator": "AND", "conditions": [{"field": "input.amount", "operator": ">", "value": 10}]},
    "actions": [{"type": "test_echo", "config": {"text": "1"}}],
}
STEPS = {
    "id": "contact_form_workflow",
    "name": "Steps",
    "trigger": {"type": "form_submit", "form_id": "contact_form_1"},
    "steps": [{"id": "one", "action": "test_echo", "params": {"text": "1"}}],
}


@pytest.mark.parametrize("body", [CANVAS, ACTIONS, STEPS, workflow_body()], ids=lambda b: b["name"])
def test_every_dialect_is_stored_in_the_canonical_form(api: Api, body: dict[str, Any]) -> None:
    made = api.post("/workflows/", body, 201)
    assert WorkflowOut.model_validate(made)
    assert set(made) == set(WorkflowOut.model_fields)
    assert made["status"] == "draft"
    assert made["version"] is None
    assert made["organization"] == api.place.id
    assert made["project"] == api.place.project_id
    assert {step["action_type"] for step in made["steps"]} == {"test_echo"}
    assert made["steps_count"] == len(made["steps"])
    assert made["triggers_count"] == len(made["triggers"])
    assert api.get(f"/workflows/{made['id']}/") == made


def test_what_was_read_can_be_sent_back(api: Api) -> None:
    made = api.post("/workflows/", workflow_body(), 201)
    again = api("PUT", f"/workflows/{made['id']}/", made, 200)
    assert again.json == made
    assert again.headers["ETag"] == '"1"'


@pytest.mark.parametrize("base", ["/api/v1/automation", "/api/v1", "/api"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_prefix_with_and_without_the_last_slash(api: Api, base: str, slash: str) -> None:
    api.base = base
    made = api.post(f"/workflows{slash}", workflow_body(), 201)
    assert api.get(f"/workflows/{made['id']}{slash}")["id"] == made["id"]
    assert api.get(f"/workflows{slash}")["count"] == 1


def test_changes_touch_only_what_they_name(api: Api) -> None:
    made = api.post("/workflows/", workflow_body(variables={"a": 1}), 201)
    path = f"/workflows/{made['id']}/"
    changed = api.patch(path, {"name": "New", "canvas_data": {"zoom": 2}, "is_template": True})
    assert changed["name"] == "New"
    assert changed["canvas_data"] == {"zoom": 2}
    assert changed["is_template"] is True
    assert (changed["steps"], changed["triggers"], changed["variables"]) == (made["steps"], made["triggers"], {"a": 1})
    replaced = api.patch(path, {"actions": [{"id": "x", "type": "test_echo", "config": {}}]})
    assert [step["step_id"] for step in replaced["steps"]] == ["x"]
    assert replaced["triggers"] == made["triggers"]


def test_if_match(api: Api) -> None:
    made = api("POST", "/workflows/", workflow_body(), 201)
    path, etag = f"/workflows/{made.json['id']}/", made.headers["ETag"]
    first = api("PATCH", path, {"name": "One"}, 200, headers={"If-Match": etag})
    stale = api("PATCH", path, {"name": "Two"}, 412, headers={"If-Match": etag})
    assert stale.mimetype == "application/problem+json"
    api("PATCH", path, {"name": "Two"}, 200, headers={"If-Match": first.headers["ETag"]})
    api("PATCH", path, {"name": "Three"}, 200, headers={"If-Match": "*"})
    api("DELETE", path, None, 412, headers={"If-Match": etag})
    assert api.get(path)["name"] == "Three"


BAD_BODIES: list[tuple[str, Any, str]] = [
    ("no name", {"steps": []}, "name"),
    ("empty name", workflow_body(name=" "), "name"),
    ("long name", workflow_body(name="x" * 201), "name"),
    ("name is a number", workflow_body(name=5), "name"),
    ("unknown key", workflow_body(nonsense=1), "nonsense"),
    ("unknown status", workflow_body(status="running"), "status"),
    ("status is a list", workflow_body(status=[]), "status"),
    ("unknown project", workflow_body(project="nope"), "project"),
    ("project is a number", workflow_body(project=7), "project"),
    ("project is an empty list", workflow_body(project=[]), "project"),
    ("key is empty", workflow_body(triggers=[{"trigger_type": "manual", "key": ""}]), "triggers.0.key"),
    ("key is an object", workflow_body(triggers=[{"trigger_type": "manual", "key": {}}]), "triggers.0.key"),
    ("canvas is a list", workflow_body(canvas_data=[]), "canvas_data"),
    ("template is text", workflow_body(is_template="yes"), "is_template"),
    ("steps is an object", workflow_body(steps={}), "steps"),
    ("step is a number", workflow_body(steps=[5]), "steps.0"),
    ("unknown action", workflow_body(steps=[{"step_id": "a", "action_type": "nope"}]), "steps.0.action_type"),
    ("unknown param", workflow_body(steps=[{"step_id": "a", "action_type": "test_echo", "params": {"x": 1}}]), "steps.0.params.x"),
    ("file address", workflow_body(steps=[{"step_id": "a", "action_type": "send_webhook", "params": {"url": "file:///etc/passwd"}}]), "steps.0.params.url"),
    ("edge to nowhere", workflow_body(edges=[{"source": "hello", "target": "x"}]), "edges.0.target"),
    ("duplicate step", workflow_body(steps=[{"step_id": "a", "action_type": "test_echo"}] * 2), "steps.1.step_id"),
    ("expression", workflow_body(steps=[{"step_id": "a", "action_type": "test_echo", "params": {"text": "{{ 1 + }}"}}]), "steps.0.params.text"),
    ("unknown trigger", workflow_body(triggers=[{"trigger_type": "nope"}]), "triggers.0.trigger_type"),
    ("trigger config", workflow_body(triggers=[{"trigger_type": "webhook", "config": {"x": 1}}]), "triggers.0.config.x"),
    ("sealed by the client", workflow_body(triggers=[{"trigger_type": "webhook", "config": {"auth": "header", "secret": {"$secret": "x"}}}]), "triggers.0.config.secret"),
    ("short hook key", workflow_body(triggers=[{"trigger_type": "webhook", "config": {"key": "abc"}}]), "triggers.0.config.key"),
    ("cron", workflow_body(triggers=[{"trigger_type": "schedule", "config": {"cron": "99 * * * *"}}]), "triggers.0.config.cron"),
    ("NUL", workflow_body(description="a\0b"), ""),
    ("deep", workflow_body(variables={"a": json.loads("[" * 40 + "]" * 40)}), ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path"), [case[1:] for case in BAD_BODIES], ids=[case[0] for case in BAD_BODIES])
def test_bad_bodies_are_refused_and_nothing_is_saved(api: Api, body: Any, path: str) -> None:
    answer = api("POST", "/workflows/", body)
    assert answer.status_code in (400, 404, 422), answer.text
    assert answer.mimetype == "application/problem+json"
    if path:
        assert path in [problem["path"] for problem in answer.json["errors"]]
    assert api.get("/workflows/")["count"] == 0


RAW = [
    (b"{", 400),
    (b"\xff\xfe{}", 400),
    (b'{"name": NaN}', 400),
    (b"[" * 100 + b"]" * 100, 400),
    (b"[]", 422),
    (b'"text"', 422),
    (b"null", 422),
    (b"", 422),
    (b'{"name": "' + b"x" * 1_200_000 + b'"}', 413),
]


@pytest.mark.parametrize(("raw", "status"), RAW, ids=range(len(RAW)))
def test_raw_bodies(api: Api, raw: bytes, status: int) -> None:
    answer = api("POST", "/workflows/", data=raw, content_type="application/json", status=status)
    assert answer.mimetype == "application/problem+json"


def test_other_content_types(api: Api) -> None:
    api("POST", "/workflows/", data=b"name=x", content_type="application/x-www-form-urlencoded", status=415)


def test_another_organization_is_nobody(api: Api, app: Any) -> None:
    with app.app_context():
        other = Api(api.client, make_place("Other"))
    mine = api.post("/workflows/", workflow_body(), 201)
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("PUT", ""), ("DELETE", ""), ("POST", "activate/"), ("POST", "pause/"),
        ("POST", "archive/"), ("POST", "publish/"), ("POST", "duplicate/"), ("POST", "validate/"),
        ("POST", "execute/"), ("GET", "executions/"), ("GET", "stats/"),
    ):  # fmt: skip
        other(method, f"/workflows/{mine['id']}/{path}", {} if method != "GET" else None, 404)
    assert other.get("/workflows/")["count"] == 0
    other.post("/workflows/", workflow_body(organization=api.place.id), 404)
    api.post("/workflows/", workflow_body(organization=api.place.id), 201)
    api.post("/workflows/", workflow_body(organization=1), 201)
    assert other.get("/workflows/")["count"] == 0
    assert api.get("/workflows/")["count"] == 3


def test_ids_that_are_none(api: Api) -> None:
    for wrong in ("1", "nope", "00000000-0000-0000-0000-000000000000", "%00"):
        api("GET", f"/workflows/{wrong}/", None, 404)
        api("GET", f"/executions/{wrong}/", None, 404)


ROLES = [
    ("viewer", "GET", "/workflows/", 200),
    ("viewer", "POST", "/workflows/", 403),
    ("operator", "POST", "/workflows/", 403),
    ("editor", "POST", "/workflows/", 201),
]


@pytest.mark.parametrize(("role", "method", "path", "status"), ROLES)
def test_roles(api: Api, role: str, method: str, path: str, status: int) -> None:
    api.as_(role)(method, path, workflow_body() if method == "POST" else None, status)


def test_roles_on_one_workflow(api: Api) -> None:
    path = f"/workflows/{api.post('/workflows/', workflow_body(), 201)['id']}/"
    viewer, operator = api.as_("viewer"), api.as_("operator")
    viewer.post(f"{path}execute/", {}, 403)
    operator.post(f"{path}execute/", {}, 202)
    operator.post(f"{path}activate/", {}, 403)
    operator("DELETE", path, None, 403)
    assert viewer.post(f"{path}validate/")["valid"] is True
    api.client.get(f"/api{path}")
    assert api.client.get(f"/api{path}").status_code == 401


def test_activate_pause_archive(api: Api) -> None:
    path = f"/workflows/{api.post('/workflows/', workflow_body(), 201)['id']}/"
    api.post(f"{path}pause/", {}, 409)
    active = api.post(f"{path}activate/")
    assert (active["status"], active["version"]) == ("active", 1)
    assert api.post(f"{path}activate/", {"status": "INACTIVE"})["status"] == "paused"
    assert api.post(f"{path}activate/", {"status": "Active"})["version"] == 1
    api.post(f"{path}activate/", {"status": "draft"}, 422)
    assert api.post(f"{path}pause/")["status"] == "paused"
    assert api.post(f"{path}archive/")["status"] == "archived"
    api.patch(path, {"name": "Other"}, 409)
    api.post(f"{path}execute/", {}, 409)
    assert api.post(f"{path}pause/")["status"] == "paused"
    assert api.patch(path, {"name": "Other", "status": "active"})["version"] == 2
    api.patch(path, {"status": "draft"}, 409)
    assert api.get(path)["status"] == "active"


def test_created_active_runs_at_once_or_not_at_all(api: Api) -> None:
    made = api.post("/workflows/", workflow_body(status="ACTIVE"), 201)
    assert (made["status"], made["version"]) == ("active", 1)
    answer = api("POST", "/workflows/", workflow_body(status="active", steps=[]), 422)
    assert answer.json["errors"][0]["path"] == "steps"
    assert api.get("/workflows/")["count"] == 1
    assert api.post("/workflows/", workflow_body(status="INACTIVE"), 201)["status"] == "paused"


def test_publish(api: Api) -> None:
    path = f"/workflows/{api.post('/workflows/', workflow_body(), 201)['id']}/"
    first = api.post(f"{path}publish/", {"note": "first"})
    assert first["version"] == 1
    assert first["workflow"]["status"] == "draft"
    assert api.post(f"{path}publish/")["version"] == 1
    api.patch(path, {"description": "changed"})
    assert api.post(f"{path}publish/")["version"] == 2
    api.patch(path, {"steps": []})
    errors = api.post(f"{path}publish/", {}, 422)["errors"]
    assert [problem["path"] for problem in errors] == ["steps"]
    assert api.get(path)["version"] == 2


def test_validate(api: Api) -> None:
    path = f"/workflows/{api.post('/workflows/', workflow_body(steps=[], triggers=[]), 201)['id']}/"
    found = api.post(f"{path}validate/")
    assert found["valid"] is False
    assert [problem["path"] for problem in found["errors"]] == ["steps"]
    assert set(found["errors"][0]) == {"path", "message", "step_id", "code"}
    assert [problem["path"] for problem in found["warnings"]] == ["triggers"]


WHEN = {"all": [{"field": "input.amount", "operator": ">", "value": 100}]}
FLAT: dict[str, Any] = {
    "name": "Flat", "trigger_type": "webhook", "trigger_config": {"methods": ["PUT"]}, "conditions": WHEN,
    "actions": [{"type": "log", "config": {"message": "Hello", "level": "WARNING"}}],
}  # fmt: skip
OTHER_WHEN = {"all": [{"field": "input.vip", "operator": "==", "value": True}]}


@pytest.mark.parametrize(
    ("change", "kind", "methods", "conditions"),
    [
        ({"conditions": OTHER_WHEN}, "webhook", ["PUT"], OTHER_WHEN),
        ({"conditions": None}, "webhook", ["PUT"], None),
        ({"trigger_config": {"methods": ["PATCH"]}}, "webhook", ["PATCH"], WHEN),
        ({"trigger_type": "webhook"}, "webhook", ["PUT"], WHEN),
        ({"trigger_type": "Webhook", "conditions": OTHER_WHEN}, "webhook", ["PUT"], OTHER_WHEN),
        ({"trigger_type": "manual"}, "manual", None, WHEN),
        ({"actions": [{"type": "log", "config": {"message": "Bye"}}]}, "webhook", ["PUT"], WHEN),
    ],
)
def test_one_part_of_a_flat_workflow_is_changed(
    api: Api, change: Any, kind: str, methods: Any, conditions: Any
) -> None:
    made = api.post("/workflows/", FLAT, 201)
    (before,) = made["triggers"]
    changed = api.patch(f"/workflows/{made['id']}/", change)
    (after,) = changed["triggers"]
    assert (after["trigger_type"], after["config"].get("methods")) == (kind, methods)
    assert after["conditions"] == conditions
    if kind == "webhook":
        assert after["config"]["key"] == before["config"]["key"], "its address stays"
    assert len(changed["steps"]) == 1


@pytest.mark.parametrize("name", ["name", "variables", "config", "steps", "edges", "triggers", "actions", "nodes"])
def test_null_is_refused_where_it_would_be_forgotten(api: Api, name: str) -> None:
    made = api.post("/workflows/", workflow_body(), 201)
    for refused in (
        api.post("/workflows/", {**workflow_body(), name: None}, 422),
        api.patch(f"/workflows/{made['id']}/", {name: None}, 422),
    ):
        assert name in [problem["path"] for problem in refused["errors"]]
    assert api.patch(f"/workflows/{made['id']}/", {"description": None})["description"] == ""


def test_levels_are_read_in_any_case(api: Api, worker: None) -> None:
    levels = ("DEBUG", "Info", "warning", "ERROR")
    actions = [{"type": "log", "config": {"message": level, "level": level}} for level in levels]
    path = f"/workflows/{api.post('/workflows/', {'name': 'Levels', 'actions': actions}, 201)['id']}/"
    ran = api.post(f"{path}execute/", {"async_execution": False})
    assert ran["status"] == "completed"
    lines = api.get(f"/executions/{ran['execution_id']}/logs/")["results"]
    said = {line["message"]: line["level"] for line in lines}
    assert [said[level] for level in levels] == [level.upper() for level in levels]


def unable(api: Api, app: Any, action_type: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    """What validate says of a step, as activate must, too."""
    with app.app_context(), tenant_session(db.engine, api.place.id) as session:
        if session.query(DataTable).count() == 0:
            tables.create(session, {"name": "People", "columns": [{"label": "Name"}, {"label": "City"}]})
            session.commit()
    step = {"step_id": "a", "action_type": action_type, "params": params}
    path = f"/workflows/{api.post('/workflows/', workflow_body(steps=[step]), 201)['id']}/"
    errors = api.post(f"{path}validate/")["errors"]
    assert [e["path"] for e in api.post(f"{path}activate/", {}, 422 if errors else 200).get("errors", [])] == [
        e["path"] for e in errors
    ]
    return [(error["path"].removeprefix("steps.0.params."), error["code"]) for error in errors]


SAVE, FIND = "database_save", "database_query"
CANNOT_RUN = [
    (SAVE, {"table": "Nobody", "data": {"name": "x"}}, [("table", "missing_thing")]),
    (SAVE, {"table": "People", "data": {"name": "x", "town": "y"}}, [("data", "missing_column")]),
    (SAVE, {"table": "people", "data": [{"name": "x"}, {"town": "y"}]}, [("data", "missing_column")]),
    (SAVE, {"table": "people", "data": {"name": "x"}, "mode": "upsert", "match": ["nmae"]}, [("match", "missing_column")]),
    (SAVE, {"table": "people", "data": {"name": "x", "city": "{{ input.c }}"}}, []),
    (SAVE, {"table": "people", "data": "{{ input }}"}, []),
    (SAVE, {"table": "{{ input.t }}", "data": {"town": "y"}}, []),
    (FIND, {"table": "people", "where": {"town": "y"}}, [("where", "missing_column")]),
    (FIND, {"table": "people", "columns": "name, town", "order_by": "age"}, [("columns", "missing_column"), ("order_by", "missing_column")]),
    (FIND, {"table": "people", "where": {"city": "y"}, "columns": ["id", "name"], "order_by": "created_at"}, []),
    ("validate_data", {"data": "{{ input }}", "schema": "nowhere"}, [("schema", "missing_thing")]),
    ("send_webhook", {"url": "https://example.com", "integration": "nobody"}, [("integration", "missing_thing")]),
    ("run_workflow", {"workflow": "Nothing"}, [("workflow", "missing_thing")]),
    ("run_workflow", {"workflow": "Greeter"}, [("workflow", "unpublished")]),
]  # fmt: skip


@pytest.mark.parametrize(("action_type", "params", "wrong"), CANNOT_RUN, ids=range(len(CANNOT_RUN)))
def test_what_cannot_run_is_refused(
    api: Api, app: Any, action_type: str, params: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert unable(api, app, action_type, params) == wrong


def test_duplicate(api: Api) -> None:
    made = api.post("/workflows/", workflow_body(status="active"), 201)
    copy = api.post(f"/workflows/{made['id']}/duplicate/", {}, 201)
    assert copy["id"] != made["id"]
    assert (copy["name"], copy["status"], copy["version"]) == ("Greeter (copy)", "draft", None)
    assert copy["triggers"][0]["config"]["key"] != made["triggers"][0]["config"]["key"]
    assert copy["steps"] == made["steps"]
    assert api.post(f"/workflows/{made['id']}/duplicate/", {"name": "Mine"}, 201)["name"] == "Mine"
    api.post(f"/workflows/{made['id']}/duplicate/", {"name": ""}, 422)


def test_delete(api: Api) -> None:
    made = api.post("/workflows/", workflow_body(status="active"), 201)
    path = f"/workflows/{made['id']}/"
    api.post(f"{path}execute/", {}, 202)
    assert api("DELETE", path, None, 204).data == b""
    api.get(path, 404)
    assert api.get("/executions/")["count"] == 0
    hook = made["triggers"][0]["config"]["key"]
    assert api.client.post(f"/hooks/{hook}", json={}).status_code == 404


def test_list_filters(api: Api) -> None:
    api.post("/workflows/", workflow_body(name="Alpha", status="active"), 201)
    api.post("/workflows/", workflow_body(name="Beta", is_template=True), 201)
    api.post("/workflows/", STEPS | {"name": "Gamma 50%"}, 201)

    def names(query: str) -> list[str]:
        return sorted(row["name"] for row in api.get(f"/workflows/?{query}")["results"])

    assert names("status=ACTIVE") == ["Alpha"]
    assert names("status=active,draft") == ["Alpha", "Beta", "Gamma 50%"]
    assert names("status=inactive") == []
    assert names("trigger_type=WEBHOOK") == ["Alpha", "Beta"]
    assert names("trigger_type=form_submitted") == ["Gamma 50%"]
    assert names("is_template=true") == ["Beta"]
    assert names("search=ALP") == ["Alpha"]
    assert names("search=%25") == ["Gamma 50%"]
    assert names(f"project={api.place.project_id}") == ["Alpha", "Beta", "Gamma 50%"]
    for wrong in ("status=nope", "limit=0", "limit=x", "sort=nope", "project=", "is_template=perhaps"):
        api.get(f"/workflows/?{wrong}", 422)
    for unknown in ("cursor=x", "cursor=W10"):
        api.get(f"/workflows/?{unknown}", 404)


def test_a_parameter_that_would_change_nothing_is_refused(api: Api) -> None:
    (problem,) = api.get("/workflows/?serch=Selfie", 422)["errors"]
    assert problem["path"] == "serch"
    assert "Did you mean “search”?" in problem["message"]


@pytest.mark.parametrize(
    "sort", ["name", "-name", "-updated_at", "created_at", "status", "-execution_count", "last_executed_at"]
)
def test_list_pages(api: Api, sort: str) -> None:
    for number in range(5):
        made = api.post("/workflows/", workflow_body(name=f"W{number}"), 201)
        for _ in range(number % 2):
            api.post(f"/workflows/{made['id']}/execute/", {}, 202)
    every = [row["id"] for row in api.get(f"/workflows/?sort={sort}")["results"]]
    seen, page, back = [], api.get(f"/workflows/?sort={sort}&limit=2"), []
    assert page["previous"] is None
    while True:
        assert page["count"] == 5
        seen += [row["id"] for row in page["results"]]
        if not page["next"]:
            break
        page = api.client.get(page["next"], headers=api.place.headers()).json
    assert seen == every
    while page["previous"]:
        page = api.client.get(page["previous"], headers=api.place.headers()).json
        back = [row["id"] for row in page["results"]] + back
    assert back == every[:4]


def test_changes_at_the_same_time_all_count(api: Api, app: Any) -> None:
    row = api.post("/workflows/", workflow_body(), 201)
    path = f"/api/workflows/{row['id']}/"

    def change(number: int) -> tuple[int, int]:
        client, headers = app.test_client(), api.place.headers()
        changed = client.patch(path, json={"description": str(number)}, headers=headers)
        return changed.status_code, client.post(f"{path}publish/", json={}, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(change, range(6))) == [(200, 200)] * 6
    assert api("GET", f"/workflows/{row['id']}/").headers["ETag"] == '"7"'
    assert api.post(f"/workflows/{row['id']}/publish/")["version"] == api.get(f"/workflows/{row['id']}/")["version"]


def test_a_browsers_session_needs_the_csrf_header(api: Api, app: Any) -> None:
    browser = app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"] = f"{api.place.user_id}:0"
    assert browser.get("/api/workflows/").status_code == 200
    refused = browser.post("/api/workflows/", json=workflow_body())
    assert (refused.status_code, refused.mimetype) == (400, "application/problem+json")
    assert api.get("/workflows/")["count"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "cursor=W251bGwsbnVsbCxudWxsXQ", "cursor=WzEsMiwzXQ", "cursor=eyJhIjoxfQ", "cursor=%FF",
    ],
)  # fmt: skip
def test_a_cursor_that_no_list_gave_leads_nowhere(api: Api, query: str) -> None:
    for path in ("/workflows/", "/executions/"):
        assert api.get(f"{path}?{query}", 404)["errors"][0]["path"] == "cursor"


@pytest.mark.parametrize("query", ["cursor=" + "A" * 2000, "limit=99999999999999999999", "limit=", "status=%00"])
def test_queries_that_cannot_be(api: Api, query: str) -> None:
    api.get(f"/workflows/?{query}", 422)
    api.get(f"/executions/?{query}", 422)


@pytest.mark.parametrize("query", ["search=%00", "project=nope", "project=%00", "trigger_type=%00", "workflow=%00"])
def test_queries_that_find_nothing_are_no_fault_of_ours(api: Api, query: str) -> None:
    for path in ("/workflows/", "/executions/"):
        assert api("GET", f"{path}?{query}").status_code in (200, 422)
