"""Each kind of step says on the execution's page why it did what it did, or what it waits for."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.engine.language.condition_parser import OPERATORS
from flowapp.engine.store.start import start
from flowapp.models import Execution, Version, Workflow, utcnow
from flowapp.tasks.repeating import run_replay
from tests.conftest import ROOT
from tests.pages.executions.test_executions import CHECK, LOG, Place, place

__all__ = ["place"]
TEMPLATES = ROOT / "templates"


def text_of(place: Place, execution_id: str) -> str:
    """What the page says, without markup."""
    html = place.html(f"/executions/{execution_id}")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def step(step_id: str, action_type: str, **params: Any) -> dict[str, Any]:
    return {"step_id": step_id, "name": step_id.capitalize(), "action_type": action_type, "params": params}


def edges(*ways: str) -> dict[str, Any]:
    """“a b” or “a branch b”, each."""
    parts = [way.split() for way in ways]
    return {"edges": [{"source": p[0], "target": p[-1], "branch": p[1] if len(p) == 3 else "next"} for p in parts]}


def test_a_switch_shows_each_case(place: Place) -> None:
    cases = [
        {"name": "big", "conditions": {"field": "input.a", "operator": ">", "value": 10}},
        {"name": "seven", "equals": 7},
    ]
    switch = step("sort", "switch", value="input.a", cases=cases)
    text = text_of(place, place.begin(switch, LOG, flow=edges("sort seven note")))
    assert "Case “big” input.a greater than 10 actual value: 7" in text
    assert "Case “seven” input.a is 7 actual value: 7" in text
    html = place.html(f"/executions/{place.begin(switch, LOG, data={'a': 1}, flow=edges('sort default note'))}")
    assert "No case matches, so it takes “Otherwise”." in html
    assert '<span class="tagline tagline-neutral">Otherwise</span>' in html


@pytest.mark.parametrize(("data", "word"), [({"a": 7}, "If no"), ({"a": 11}, "If yes")])
def test_a_branch_is_called_what_its_lane_is_called(place: Place, data: Any, word: str) -> None:
    html = place.html(f"/executions/{place.begin(CHECK, LOG, data=data)}")
    assert f'<span class="tagline tagline-neutral">{word}</span>' in html


def test_operators_are_those_of_the_form() -> None:
    """The words of an explanation, compared with the choices of the condition builder."""
    form = dict(re.findall(r"\('([^']+)', _\('([^']+)'\)\)", (TEMPLATES / "components" / "build.html").read_text()))
    page = (TEMPLATES / "executions" / "_parts.html").read_text()
    words = dict(re.findall(r"'([^']+)': _\('([^']+)'\)", page.split("macro operator_word")[1].split("endmacro")[0]))
    assert words == {name: form[name] for name in OPERATORS}


def test_operators_speak_the_readers_language(place: Place) -> None:
    path = f"/executions/{place.begin(CHECK)}"
    assert "</code> greater than <code>" in place.html(path)
    assert "</code> supérieur à <code>" in place.html(path, headers={"Accept-Language": "fr"})


def test_the_page_says_what_cannot_be_compared(place: Place) -> None:
    text = text_of(place, place.begin(CHECK, LOG, data={"a": "99 €"}))
    assert "the text “99 €” cannot be compared with a number here." in text.split("Why")[1].split("Input")[0]


def test_a_goal_that_was_not_reached_says_so(place: Place) -> None:
    missed = step("goal", "goal", conditions={"field": "input.a", "operator": ">", "value": 10})
    html = place.html(f"/executions/{place.begin(missed, LOG)}")
    assert '<li class="step-run step-not_reached"' in html and "Not reached" in html
    reached = step("goal", "goal")
    assert "Not reached" not in place.html(f"/executions/{place.begin(reached)}")


def test_a_split_shows_its_hash_and_weights(place: Place) -> None:
    variants = [{"name": "A", "weight": 1}, {"name": "B", "weight": 3}]
    execution_id = place.begin(step("test", "split", variants=variants), LOG, flow=edges("test A note", "test B note"))
    found = re.search(r"is at ([\d.]+) of 100; “(.)” covers (\d+) to (\d+)", text_of(place, execution_id))
    assert found
    assert (found[2], found[3], found[4]) in (("A", "0", "25"), ("B", "25", "100"))
    assert float(found[3]) <= float(found[1]) <= float(found[4])


def test_a_merge_says_who_is_here_and_who_is_awaited(place: Place) -> None:
    steps = [LOG, step("quick", "log", message="x"), step("slow", "wait_time", duration="1 day"), step("meet", "merge")]
    execution_id = place.begin(*steps, flow=edges("note quick", "note slow", "quick meet", "slow meet"))
    text = text_of(place, execution_id)
    assert "Arrived so far, from: Quick." in text
    assert "Still running, at: Slow." in text
    steps[2] = step("slow", "log", message="y")
    text = text_of(place, place.begin(*steps, flow=edges("note quick", "note slow", "quick meet", "slow meet")))
    assert re.search(r"It continued with what arrived from: (Quick, Slow|Slow, Quick)\.", text)


def test_a_loop_counts_and_names_what_failed(place: Place) -> None:
    steps = [
        step("all", "loop", items="{{ input.list }}", on_item_error="continue"),
        step("one", "log", message="{{ item.name }}"),
        step("rest", "wait_time", duration="{{ item.pause }}"),
    ]
    flow = edges("all each one", "one rest", "rest all")
    data = {
        "list": [{"name": "x", "pause": "0 seconds"}, {"nome": "y"}, {"name": "z", "pause": "1 day"}, {"name": "q"}]
    }
    text = text_of(place, place.begin(*steps, data=data, flow=flow))
    assert "Items completed: 2 of 4; failed: 1." in text
    assert "Item 2:" in text
    assert "item 3" in text
    ended = place.begin(
        step("all", "loop", items=[1, 2]), step("one", "log", message="{{ item }}"), flow=edges("all each one")
    )
    assert "Items: 2; failed: 0." in text_of(place, ended)


def test_what_is_waited_for(place: Place) -> None:
    waits = {
        "Waiting for a call to its URL.": step("w", "wait_event", kind="url"),
        "Waiting for one of these events: order.paid.": step(
            "w", "wait_event", kind="event", events=["order.paid"], same_entity=False
        ),
        "input.a greater than 10 actual value: 7": step(
            "w", "wait_condition", conditions={"field": "input.a", "operator": ">", "value": 10}, events=["x.y"]
        ),
    }
    for words, waiting in waits.items():
        assert words in text_of(place, place.begin(waiting)), words


def test_retries_say_when_the_next_one_comes(place: Place) -> None:
    call = step("call", "send_webhook", url="https://nowhere.example/", method="POST")
    text = text_of(place, place.begin({**call, "on_error": "retry", "retry_count": 2, "retry_delay": 600}))
    assert "The next attempt is at" in text


def test_admission_is_explained(place: Place) -> None:
    flow = {"config": {"concurrency": 1, "debounce_seconds": 60, "debounce_key": "k"}}
    execution_id = place.begin(LOG, run=False, flow=flow)
    assert "Waiting in case another start with the same key replaces it" in text_of(place, execution_id)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        execution.held, execution.start_after = True, None
        session.commit()
    assert "Waiting for a free slot" in text_of(place, execution_id)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        execution.held, execution.status, execution.completed_at = False, "skipped", utcnow()
        execution.context = {"skipped_because": "This contact is in the workflow already."}
        session.commit()
    assert "This contact is in the workflow already." in text_of(place, execution_id)


def test_a_held_execution_says_what_holds_it(place: Place) -> None:
    wait = step("pause", "wait_time", duration="1 day")
    config = {"config": {"concurrency": 1, "concurrency_key": "{{ input.a }}"}}
    first = place.begin(wait, flow=config)
    with place.session() as session:
        workflow = session.get_one(Workflow, place.get(first).workflow_id)
        version = session.get_one(Version, place.get(first).version_id)
        held, _ = start(session, workflow, version, input_data={"a": 7})
        session.commit()
    html = place.html(f"/executions/{held.id}")
    text = text_of(place, held.id)
    assert (
        "Waiting for a free slot. Executions of this workflow with the key “7”: at most 1 at once; 1 running now."
        in text
    )
    assert f'<a href="/executions/{first}">' in html
    assert "Waiting since" in text and "Started by" in text
    assert "<dt>Started</dt>" not in html
    config = {"config": {"concurrency": 1}}
    with place.session() as session:
        execution = session.get_one(Execution, place.begin(wait, flow=config, run=False))
        execution.held = True
        session.commit()
        assert "Executions of this workflow: at most 1 at once; 0 running now." in text_of(place, execution.id)


def test_what_its_conditions_kept_from_running_can_run_anyway(place: Place) -> None:
    condition = {"field": "input.amount", "operator": ">", "value": 100}
    trigger = {"trigger_type": "manual", "config": {}, "conditions": condition}
    workflow_id = place.publish(
        {"name": "Big orders", "steps": [step("note", "log", message="Hello")], "triggers": [trigger]}
    )
    begun = place.post(f"/workflows/{workflow_id}/run", _input="1")
    assert begun.status_code == 303
    page = place.html(begun.location)
    assert "The conditions of its trigger were not met" in page
    assert "Run anyway" in page
    anyway = place.post(f"{begun.location}/run-again/anyway")
    assert anyway.status_code == 303 and anyway.location != begun.location
    place.run(anyway.location.rpartition("/")[2])
    page = place.html(anyway.location)
    assert "data-ended" in page and "It failed." not in page
    assert "Run anyway" not in page
    assert "execution.run_again" in place.audited()


def test_a_paused_workflow_keeps_what_a_person_starts_and_offers_to_run_it(app: Any) -> None:
    place = Place(app, role="editor")
    workflow_id = place.publish({"name": "Orders", "steps": [step("note", "log", message="Hello")]})
    assert place.post(f"/workflows/{workflow_id}/activate").status_code == 303
    assert place.post(f"/workflows/{workflow_id}/pause").status_code == 303
    begun = place.post(f"/workflows/{workflow_id}/run", _input="1")
    page = place.html(begun.location)
    assert "The workflow was paused" in page and "Run anyway" in page
    activated = place.post(f"/workflows/{workflow_id}/activate")
    page = place.html(activated.location)
    assert "1 start came while it was paused" in page
    assert "Run it now" in page
    anyway = place.post(f"{begun.location}/run-again/anyway")
    place.run(anyway.location.rpartition("/")[2])
    assert "data-ended" in place.html(anyway.location)
    assert "came while it was paused" not in place.html(activated.location)
    assert "Nothing is left to run" in place.html(place.post(f"/workflows/{workflow_id}/run-kept").location)


@pytest.mark.both_databases
def test_what_came_while_it_was_paused_runs_at_the_press_of_a_button(app: Any) -> None:
    place = Place(app, role="editor")
    condition, key = {"field": "input.amount", "operator": ">", "value": 100}, "k" * 20
    workflow_id = place.publish(
        {
            "name": "Orders",
            "steps": [step("note", "log", message="Hello")],
            "triggers": [{"trigger_type": "webhook", "config": {"key": key}, "conditions": condition}],
        }
    )
    place.post(f"/workflows/{workflow_id}/activate")
    place.post(f"/workflows/{workflow_id}/pause")
    for amount in (500, 5, 700):
        assert app.test_client().post(f"/hooks/{key}", json={"amount": amount}).status_code == 202
    page = place.html(place.post(f"/workflows/{workflow_id}/activate").location)
    assert "2 starts came while it was paused" in page  # the third would not have started anything
    assert f'action="/workflows/{workflow_id}/run-kept"' in page
    replay = place.post(f"/workflows/{workflow_id}/run-kept").location.rpartition("/")[2]
    run_replay(replay, place.org)
    with place.session() as session:
        again = session.scalars(select(Execution).where(Execution.replay_id == replay).order_by(Execution.id)).all()
        assert [(one.input_data["amount"], one.status) for one in again] == [(500, "pending"), (700, "pending")]
    page = place.html(place.post(f"/workflows/{workflow_id}/activate").location)
    assert "came while it was paused" not in page
