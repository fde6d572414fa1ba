"""Values from outside: a webhook's body or an input, through a workflow, to its result; and what those of before mean."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.extensions import db
from flowapp.models import Organization
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.waiting import ended

pytestmark = pytest.mark.both_databases


def lives(api: Api, app: Any, locale: str, timezone: str) -> None:
    """Says how the organization writes its values."""
    with app.app_context(), system_session(db.engine) as system:
        place = system.get_one(Organization, api.place.id)
        place.locale, place.timezone = locale, timezone
        system.commit()


def run(api: Api, data: Any, *steps: dict[str, Any], **body: Any) -> Any:
    """The ended execution of a new workflow of these steps."""
    made = api.post("/workflows/", {"name": "W", "steps": list(steps), **body}, 201)
    return api.post(f"/workflows/{made['id']}/execute/", {"input_data": data, "async_execution": False})


def transform(**values: Any) -> dict[str, Any]:
    return {"step_id": "t", "action_type": "transform_data", "params": {"set": values}}


@pytest.mark.usefixtures("worker")
def test_a_saved_workflow_of_before_keeps_its_meaning(api: Api) -> None:
    rule = {"field": "input.country", "operator": "!=", "value": "FR"}
    made = {"name": "W", "steps": [transform(abroad="{{ 'yes' if input.flag else 'no' }}")],
            "triggers": [{"trigger_type": "webhook", "config": {}, "conditions": [rule]}], "status": "active"}  # fmt: skip
    answers = {}
    for language in (2, 3):
        workflow = api.post("/workflows/", {**made, "language": language}, 201)
        hook = f"/hooks/{workflow['triggers'][0]['config']['key']}"
        runs = [api.client.post(hook, json={"flag": "false", **country}).json for country in ({}, {"country": "DE"})]
        found = [ended(api, started["execution_id"]) for started in runs]
        answers[language] = [
            (execution["status"], (execution["output_data"] or {}).get("abroad")) for execution in found
        ]
    assert answers[2] == [("skipped", None), ("completed", "yes")]
    assert answers[3] == [("completed", "no"), ("completed", "no")]


def test_new_workflows_speak_the_present_language(api: Api) -> None:
    made = api.post("/workflows/", {"name": "W", "steps": [transform(a=1)]}, 201)
    assert made["language"] == 3
    assert api.patch(f"/workflows/{made['id']}/", {"name": "X"})["language"] == 3
    older = api.post("/workflows/", {"name": "W", "language": 2, "steps": [transform(a=1)]}, 201)
    assert api.patch(f"/workflows/{older['id']}/", {"name": "X"})["language"] == 2
    assert api.patch(f"/workflows/{older['id']}/", {"language": 3})["language"] == 3


@pytest.mark.parametrize("pattern", ["d de MMMM", "hello"])
def test_a_date_format_that_means_nothing_is_refused_when_saved(api: Api, pattern: str) -> None:
    body = {"name": "W", "steps": [transform(a="{{ input.day | date('" + pattern + "') }}")]}
    refused = api.post("/workflows/", body, 422)
    assert [problem["path"] for problem in refused["errors"]] == ["steps.0.params.set.a"]
    assert "means nothing in the date format" in refused["errors"][0]["message"]
    operation = {"op": "date", "date": "format", "field": "day", "format": pattern}
    step = {"step_id": "t", "action_type": "transform_data", "params": {"operations": [operation]}}
    refused = api.post("/workflows/", {"name": "W", "steps": [step]}, 422)
    assert "means nothing in the date format" in refused["errors"][0]["message"]


@pytest.mark.usefixtures("worker")
def test_a_transform_reads_as_the_organization_writes(app: Any, api: Api) -> None:
    operations = [
        {"op": "number", "number": "round", "field": "amount", "decimals": 1},
        {"op": "date", "date": "parse", "field": "day"},
        {"op": "date", "date": "format", "field": "at", "format": "dd/MM/yyyy HH 'h' mm"},
    ]
    step = {"step_id": "t", "action_type": "transform_data", "params": {"operations": operations}}
    data = {"amount": "1.234,56 €", "day": "03/04/2026", "at": "2026-03-30T22:00:00Z"}
    refused = run(api, data, step)
    assert refused["status"] == "failed"
    assert "may mean 2026-04-03 or 2026-03-04" in refused["error_message"]
    lives(api, app, "fr-FR", "Europe/Paris")
    assert run(api, data, step)["output_data"] == {"amount": 1234.6, "day": "2026-04-03", "at": "31/03/2026 00 h 00"}


def test_workflows_are_found_in_any_case(api: Api) -> None:
    api.post("/workflows/", {"name": "Relance d'ÉLODIE", "description": "Для Бьёрна", "steps": [transform(a=1)]}, 201)
    for search in ("élodie", "E\u0301LODIE", "бьёрн"):
        assert api.get(f"/workflows/?search={search}")["count"] == 1, search
    assert api.get("/workflows/?search=elodie")["count"] == 0


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("tags=red", ["red"]),
        ("tags=red&tags=blue", ["red", "blue"]),
        ("tags=%5B%22red%22%2C%22blue%22%5D", ["red", "blue"]),
        ("tags=", []),
    ],
)
def test_a_loop_takes_what_a_form_sends(api: Api, body: str, seen: list[str]) -> None:
    steps = [{"step_id": "each", "action_type": "loop", "params": {"items": "{{ input.tags }}"}},
             {"step_id": "t", "action_type": "transform_data", "params": {"set": {"tag": "{{ item }}"}}}]  # fmt: skip
    edges = [{"source": "each", "target": "t", "branch": "each"}]
    made = api.post("/workflows/", {"name": "W", "steps": steps, "edges": edges, "triggers": [{"trigger_type": "webhook", "config": {}}],
                                    "status": "active"}, 201)  # fmt: skip
    hook = f"/hooks/{made['triggers'][0]['config']['key']}"
    started = api.client.post(hook, data=body, content_type="application/x-www-form-urlencoded").json
    found = ended(api, started["execution_id"])
    assert found["status"] == "completed", found
    assert [result["tag"] for result in found["context"]["state"]["each"]["results"]] == seen


DUE = {"step_id": "c", "action_type": "conditional", "params": {"conditions": {"all": [
    {"field": "input.due", "operator": "before", "value": "2026-03-20"}]}}}  # fmt: skip
LATER = {"step_id": "l", "action_type": "conditional", "params": {"conditions": {"all": [
    {"field": "input.due", "operator": ">", "value": "31/12/2025"}]}}}  # fmt: skip


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("locale", "before", "written"), [("en-US", True, "2026-03-04"), ("fr-FR", False, "2026-04-03")]
)
def test_conditions_and_filters_read_dates_as_the_organization_writes_them(
    api: Api, app: Any, locale: str, before: bool, written: str
) -> None:
    lives(api, app, locale, "UTC")
    text = transform(day="{{ input.due | date('yyyy-MM-dd') }}", next="{{ input.due | plus('1 day') }}")
    ended = run(api, {"due": "03/04/2026"}, text)
    assert ended["status"] == "completed", ended["error_message"]
    assert (ended["output_data"]["day"], ended["output_data"]["next"][:8]) == (written, written[:8])
    assert [branch(api, "03/04/2026", step) for step in (DUE, LATER)] == ["yes" if before else "no", "yes"]


@pytest.mark.usefixtures("worker")
def test_without_a_notation_a_date_of_two_readings_is_read_by_none(api: Api) -> None:
    assert [branch(api, "03/04/2026", step) for step in (DUE, LATER)] == ["no", "no"]
    failed = run(api, {"due": "03/04/2026"}, transform(day="{{ input.due | date('yyyy') }}"))
    assert failed["status"] == "failed" and "may mean 2026-04-03 or 2026-03-04" in failed["error_message"], failed


def branch(api: Api, due: str, step: dict[str, Any]) -> str:
    """The way that a condition goes."""
    ended = run(api, {"due": due}, step)
    return str(api.get(f"/executions/{ended['execution_id']}/")["steps"][0]["branch"])


@pytest.mark.usefixtures("worker")
def test_a_trigger_s_conditions_read_dates_as_the_organization_writes_them(api: Api, app: Any) -> None:
    """Also at a hook that the process knows, which is started without a session."""
    rule = {"field": "input.due", "operator": "before", "value": "2026-03-20"}
    made = {"name": "W", "steps": [transform(a=1)], "status": "active",
            "triggers": [{"trigger_type": "webhook", "config": {}, "conditions": [rule]}]}  # fmt: skip
    workflow = api.post("/workflows/", made, 201)
    hook = f"/hooks/{workflow['triggers'][0]['config']['key']}"
    for locale, status in (("en-US", "completed"), ("fr-FR", "skipped")):
        lives(api, app, locale, "UTC")
        for _ in range(2):
            started = api.client.post(hook, json={"due": "03/04/2026"}).json
            assert ended(api, started["execution_id"])["status"] == status, locale
