"""Goals that a contact reaches from anywhere, and answers to who waits."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.engine.store.event_matching import deliver
from flowapp.models import Contact, Event, Execution
from tests.engine.place import Place, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, ran, real

__all__ = ["_actions", "place"]

PAID = {"all": [{"field": "contact.paid", "operator": "==", "value": True}]}
DRIP = [
    step("mail"),
    step("w", do="wait", until=86_400),
    step("mail2"),
    real("g", "goal", conditions=PAID, value="99.5"),
]


def contact(place: Place, **fields: Any) -> str:
    with place.session() as session:
        made = Contact(email="ada@example.com", first_name="Ada", fields=fields)
        session.add(made)
        session.commit()
        return made.id


def change(place: Place, contact_id: str, **fields: Any) -> list[str]:
    """Changes the contact, states the event, and gives the executions that it reaches."""
    with place.session() as session:
        made = session.get_one(Contact, contact_id)
        made.fields = {**made.fields, **fields}
        event = Event(type="contact.updated", entity_type="contact", entity_id=contact_id, payload={})
        session.add(event)
        session.flush()
        wake_ups = deliver(session, [event], place.now())
        session.commit()
        return [wake_up[0] for wake_up in wake_ups]


def begun(place: Place, steps: Any, contact_id: str, ways: Any = None) -> Execution:
    execution_id = place.begin(place.workflow(steps, ways), entity=("contact", contact_id))
    place.runner.run(execution_id, place.org)
    return place.get(execution_id)


def test_a_contact_jumps_to_the_goal_once_its_condition_comes_true(place: Place) -> None:
    ada = contact(place, paid=False)
    execution = begun(place, DRIP, ada)
    assert (execution.status, ran(place, execution)) == ("waiting", ["mail", "w"])
    assert change(place, ada, name="x") == [execution.id]
    place.runner.run(execution.id, place.org)
    assert place.get(execution.id).status == "waiting"
    change(place, ada, paid=True)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.goal_reached) == ("goal_reached", True)
    assert ran(place, done) == ["mail", "w", "g"]
    assert done.output_data == {"reached": True, "name": "G", "value": 99.5}
    assert {run.step_id: run.status for run in place.runs(done.id)}["w"] == "cancelled"


def test_who_comes_by_without_reaching_it_goes_on(place: Place) -> None:
    execution = begun(place, [*DRIP, step("z")], contact(place, paid=False))
    place.later(86_400)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.goal_reached, ran(place, done)[-1]) == ("completed", False, "z")
    assert place.runs(done.id)[3].explanation[0]["actual"] is False


def test_a_goal_may_be_waited_for(place: Place) -> None:
    ada = contact(place, paid=False)
    steps = [real("g", "goal", conditions=PAID, unmet="wait", timeout="3 days"), step("z"), step("late")]
    execution = begun(place, steps, ada, edges("g>z g>late:timeout"))
    assert execution.status == "waiting"
    change(place, ada, paid="no")
    place.runner.run(execution.id, place.org)
    (timer,) = place.timers(execution.id)
    assert (timer.due_at - place.now()).total_seconds() == 3 * 86_400
    change(place, ada, paid=True)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, ran(place, done)) == ("goal_reached", ["g", "z"])


def test_patience_counts_from_the_beginning_not_from_the_last_event(place: Place) -> None:
    ada = contact(place, paid=False)
    steps = [real("g", "goal", conditions=PAID, unmet="wait", timeout="3 days"), step("z"), step("late")]
    execution = begun(place, steps, ada, edges("g>z g>late:timeout"))
    for _ in range(2):
        place.later(86_400)
        change(place, ada, seen=str(place.now()))
        place.runner.run(execution.id, place.org)
    place.later(86_401)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, ran(place, done)) == ("completed", ["g", "late"])


def test_a_goal_without_conditions_is_reached_by_coming(place: Place) -> None:
    done = place.run([step("a"), real("g", "goal", value=3), step("z")])
    assert (done.status, done.goal_reached, ran(place, done)) == ("goal_reached", True, ["a", "g", "z"])


@pytest.mark.parametrize("twice", [False, True])
def test_respond_writes_the_answer_before_the_execution_goes_on(place: Place, twice: bool) -> None:
    answer = real("r", "respond", status=201, headers={"X-Id": "{{ input.id }}"}, body={"id": "{{ input.id }}"})
    steps = [answer, *([real("r2", "respond", body="too late")] if twice else []), step("w", do="wait", until=60)]
    execution = place.run(steps, None, {"id": 7})
    assert execution.status == "waiting"
    assert execution.response == {"status": 201, "headers": {"X-Id": "7"}, "body": {"id": 7}}
    assert "responded" in [message["type"] for message in place.published]


@pytest.mark.parametrize(
    ("kind", "pause", "told"), [("webhook", 30, True), ("webhook", 20, False), ("manual", 30, False)]
)
def test_an_answer_that_nobody_got_any_more_says_so(place: Place, kind: str, pause: int, told: bool) -> None:
    workflow_id = place.workflow([step("w", do="wait", until=pause), real("r", "respond", body="late")])
    execution_id = place.begin(workflow_id, trigger_type=kind)
    place.runner.run(execution_id, place.org)
    place.later(pause + 1)
    place.runner.run(execution_id, place.org)
    lines = [line.message for line in place.lines(execution_id) if line.level == "warning"]
    assert lines == (["The caller waits 25 seconds at most: nobody got this answer."] if told else [])


def test_respond_may_be_the_last_step(place: Place) -> None:
    done = place.run([step("a"), real("r", "respond", body="thanks")])
    assert (done.status, done.response) == ("completed", {"status": 200, "headers": {}, "body": "thanks"})
