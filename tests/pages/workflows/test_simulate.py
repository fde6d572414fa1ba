"""The page of a simulation: what would go out stands there, in words and whole."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from flowapp.models import Workflow
from tests.pages.executions.test_executions import CHECK, LOG, Place

MAIL = {
    "step_id": "mail", "name": "Write to them", "action_type": "send_email",
    "params": {"to": "{{ input.email }}", "subject": "Hello {{ input.name }}", "message": "Good <morning>"},
}  # fmt: skip
CALL = {
    "step_id": "call", "name": "Call them", "action_type": "send_webhook",
    "params": {"url": "https://nowhere.example/x", "json": {"who": "{{ input.name }}"}},
}  # fmt: skip
ASK = {
    "step_id": "ask", "name": "Ask", "action_type": "wait_event",
    "params": {"kind": "approval", "role": "admin", "title": "May it go?"},
}  # fmt: skip
WAIT = {"step_id": "wait", "name": "Sleep", "action_type": "wait_time", "params": {"duration": "14 days"}}


@pytest.fixture
def place(app: Any) -> Place:
    return Place(app, role="editor")


def path_of(place: Place, *steps: dict[str, Any]) -> str:
    execution = place.get(place.begin(*steps, run=False))
    return f"/workflows/{execution.workflow_id}/simulate"


def words(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def test_every_kind_of_call_is_shown(place: Place) -> None:
    path = path_of(place, MAIL, WAIT, CALL, ASK)
    answer = place.post(path, input='{"email": "q@example.com", "name": "Quinn"}')
    assert answer.status_code == 200, answer.text
    text = words(answer)
    for shown in (
        "Hello Quinn",
        "q@example.com",
        "Good <morning>",
        "POST https://nowhere.example/x",
        "May it go?",
        "14 d",
    ):
        assert shown in text
    assert "<morning>" not in answer.text


def box(text: str) -> Any:
    """The input as it stands in the box."""
    found = re.search(r'<textarea [^>]*id="input"[^>]*>(.*?)</textarea>', text, re.DOTALL)
    return json.loads(html.unescape(found[1])) if found else None


def test_the_box_is_filled_with_an_example_the_test_data_or_a_past_input(place: Place) -> None:
    done = place.get(place.begin(LOG, data={"a": 7, "password": "hunter2-long"}, run=False))
    path = f"/workflows/{done.workflow_id}/simulate"
    with place.session() as session:
        session.query(Workflow).update({"test_data": {"input": {"a": "kept"}, "pins": {}}})
        session.commit()
    page = place.client.get(path).text
    assert box(page) == {"a": "kept"}
    assert re.search(r'<option selected value="test">', page)
    taken = place.post(path, source=done.id, input="typed", contact="q@example.com", _take="1")
    assert taken.status_code == 200
    assert box(taken.text)["a"] == 7
    assert "hunter2-long" not in taken.text
    assert 'value="q@example.com"' in taken.text
    assert "Simulation result" not in taken.text
    assert box(place.post(path, source="sample", _take="1").text) == {}
    masked = html.unescape(re.search(r'<textarea [^>]*id="input"[^>]*>(.*?)</textarea>', taken.text, re.DOTALL)[1])  # type: ignore[index]
    looked = place.post(path, input=masked, filled=done.id, source="sample")
    assert looked.status_code == 200
    assert "Simulation result" in looked.text


def test_what_is_wrong_stands_beside_its_field(place: Place) -> None:
    path = path_of(place, LOG)
    for field, value in (("input", "{"), ("start", "soon"), ("start", "9999-12-31T00:00"), ("contact", "nobody")):
        answer = place.post(path, **{"input": "{}", field: value})
        assert answer.status_code == 422
        assert f'aria-describedby="{field}-error' in answer.text or f'id="{field}-error' in answer.text, (field, value)


def test_a_pin_of_a_step_that_is_gone_is_left_out(place: Place) -> None:
    path = path_of(place, LOG)
    with place.session() as session:
        session.query(Workflow).update({"test_data": {"input": {}, "pins": {"gone": 1}}})
        session.commit()
    assert place.post(path, input="{}").status_code == 200


def test_a_goal_that_was_not_reached_is_not_shown_as_done(place: Place) -> None:
    goal = {"step_id": "goal", "name": "Bought", "action_type": "goal"}
    missed = {**goal, "params": {"conditions": {"field": "input.a", "operator": ">", "value": 10}}}
    answer = place.post(path_of(place, missed, LOG), input='{"a": 7}')
    assert "step-not_reached" in answer.text and "Not reached" in words(answer)
    assert "Not reached" not in words(place.post(path_of(place, missed, LOG), input='{"a": 11}'))


def test_branches_are_called_what_their_lanes_are_called(place: Place) -> None:
    answer = place.post(path_of(place, CHECK, LOG), input='{"a": 7}')
    assert '<span class="tagline tagline-neutral">If no</span>' in answer.text


def test_records_that_would_be_made_or_changed_are_shown(place: Place) -> None:
    contact = {"email": "q@example.com", "first_name": "Quinn"}
    steps = [
        {"step_id": "make", "action_type": "create_record", "params": {"object": "contact", "data": contact}},
        {"step_id": "todo", "action_type": "create_task", "params": {"title": "Call Quinn", "assignee": "owner"}},
    ]
    text = words(place.post(path_of(place, *steps), input="{}"))
    assert text.count("Create a record") == 2
    for shown in ("· make · contact", "· todo · task", '"title": "Call Quinn"', '"first_name": "Quinn"'):
        assert shown in text, (shown, text)
