"""Events reach the executions that wait for them: on real databases, with the scheduler's own dispatch."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp import events
from flowapp.crm import contacts
from flowapp.engine.store import event_matching, timers
from flowapp.engine.store.signals import row
from flowapp.models import Contact, Event, Execution, Signal, Subscription
from flowapp.models.tenancy import system_session
from tests.engine.place import Place, World, _actions, place, step

__all__ = ["_actions", "place"]

RULES = {"all": [{"field": "contact.plan", "operator": "==", "value": "gold"}]}


def contact(place: Place, email: str = "a@b.example", **fields: Any) -> str:
    with place.session() as session:
        made = Contact(email=email, fields=fields)
        session.add(made)
        session.commit()
        return made.id


def change(place: Place, contact_id: str, **fields: Any) -> None:
    """The contact is changed, and the fact recorded."""
    with place.session() as session:
        found = session.get_one(Contact, contact_id)
        found.fields = {**found.fields, **fields}
        payload = {
            "contact": contacts.view(found),
            "changes": {},
            "contact_id": contact_id,
            "contact_name": "",
            "contact_email": "",
            "owner_id": None,
        }
        events.record(session, "contact.updated", entity=("contact", contact_id), payload=payload, cause=events.SYSTEM)
        session.commit()


def hand_on(place: Place) -> list[tuple[str, str]]:
    """What Scheduler.publish_events does."""
    with system_session(place.engine) as session:
        fresh = session.query(Event).filter(Event.published_at.is_(None)).order_by(Event.id).all()
        for event in fresh:
            event.published_at = place.now()
        wake_ups = event_matching.deliver(session, fresh, place.now())
        session.commit()
    return wake_ups


def record(place: Place, kind: str, entity: tuple[str, str] = ("", ""), **payload: Any) -> list[tuple[str, str]]:
    with place.session() as session:
        session.add(Event(type=kind, entity_type=entity[0], entity_id=entity[1], payload=payload))
        session.commit()
    return hand_on(place)


def signal(place: Place, execution_id: str, kind: str, payload: Any, **address: str) -> None:
    with place.session() as session:
        session.add(Signal(**row(place.org, execution_id, kind, payload, place.now(), **address)))
        session.commit()


def waiting(place: Place, steps: list[dict[str, Any]], **more: Any) -> str:
    """An execution that has come to rest."""
    execution_id = place.begin(place.workflow(steps), **more)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "waiting"
    return execution_id


def goes_on(place: Place, execution_id: str) -> Execution:
    place.runner.run(execution_id, place.org)
    return place.get(execution_id)


def wait_condition(**params: Any) -> dict[str, Any]:
    return {"step_id": "w", "name": "W", "action_type": "wait_condition", "params": {"conditions": RULES, **params}}


def wait_event(**params: Any) -> dict[str, Any]:
    return {"step_id": "e", "name": "E", "action_type": "wait_event", "params": params}


def test_a_condition_is_tested_again_when_its_contact_changes(place: Place) -> None:
    ann, bob = contact(place), contact(place, "bob@b.example")
    execution_id = waiting(place, [wait_condition()], contact_id=ann)
    change(place, bob, plan="gold")
    assert hand_on(place) == []
    change(place, ann, plan="silver")
    assert hand_on(place) == [(execution_id, place.org)]
    assert goes_on(place, execution_id).status == "waiting"
    assert place.runs(execution_id)[0].explanation[0]["actual"] == "silver"
    change(place, ann, plan="gold")
    hand_on(place)
    done = goes_on(place, execution_id)
    assert (done.status, done.output_data["matched"]) == ("completed", True)
    assert done.output_data["event"]["type"] == "contact.updated"
    with place.session() as session:
        assert session.query(Signal).count() == session.query(Subscription).count() == 0


def test_the_event_itself_can_be_asked_about(place: Place) -> None:
    rules = {"all": [{"field": "event.amount", "operator": ">", "value": 100}]}
    execution_id = waiting(place, [wait_condition(conditions=rules, events=["order.paid"])], contact_id=contact(place))
    ann = place.get(execution_id).contact_id
    assert record(place, "order.paid", ("order", "1"), amount=500, contact_id="somebody else") == []
    assert record(place, "order.paid", ("order", "2"), amount=50, contact_id=ann)
    assert goes_on(place, execution_id).status == "waiting"
    assert record(place, "order.paid", ("order", "3"), amount=500, contact={"id": ann})
    assert goes_on(place, execution_id).status == "completed"


def test_an_event_in_between_does_not_lengthen_the_wait(place: Place) -> None:
    ann = contact(place)
    execution_id = waiting(place, [wait_condition(timeout="60 seconds")], contact_id=ann)
    place.later(50)
    change(place, ann, plan="silver")
    hand_on(place)
    assert goes_on(place, execution_id).status == "waiting"
    place.later(10)
    done = goes_on(place, execution_id)
    assert (done.status, done.output_data["matched"], place.runs(execution_id)[0].branch) == (
        "completed",
        False,
        "timeout",
    )


@pytest.mark.parametrize("kind", ["wait_condition", "wait_event"])
def test_an_event_while_the_steps_before_run_is_not_missed(place: Place, kind: str) -> None:
    ann = contact(place)

    def meanwhile(_ctx: Any) -> None:
        change(place, ann, plan="gold")
        assert hand_on(place) == []  # nobody listens yet

    World.hooks["slow"] = meanwhile
    waits = wait_condition() if kind == "wait_condition" else wait_event(kind="event", events=["contact.updated"])
    execution_id = waiting(place, [step("slow", "once"), waits], contact_id=ann)
    assert goes_on(place, execution_id).status == "completed"


def test_what_was_recorded_before_the_execution_began_is_over(place: Place) -> None:
    ann = contact(place)
    change(place, ann)
    hand_on(place)
    execution_id = waiting(place, [wait_event(kind="event", events=["contact.*"])], contact_id=ann)
    assert goes_on(place, execution_id).status == "waiting"


def test_events_of_other_types_do_not_end_the_wait_for_an_event(place: Place) -> None:
    execution_id = waiting(place, [wait_event(kind="event", events=["order.paid", "order.*"], same_entity=False)])
    signal(place, execution_id, "event", {"type": "contact.updated"}, token="1")
    assert goes_on(place, execution_id).status == "waiting"
    assert record(place, "order.paid", ("order", "1"), amount=5) == [(execution_id, place.org)]
    with place.session() as session:
        assert session.query(Signal).count() == 1  # one event, though both types fit
    done = goes_on(place, execution_id)
    assert done.output_data == {
        "kind": "event",
        "payload": {"type": "order.paid", "entity": ["order", "1"], "amount": 5},
    }


def test_a_call_before_the_step_waits_is_kept_for_it(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a"), wait_event(kind="url")]))
    signal(place, execution_id, "resume", {"paid": True})
    place.runner.run(execution_id, place.org)
    assert goes_on(place, execution_id).output_data == {"kind": "url", "payload": {"paid": True}}


def test_a_call_for_one_step_does_not_resume_another(place: Place) -> None:
    execution_id = waiting(place, [wait_event(kind="url")])
    signal(place, execution_id, "resume", 1, step="other")
    assert goes_on(place, execution_id).status == "waiting"
    signal(place, execution_id, "resume", 2, step="e")
    assert goes_on(place, execution_id).output_data["payload"] == 2


def woken(place: Place) -> list[tuple[str, str]]:
    """For whom the scheduler wakes it, a while later."""
    place.later(60)
    with system_session(place.engine) as session:
        wake_ups = timers.unheard(session, place.now())
        session.commit()
    return wake_ups


def test_nobody_is_woken_again_and_again_for_a_call_that_nobody_takes(place: Place) -> None:
    execution_id = waiting(place, [wait_event(kind="event", events=["a.b"], same_entity=False), wait_event_two()])
    signal(place, execution_id, "resume", "early")
    assert woken(place) == [(execution_id, place.org)]
    assert goes_on(place, execution_id).status == "waiting"
    assert woken(place) == []
    place.later(3600)
    assert woken(place) == [(execution_id, place.org)]
    assert record(place, "a.b")
    assert goes_on(place, execution_id).output_data["payload"] == "early"


def wait_event_two() -> dict[str, Any]:
    return {**wait_event(kind="url"), "step_id": "second", "name": "Second"}


def test_a_second_event_is_over_when_the_first_one_ended_the_wait(place: Place) -> None:
    pause = {"step_id": "p", "name": "P", "action_type": "wait_time", "params": {"duration": "5 days"}}
    execution_id = waiting(place, [wait_event(kind="event", events=["a.b"], same_entity=False), pause])
    record(place, "a.b", n=1)
    record(place, "a.b", n=2)
    assert goes_on(place, execution_id).status == "waiting"
    assert woken(place) == []
    with place.session() as session:
        assert session.query(Signal).count() == 0


def test_a_call_in_time_counts_though_no_worker_was_there_until_later(place: Place) -> None:
    execution_id = waiting(place, [wait_event(kind="url", timeout="60 seconds")])
    place.later(59)
    signal(place, execution_id, "resume", "in time")
    place.later(3600)
    done = goes_on(place, execution_id)
    assert (done.output_data["payload"], place.runs(execution_id)[0].branch) == ("in time", "next")


def test_two_branches_hear_the_same_event(place: Place) -> None:
    edges = [{"source": "a", "target": "e"}, {"source": "a", "target": "w"}]
    ann = contact(place)
    workflow = place.workflow(
        [step("a"), wait_event(kind="event", events=["contact.updated"]), wait_condition()], edges
    )
    execution_id = place.begin(workflow, contact_id=ann)
    place.runner.run(execution_id, place.org)
    change(place, ann, plan="gold")
    hand_on(place)
    assert goes_on(place, execution_id).status == "completed"
    assert {run.status for run in place.runs(execution_id)} == {"completed"}


def test_a_contact_that_changes_while_steps_run_still_reaches_its_goal(place: Place) -> None:
    ann = contact(place)
    goal = {"step_id": "g", "name": "G", "action_type": "goal", "params": {"conditions": RULES}}
    pause = {"step_id": "p", "name": "P", "action_type": "wait_time", "params": {"duration": "5 days"}}

    def meanwhile(_ctx: Any) -> None:
        change(place, ann, plan="gold")
        hand_on(place)

    World.hooks["slow"] = meanwhile
    execution_id = waiting(place, [step("slow", "once"), pause, goal], contact_id=ann)
    assert goes_on(place, execution_id).status == "goal_reached"


@pytest.mark.parametrize(
    ("payload", "about"),
    [
        ({}, [("order", "7")]),
        ({"contact_id": "c"}, [("order", "7"), ("contact", "c")]),
        ({"contact": {"id": "c"}, "deal": {"title": "x"}, "owner_id": 5}, [("order", "7"), ("contact", "c")]),
        ({"contact_id": "c" * 65}, [("order", "7")]),
    ],
)
def test_what_an_event_is_about(payload: dict[str, Any], about: list[tuple[str, str]]) -> None:
    assert event_matching.about_what("order", "7", payload) == about
