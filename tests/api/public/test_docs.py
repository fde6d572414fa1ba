"""The OpenAPI document, the docs page, the catalog and metrics."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator

from flowapp.api.routes import OPERATIONS, PREFIXES
from tests.api.conftest import BASE, Api
from tests.api.crm.people import workflow_body


def test_every_route_of_the_api_is_documented(app: Any) -> None:
    document = app.test_client().get("/openapi.json").json
    documented = {
        (method, path.rstrip("/")) for path, item in document["paths"].items() for method in item if method != "servers"
    }
    routed = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).rstrip("/")
        prefix = next((p for p in PREFIXES if path.startswith(f"{p}/")), None)
        if path in ("/api/docs", "/openapi.json") or (
            prefix is None and rule.endpoint.split(".")[0] not in ("hooks", "health", "metrics", "resume")
        ):
            continue
        path = path.removeprefix(prefix or "")
        # other names of /companies and of /workflows/templates/list
        if not path.startswith("/organisations") and path != "/workflows/templates":
            routed |= {(m.lower(), path) for m in rule.methods - {"HEAD", "OPTIONS"}}
    assert documented == routed
    assert len(OPERATIONS) > 20


def test_openapi_is_well_formed(app: Any) -> None:
    document = app.test_client().get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    ids = [item[m]["operationId"] for item in document["paths"].values() for m in item if m != "servers"]
    assert len(ids) == len(set(ids))
    references = set(re.findall(r'"#/components/schemas/(\w+)"', app.test_client().get("/openapi.json").text))
    assert references <= set(document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_docs_page_is_offline_and_public(app: Any) -> None:
    page = app.test_client().get("/api/docs")
    assert page.status_code == 200
    assert "/workflows/{workflow_id}/" in page.text
    assert not re.search(r'(?:src|href)="https?:', page.text)
    assert app.test_client().get("/api/docs/").status_code == 200


def test_catalog(api: Api) -> None:
    found = api.get("/catalog")
    assert set(found) == {"triggers", "actions", "connectors"}
    webhook = next(t for t in found["triggers"] if t["type"] == "webhook")
    assert {"type", "label", "group", "aliases", "schema"} <= set(webhook)
    echo = next(a for a in found["actions"] if a["type"] == "test_echo")
    assert echo["effect"] == "pure"
    for entry in [*found["triggers"], *found["actions"], *found["connectors"]]:
        Draft202012Validator.check_schema(entry["schema"])
    assert api.client.get("/api/workflows/catalog/").status_code == 401


def test_descriptions_do_not_lean_on_our_own_papers(api: Api) -> None:
    for path in ("/catalog/", "/catalog/schema/"):
        assert not re.search("§|DESIGN", api("GET", path, None, 200).text)
    assert not re.search("§|DESIGN", api.client.get("/openapi.json").get_data(as_text=True))


def test_definition_schema_accepts_what_is_stored(api: Api) -> None:
    schema = api.client.get("/api/v1/catalog/schema").json
    row = api.post("/workflows/", workflow_body(), 201)
    stored = {name: row[name] for name in schema["properties"]}
    Draft202012Validator(schema).validate(stored)


def test_metrics(api: Api) -> None:
    workflow = api.post("/workflows/", workflow_body(), 201)
    api.post(f"/workflows/{workflow['id']}/execute/", {}, 202)
    text = api.client.get("/metrics").text
    assert 'flowapp_executions{status="pending"} 1.0' in text
    assert "flowapp_queue_length 1.0" in text
    assert re.search(
        r'flowapp_http_requests_total\{endpoint="workflows_api.create_workflow",method="POST",status="201"\}', text
    )
    for options in ({"headers": {"X-Forwarded-For": "9.9.9.9"}}, {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}}):
        assert api.client.get("/metrics", **options).status_code == 401
    assert api.client.get("/metrics", headers={**api.place.headers(), "X-Forwarded-For": "9.9.9.9"}).status_code == 403


def test_unknown_paths_are_problems(api: Api) -> None:
    answer = api("GET", "/nothing/", None, 404)
    assert answer.mimetype == "application/problem+json"
    refused = api("DELETE", "/workflows/", None, 405)
    assert "POST" in refused.headers["Allow"]


def test_options_tell_the_methods_of_the_path_alone(api: Api) -> None:
    for path, methods in (("contacts/export", {"GET"}), ("companies/bulk", {"POST"}), ("workflows", {"GET", "POST"})):
        answer = api.client.options(f"{BASE}/{path}/", headers=api.place.headers())
        assert set(answer.allow) - {"HEAD", "OPTIONS"} == methods


def test_a_405_allows_the_methods_of_the_path_alone(api: Api) -> None:
    for method, path, methods in (("POST", "contacts/export", {"GET"}), ("DELETE", "workflows", {"GET", "POST"})):
        refused = api(method, f"/{path}/", {} if method == "POST" else None, 405)
        assert set(refused.allow) - {"HEAD", "OPTIONS"} == methods


def test_docs_page_has_the_products_frame_for_members(api: Api) -> None:
    page = api.client.get("/api/docs", headers=api.place.headers())
    assert page.status_code == 200
    assert "Acme" in page.text
    assert "Acme" not in api.client.get("/api/docs").text
