"""Failures by reason, and running executions again."""

from __future__ import annotations

import json
import re
from typing import Any

from flowapp.engine.language.definition import parse
from flowapp.models import Version, Workflow
from tests.pages.executions.test_executions import LOG, WAIT, Place, place

__all__ = ["place"]
BROKEN = {**LOG, "params": {"message": "{{input.missing}}"}}
TABLE = {
    "step_id": "store", "name": "Store it", "action_type": "database_save",
    "params": {"table": "orders", "data": {"a": "{{input.a}}"}},
}  # fmt: skip


def publish(place: Place, execution_id: str, *steps: dict[str, Any]) -> None:
    """Version 2 of the execution's workflow."""
    definition = parse({"name": "Orders", "steps": list(steps)}).canonical()
    with place.session() as session:
        workflow = session.get_one(Workflow, place.get(execution_id).workflow_id)
        version = Version(workflow_id=workflow.id, number=2, definition=definition, fingerprint="g")
        session.add(version)
        session.flush()
        workflow.published_version_id = version.id
        session.commit()


def test_failures_stand_together_by_reason(place: Place) -> None:
    first = place.begin(BROKEN, name="Orders")
    other = place.begin(BROKEN, name="Invoices")
    place.begin(LOG)
    html = place.html("/executions/failed")
    assert html.count("Rerun all") == 2
    assert html.count('aria-label="Show the 1 failure"') == 2
    assert 'class="table data-table stacked"' in html and 'data-label="Failures"' in html
    assert "Orders" in html and "Invoices" in html and "Note it" in html
    assert f"/executions/{other}" in html
    workflow_id = place.get(first).workflow_id
    html = place.html(f"/executions/failed?workflow={workflow_id}&days=1")
    assert html.count("Rerun all") == 1
    link = re.search(r'href="(/executions\?[^"]+)"', html.split('id="list"')[1])
    assert f"/executions/{first}" in place.html(link[1].replace("&amp;", "&"))
    again = re.search(r'href="(/replays/new\?[^"]+)"', html.split('id="list"')[1])
    assert "1 execution will run again." in place.html(again[1].replace("&amp;", "&"))


def test_without_failures_the_page_says_so(place: Place) -> None:
    place.begin(LOG)
    assert "Nothing failed" in place.html("/executions/failed?days=x&workflow=y")


def test_running_again_from_the_failed_step(place: Place) -> None:
    broken = {**BROKEN, "step_id": "second", "name": "Second"}
    old = place.begin(LOG, broken)
    publish(place, old, LOG, {**broken, "params": {"message": "mended"}})
    html = place.html(f"/executions/{old}/run-again")
    assert "From the failed step, “Second”" in html
    assert "Newest: version 2" in html
    assert "None of its steps has an outside effect" in html
    answer = place.post(f"/executions/{old}/run-again", **{"from": "failed", "version": "newest"})
    new = answer.location.rsplit("/", 1)[1]
    place.run(new)
    assert place.get(new).status == "completed"
    html = place.html(answer.location)
    assert "Run again from an earlier execution" in html
    assert "Reused" in html


def test_the_input_can_be_changed_and_keeps_its_secrets(place: Place) -> None:
    old = place.begin(LOG, data={"a": 1, "password": "hunter22"})
    path = f"/executions/{old}/run-again"
    html = place.html(path)
    assert "hunter22" not in html
    answer = place.post(path, **{"from": "start", "input": '{"a": 2, "password": "••••••"}'})
    assert place.get(answer.location.rsplit("/", 1)[1]).input_data == {"a": 2, "password": "hunter22"}
    for wrong in ("{", "", "NaN", '"\\u0000"', "[" * 5000):
        answer = place.post(path, **{"from": "start", "input": wrong})
        assert answer.status_code == 422
        assert "JSON" in answer.text


def test_what_does_not_fit_is_said_in_the_form(place: Place) -> None:
    old = place.begin(BROKEN)
    publish(place, old, {**LOG, "step_id": "other"})
    answer = place.post(f"/executions/{old}/run-again", **{"from": "failed", "version": "newest"})
    assert answer.status_code == 409
    assert "The newest version has no step “Note it”" in answer.text
    waiting = place.begin(WAIT)
    assert place.client.get(f"/executions/{waiting}/run-again").status_code == 303
    assert "has not ended" in place.post(f"/executions/{waiting}/run-again").text


def test_the_side_effects_of_running_again_are_told(place: Place) -> None:
    old = place.begin(LOG, TABLE)
    assert place.get(old).status == "failed"  # there is no such table
    html = place.html(f"/executions/{old}/run-again")
    assert html.count("1\u00d7") == 2
    assert "Save" in html
    assert json.loads(place.html(f"/executions/{old}/input_data.json")) == {"a": 7}
