"""Each kind of step says on the execution's page why it did what it did, or what it waits for."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flowapp.models import Execution, utcnow
from tests.pages.test_executions import LOG, Place, place

__all__ = ["place"]


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
    assert "Case “big” input.a > 10 actual value: 7" in text
    assert "Case “seven” input.a == 7 actual value: 7" in text
    text = text_of(place, place.begin(switch, LOG, data={"a": 1}, flow=edges("sort default note")))
    assert "No case fits, so it goes on along “default”." in text


def test_a_split_shows_its_hash_and_weights(place: Place) -> None:
    variants = [{"name": "A", "weight": 1}, {"name": "B", "weight": 3}]
    execution_id = place.begin(step("test", "split", variants=variants), LOG, flow=edges("test A note", "test B note"))
    found = re.search(r"is at ([\d.]+) of 100; “(.)” takes from (\d+) to (\d+)", text_of(place, execution_id))
    assert found
    assert (found[2], found[3], found[4]) in (("A", "0", "25"), ("B", "25", "100"))
    assert float(found[3]) <= float(found[1]) <= float(found[4])


def test_a_merge_says_who_is_here_and_who_is_awaited(place: Place) -> None:
    steps = [LOG, step("quick", "log", message="x"), step("slow", "wait_time", duration="1 day"), step("meet", "merge")]
    execution_id = place.begin(*steps, flow=edges("note quick", "note slow", "quick meet", "slow meet"))
    text = text_of(place, execution_id)
    assert "Here so far, from: Quick." in text
    assert "Still under way, at: Slow." in text
    steps[2] = step("slow", "log", message="y")
    text = text_of(place, place.begin(*steps, flow=edges("note quick", "note slow", "quick meet", "slow meet")))
    assert re.search(r"It went on with what came from: (Quick, Slow|Slow, Quick)\.", text)


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
    assert "2 of 4 items are through, 1 of them failed." in text
    assert "Item 2:" in text
    assert "item 3" in text
    ended = place.begin(
        step("all", "loop", items=[1, 2]), step("one", "log", message="{{ item }}"), flow=edges("all each one")
    )
    assert "2 items, 0 of them failed." in text_of(place, ended)


def test_what_is_waited_for(place: Place) -> None:
    waits = {
        "It waits for a call of its web address.": step("w", "wait_event", kind="url"),
        "It waits for one of these events: order.paid.": step(
            "w", "wait_event", kind="event", events=["order.paid"], same_entity=False
        ),
        "input.a > 10 actual value: 7": step(
            "w", "wait_condition", conditions={"field": "input.a", "operator": ">", "value": 10}, events=["x.y"]
        ),
    }
    for words, waiting in waits.items():
        assert words in text_of(place, place.begin(waiting)), words


def test_retries_say_when_the_next_one_comes(place: Place) -> None:
    call = step("call", "send_webhook", url="https://nowhere.example/", method="POST")
    text = text_of(place, place.begin({**call, "on_error": "retry", "retry_count": 2, "retry_delay": 600}))
    assert "The next attempt follows at" in text


def test_admission_is_explained(place: Place) -> None:
    flow = {"config": {"concurrency": 1, "debounce_seconds": 60, "debounce_key": "k"}}
    execution_id = place.begin(LOG, run=False, flow=flow)
    assert "It waits whether another start with the same key comes" in text_of(place, execution_id)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        execution.held, execution.start_after = True, None
        session.commit()
    assert "It waits for a free place" in text_of(place, execution_id)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        execution.held, execution.status, execution.completed_at = False, "skipped", utcnow()
        execution.context = {"skipped_because": "This contact is in the workflow already."}
        session.commit()
    assert "This contact is in the workflow already." in text_of(place, execution_id)
