"""The API keeps its contract: schemathesis reads the OpenAPI document and asks the application, as each role.

No answer is a server error; status codes, content types and shapes are the documented ones; what fits the document is
accepted and what does not is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from flowapp.api.executions import executions
from flowapp.tasks import runtime
from flowapp.tasks.fleet.heartbeats import Heart
from tests.api.conftest import BASE, Api
from tests.api.crm.people import Place, workflow_body

# The document says so: a definition is checked beyond its shape, and each place is named.
WRITES = {"POST /workflows/", "PATCH /workflows/{workflow_id}/", "POST /import/"}
BEYOND = re.compile(
    r"triggers\.\d+\.(config|conditions)\b|steps\.\d+\.(params|goto_step|step_id)\b|edges\.\d+|config\.business_hours$"
    r"|(workflows|tables|schemas|forms|email_templates)\.\d+\."
)
# What a person writes is read beyond its shape: a phone, a domain, an amount, the values of custom fields, what a type needs,
# which records a filter names.
READ = re.compile(
    r"(type|phone|language|domain|value|montant|montant_potentiel|name|nom|title|subject|label|key|target|default|options|text|html|tags|lost_reason"
    r"|status|sort|(ids|action|tag|owner|list|workflow|records)$|data(\..*)?|filter|filter\..*|columns(\.\d+)?|search(\..*)?|layout|contact_id|fields(\.[^.]*)?|stages(\.\d+(\.(name|kind|probability))?)?|email)$"
)
CRM = re.compile(r"/(email-templates|contacts|companies|deals|tasks|notes|tags|lists|pipelines|fields|views|events)/")
# Rows and files are read beyond their shape, too.
IMPORTED = re.compile(r"(rows|file|mapping(\..*)?|match|encoding|separator|sheet)$")
# One change of many records: ids or a filter, what the action needs, and all of it there.
BULK = re.compile(r"(ids|filter(\..*)?|tag|list|owner|workflow|data(\..*)?|records(\..*)?)$")
# A service says itself what it needs, and what its actions take.
CONNECTED = re.compile(r"(name|integration_type|config(\..*)?|credentials(\..*)?|action|params(\..*)?|allow(\.\d+)?)$")
# Nothing waits for these in the test's organization; a note is about a record that there is, a merge about two.
NEVER_DONE = re.compile(
    r"POST /notes/$|/merge/$|/(approve|reject|resolve|hooks|resume)/|replays/\{|notifications/\{|/hooks/|POST /replays/$"
    r"|POST /imports/\{import_id\}/start/"  # it has begun
    r"|/bulk/|/jobs/\{"  # nothing matches the examples
)


def asked(app: Any, place: Place, role: str, ids: dict[str, str], *, thorough: bool) -> Iterator[Any]:
    """What happens while schemathesis plays its scenarios; what it makes up is the same in every run."""
    document = app.test_client().get("/openapi.json").json
    for schema in document["components"]["schemas"].values():
        shorten(schema)
    root = {path: item for path, item in document["paths"].items() if "servers" in item}
    rest = {path: item for path, item in document["paths"].items() if path not in root}
    for base, paths in (("", root), (BASE, rest)):
        config = SchemathesisConfig.from_dict(
            {
                "seed": 1,
                "base-url": f"http://localhost{base}",
                "headers": place.headers(role),
                "parameters": {f"path.{name}": value for name, value in ids.items()},
                "operations": [{"include-method": ["PUT"], "enabled": False}],  # the views of PATCH
                "continue-on-failure": True,
                "generation": {"deterministic": True, "database": "none", "no-shrink": True, "max-examples": 4},
                "phases": {
                    "coverage": {"enabled": thorough, "extra-data-sources": {"responses": False}},
                    "fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}},
                    "stateful": {"enabled": False},
                },
                "checks": {"ignored_auth": {"enabled": False}},  # tests/guards/test_routes.py asks every route
            }
        )
        loaded = schemathesis.openapi.from_dict({**document, "paths": paths}, config=config)
        loaded.app = app
        for event in from_schema(loaded).execute():
            assert not isinstance(event, events.NonFatalError | events.FatalError), event
            yield event


def shorten(schema: Any) -> None:
    """Of a long list of choices (time zones), a few do."""
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        shorten(inner)
    if isinstance(schema, dict) and len(schema.get("enum", ())) > 50:
        schema["enum"] = schema["enum"][:3]


def excused(check: str, label: str, answer: Any) -> bool:
    """Whether a request of the right shape was refused for what the document says besides."""
    if check == "negative_data_rejection":
        return answer.status_code == 413  # a refusal too
    if check != "positive_data_acceptance":
        return False
    told = answer.json()
    if answer.status_code == 400:
        return "NUL" in told["detail"]
    if label.startswith("GET ") and all(problem["message"] == "Enter text." for problem in told["errors"]):
        return True  # a NUL in a parameter
    if label.endswith("/bulk/"):
        none = "action" if label == "POST /contacts/bulk/" else ""  # neither an action nor records
        return all(BULK.match(problem["path"]) or problem["path"] == none for problem in told["errors"])
    if label == "POST /imports/":
        return all(IMPORTED.match(problem["path"]) for problem in told["errors"])
    if "/integrations/" in label or "/outgoing-connections/" in label:
        return all(CONNECTED.match(problem["path"]) for problem in told["errors"])
    if CRM.search(label):
        return all(READ.match(problem["path"]) for problem in told["errors"])
    return label in WRITES and all(BEYOND.match(problem["path"]) for problem in told["errors"])


def of_crm(api: Api) -> dict[str, str]:
    """One of everything of the CRM."""
    deal = api.post("/deals/", {"title": "Engine"}, 201)["id"]
    made = {
        "company_id": ("/companies/", {"name": "Acme"}),
        "task_id": ("/tasks/", {"title": "Call"}),
        "note_id": ("/notes/", {"text": "Hello", "deal_id": deal}),
        "tag_id": ("/tags/", {"name": "R&D"}),
        "list_id": ("/lists/", {"name": "News"}),
        "field_id": ("/fields/", {"object": "deal", "label": "Size"}),
        "pipeline_id": ("/pipelines/", {"name": "Partners"}),
        "template_id": ("/email-templates/", {"name": "Welcome", "subject": "Hi", "html": "<p>Hello</p>"}),
        "view_id": ("/views/", {"object": "deal", "name": "Mine"}),
    }
    sent = {"object": "contact", "rows": [{"E-mail": "ann@example.com"}]}
    import_id = api.post("/imports/", sent, 202)["id"]
    return {
        "deal_id": deal,
        "import_id": import_id,
        **{name: api.post(path, body, 201)["id"] for name, (path, body) in made.items()},
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("database_url", "role", "thorough"),
    [
        ("sqlite", "owner", True),
        ("sqlite", "admin", False),
        pytest.param("postgresql", "editor", False, marks=pytest.mark.postgres),
        ("sqlite", "operator", False),
        ("sqlite", "viewer", False),
    ],
    indirect=["database_url"],
)
def test_the_api_keeps_its_contract(
    app: Any, api: Api, place: Place, role: str, thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "WAIT_SECONDS", 0.05)  # no worker runs: nobody waits for one
    hearts = [Heart(runtime(), kind, lambda: 0.0) for kind in ("worker", "scheduler")]  # /readyz looks for them
    workflow = api.post("/workflows/", workflow_body(), 201)["id"]
    execution = api.post(f"/workflows/{workflow}/execute/", {}, 202)["execution_id"]
    contact = api.post("/contacts/", {"email": "ann@example.com"}, 201)["id"]
    # Nobody listens there.
    service = {
        "name": "Loopback",
        "integration_type": "webhook",
        "config": {"base_url": "http://127.0.0.1:9/", "auth": "none"},
    }
    integration = api.post("/integrations/configure/", service, 201)["id"]
    ids = {
        "integration_id": integration,
        "workflow_id": workflow,
        "execution_id": execution,
        "contact_id": contact,
        **of_crm(api),
    }
    wrong: Counter[str] = Counter()
    answered: dict[str, set[int]] = {}
    for event in asked(app, place, role, ids, thorough=thorough):
        for heart in hearts:
            heart.beat()
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        answered.setdefault(event.label, set()).update(
            step.response.status_code for step in recorder.interactions.values() if step.response
        )
        for case_id, checks in recorder.checks.items():
            answer = recorder.interactions[case_id].response
            for check in checks:
                if check.failure_info and not excused(check.name, event.label, answer):
                    sent = recorder.cases[case_id].value.as_curl_command()
                    wrong[f"{check.name}: {check.failure_info.failure.message}\n{sent}\n{answer.text[:300]}"] += 1
    assert not wrong, "\n\n".join(list(wrong)[:20])
    assert len(answered) > 40
    if role == "owner":
        unheard = {label for label, codes in answered.items() if not any(code < 300 for code in codes)}
        assert not {label for label in unheard if not NEVER_DONE.search(label)}, "these were never answered well"
