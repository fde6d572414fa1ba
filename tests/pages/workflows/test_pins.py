"""Test data: the input and the pinned results that a draft is tried with."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from flowapp.models import Execution, Workflow
from flowapp.workflows.statistics import statistics
from tests.pages.executions.test_executions import LOG, Place

AFTER = {**LOG, "step_id": "after", "name": "After", "params": {"message": "{{ steps.call.result.status }}"}}
CALL = {
    "step_id": "call", "name": "Call them", "action_type": "send_webhook",
    "params": {"url": "https://nowhere.example/x", "method": "POST"},
}  # fmt: skip


@pytest.fixture
def place(app: Any) -> Place:
    return Place(app, role="editor")


def workflow_of(place: Place, execution_id: str) -> str:
    return f"/workflows/{place.get(execution_id).workflow_id}"


def kept(place: Place, execution_id: str) -> Any:
    with place.session() as session:
        return session.get_one(Workflow, place.get(execution_id).workflow_id).test_data


def started(place: Place, answer: Any) -> Execution:
    assert answer.status_code == 303, answer.text
    execution_id = answer.location.rsplit("/", 1)[1]
    place.run(execution_id)
    return place.get(execution_id)


def test_a_pinned_step_does_not_run_in_tests(place: Place) -> None:
    first = place.begin(CALL, AFTER, run=False)
    path = workflow_of(place, first)
    assert place.post(f"{path}/pins/call", result='{"status": 201}').status_code == 303
    page = place.html(f"{path}/steps")
    assert "Pinned for tests" in page
    assert "Run to here" in page
    tested = started(place, place.post(f"{path}/test", input='{"b": 1}'))
    assert (tested.status, tested.input_data) == ("completed", {"b": 1})
    assert tested.output_data["message"] == "201"
    page = place.html(f"/executions/{tested.id}")
    assert "Test run" in page
    assert "Pinned" in page
    place.run(first)
    assert place.get(first).status == "failed"  # a real run really calls
    with place.session() as session:  # and it alone counts
        stats = statistics(session, [tested.workflow_id])[tested.workflow_id]
    assert (stats.execution_count, stats.success_count, stats.failure_count) == (1, 0, 1)
    place.post(f"{path}/pins/call/remove")
    assert kept(place, first)["pins"] == {}
    assert "Pinned for tests" not in place.html(f"{path}/steps")


def test_a_run_up_to_a_step(place: Place) -> None:
    first = place.begin(LOG, {**AFTER, "params": {"message": "x"}}, run=False)
    path = workflow_of(place, first)
    assert '<option selected value="note">' in place.html(f"{path}/test?to=note")
    tested = started(place, place.post(f"{path}/test", input='{"a": 3}', to="note"))
    assert tested.status == "completed"
    assert tested.output_data["message"] == "Got 3"
    assert place.post(f"{path}/test", input="{}", to="gone").status_code == 422


def test_an_executions_data_is_taken_over(place: Place) -> None:
    first = place.begin(LOG, data={"a": 5, "token": "hunter22"})
    answer = place.post(f"/executions/{first}/use-as-test-data")
    assert kept(place, first) == {"input": {"a": 5, "token": "hunter22"}, "pins": {}, "execution_id": first}
    page = place.html(answer.location)
    assert "hunter22" not in page
    assert "Copied from the execution of" in page
    tested = started(place, place.post(answer.location, input=html_input(page)))
    assert tested.input_data == {"a": 5, "token": "hunter22"}
    assert "Test data" in place.html(f"{workflow_of(place, first)}/steps/note")
    assert place.audited() == ["workflow.test_data_copied", "workflow.tested"]


def html_input(page: str) -> str:
    """The text in the box for the input."""
    found = re.search(r'<textarea[^>]* name="input"[^>]*>([^<]*)<', page)
    assert found
    return html.unescape(found[1])


def test_saving_only_keeps_the_input(place: Place) -> None:
    first = place.begin(LOG, run=False)
    path = workflow_of(place, first)
    assert place.post(f"{path}/test", input="[1]", _save="1").location == f"{path}/test"
    assert kept(place, first)["input"] == [1]
    with place.session() as session:
        assert session.query(Execution).count() == 1


@pytest.mark.parametrize("text", ["", "{", "Infinity", "x" * 300_000])
def test_wrong_json_is_said(place: Place, text: str) -> None:
    first = place.begin(LOG, run=False)
    path = workflow_of(place, first)
    for url, form in ((f"{path}/test", {"input": text}), (f"{path}/pins/note", {"result": text})):
        answer = place.post(url, **form)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
    assert kept(place, first) is None


def test_the_last_result_is_offered(place: Place) -> None:
    first = place.begin(LOG)
    assert "Got 7" in place.html(f"{workflow_of(place, first)}/pins/note")
    place.html(f"{workflow_of(place, first)}/pins/nothing", 404)


def test_pins_of_deleted_steps_are_left_out(place: Place) -> None:
    first = place.begin(LOG, run=False)
    with place.session() as session:
        workflow = session.get_one(Workflow, place.get(first).workflow_id)
        workflow.test_data = {"pins": {"gone": 1}}
        session.commit()
    path = workflow_of(place, first)
    place.html(f"{path}/steps")
    assert started(place, place.post(f"{path}/test", input="{}", to="note")).options["pins"] == {}
