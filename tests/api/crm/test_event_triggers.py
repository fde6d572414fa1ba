"""Triggers that events fire: from the call that changes something to the execution, through the scheduler's own relay."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp import events
from flowapp.models import Event, Notification
from flowapp.models.tenancy import system_session
from flowapp.scheduler import Scheduler
from flowapp.tasks import runtime
from tests.api.conftest import Api
from tests.api.crm.people import working
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases
ANN = {"email": "ann@b.example", "first_name": "Ann"}


def hand_on() -> None:
    """What the scheduler does at its next tick."""
    scheduler = Scheduler(runtime())
    scheduler.tick()


def listening(api: Api, trigger_type: str, config: Any = None, **more: Any) -> str:
    """The id of an active workflow with that trigger."""
    body = {
        "name": f"On {trigger_type}",
        "steps": [{"step_id": "note", "action_type": "log", "params": {"message": "Heard."}}],
        "triggers": [{"trigger_type": trigger_type, "config": config or {}, **more}],
    }
    workflow_id = str(api.post("/workflows/", body, 201)["id"])
    api.post(f"/workflows/{workflow_id}/activate/")
    return workflow_id


def executions(api: Api, workflow_id: str) -> list[dict[str, Any]]:
    """What the workflow was started with, oldest first."""
    found = api.get(f"/workflows/{workflow_id}/executions/?limit=100")["results"]
    return [api.get(f"/executions/{one['id']}/") for one in reversed(found)]


def inputs(api: Api, workflow_id: str) -> list[dict[str, Any]]:
    hand_on()
    return [one["input_data"] for one in executions(api, workflow_id)]


def test_a_new_contact_starts_what_listens_for_it(api: Api) -> None:
    workflow_id = listening(api, "contact_created")
    contact = api.post("/contacts/", ANN, 201)
    (given,) = inputs(api, workflow_id)
    assert given["contact"]["email"] == given["contact_email"] == "ann@b.example"
    assert given["contact_id"] == contact["id"]
    (execution,) = executions(api, workflow_id)
    assert (execution["trigger_type"], execution["trigger_entity_type"], execution["trigger_entity_id"]) == (
        "contact_created", "contact", contact["id"],
    )  # fmt: skip
    assert execution["contact"] == contact["id"]
    assert execution["context"]["event"]["type"] == "contact.created"


@pytest.mark.parametrize(
    ("config", "change", "starts"),
    [
        ({}, {"first_name": "Anna"}, True),
        ({"fields": ["last_name"]}, {"first_name": "Anna"}, False),
        ({"fields": "first_name, last_name"}, {"last_name": "Lee"}, True),
        ({"field": "first_name", "from": "ann", "to": "Anna"}, {"first_name": "Anna"}, True),
        ({"fields": ["first_name"], "from": "Bob"}, {"first_name": "Anna"}, False),
        ({"fields": ["fields.plan"], "to": "gold"}, {"fields": {"plan": "gold"}}, True),
        ({}, {"first_name": "Ann"}, False),  # nothing changed: no event
    ],
)
def test_a_change_starts_what_listens_for_such_a_change(api: Api, config: Any, change: Any, starts: bool) -> None:
    contact = api.post("/contacts/", ANN, 201)
    workflow_id = listening(api, "contact_updated", config)
    api.patch(f"/contacts/{contact['id']}/", change)
    assert len(inputs(api, workflow_id)) == int(starts)


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"field": "contact.first_name", "operator": "changed"}, "pending"),
        ({"field": "contact.first_name", "operator": "changed_to", "value": "Anna"}, "pending"),
        ({"field": "contact.last_name", "operator": "changed"}, "skipped"),
        ({"field": "changes.first_name.old", "operator": "==", "value": "Ann"}, "pending"),
        ({"field": "changes.first_name.old", "operator": "==", "value": "Anna"}, "skipped"),
    ],
)
def test_conditions_see_the_values_before_and_after(api: Api, rule: Any, status: str) -> None:
    contact = api.post("/contacts/", ANN, 201)
    workflow_id = listening(api, "contact_updated", conditions={"all": [rule]})
    api.patch(f"/contacts/{contact['id']}/", {"first_name": "Anna"})
    hand_on()
    assert [one["status"] for one in executions(api, workflow_id)] == [status]


@pytest.mark.parametrize(
    ("event_type", "hears"),
    [
        ("contact.created", 1), ("contact.*", 2), ("contact.updated", 1), ("*", 2), ("*.updated", 1),
        ("automation.*", 0), (["contact.created", "contact.updated"], 2), ("payment.created", 0),
    ],
)  # fmt: skip
def test_the_trigger_event_takes_types_and_patterns(api: Api, event_type: Any, hears: int) -> None:
    workflow_id = listening(api, "event", {"event_type": event_type})
    with system_session(runtime().engine) as session:  # the workflow's own events are none of this
        session.query(Event).delete()
        session.commit()
    contact = api.post("/contacts/", ANN, 201)
    api.patch(f"/contacts/{contact['id']}/", {"first_name": "Anna"})
    assert len(inputs(api, workflow_id)) == hears


@pytest.mark.parametrize("wrong", ["contact.craeted", "two words", "", "deal stage", ["contact.created", "contact.no"]])
def test_a_type_that_never_comes_is_refused(api: Api, wrong: Any) -> None:
    trigger = {"trigger_type": "event", "config": {"event_type": wrong}}
    body = {
        "name": "W",
        "steps": [{"step_id": "a", "action_type": "log", "params": {"message": "x"}}],
        "triggers": [trigger],
    }
    answer = api("POST", "/workflows/", body)
    if answer.status_code == 201:
        answer = api("POST", f"/workflows/{answer.json['id']}/activate/", {})
    assert answer.status_code == 422, answer.text
    assert "event_type" in answer.text


def test_an_event_is_heard_in_its_own_organization_only(api: Api, app: Any) -> None:
    from tests.api.crm.people import make_place

    with app.app_context():
        other = Api(api.client, make_place("Other"))
    workflow_id = listening(other, "contact_created")
    api.post("/contacts/", ANN, 201)
    assert inputs(other, workflow_id) == []


def test_a_paused_workflow_keeps_what_came(api: Api) -> None:
    workflow_id = listening(api, "contact_created")
    api.post(f"/workflows/{workflow_id}/pause/")
    api.post("/contacts/", ANN, 201)
    hand_on()
    (kept,) = executions(api, workflow_id)
    assert kept["status"] == "skipped"
    assert "paused" in kept["error_message"]


def test_conditions_that_cannot_be_judged_start_nothing_and_hold_nothing_up(api: Api) -> None:
    broken = listening(
        api,
        "contact_created",
        conditions={"all": [{"field": "contact.email", "operator": "matches", "value": "{{ contact.first_name }}"}]},
    )
    workflow_id = listening(api, "contact_created")
    api.post("/contacts/", {"email": "a@b.example", "first_name": "("}, 201)
    assert len(inputs(api, workflow_id)) == 1
    assert executions(api, broken) == []
    with system_session(runtime().engine) as session:
        assert session.query(Event).filter(Event.published_at.is_(None)).count() == 0


def test_the_execution_runs(api: Api) -> None:
    workflow_id = listening(api, "contact_created")
    with working():
        api.post("/contacts/", ANN, 201)
        hand_on()
        from tests.support.processes import wait_until

        wait_until(lambda: [one["status"] for one in executions(api, workflow_id)] == ["completed"])


def test_a_workflow_that_starts_itself_stops_and_is_named(api: Api) -> None:
    """Each execution causes the event that the next one is started by."""
    workflow_id = listening(api, "contact_updated")
    contact = api.post("/contacts/", ANN, 201)
    cause = events.Cause(workflow_id=workflow_id, step_id="note")
    for depth in range(12):
        if depth:
            cause = events.Cause(workflow_id=workflow_id, step_id="note", depth=depth)
        with system_session(runtime().engine) as session:
            session.add(_update(api, contact, cause))
            session.commit()
        hand_on()
    assert len(executions(api, workflow_id)) == 10
    (told, *_) = _notifications(api)
    assert told.title == "“On contact_updated” was stopped"
    assert "10 executions in a row" in told.body
    assert contact["id"] in told.body
    assert len({one.user_id for one in _notifications(api)}) == len(_notifications(api)), "told once within the hour"


def test_a_workflow_that_touches_one_record_too_often_stops(api: Api) -> None:
    workflow_id = listening(api, "contact_updated")
    contact, other = (api.post("/contacts/", {"email": f"{name}@b.example"}, 201) for name in "ab")
    cause = events.Cause(workflow_id=workflow_id, step_id="note")
    with system_session(runtime().engine) as session:
        session.add_all([_update(api, contact, cause) for _ in range(50)])
        session.commit()
    hand_on()
    assert api.get(f"/workflows/{workflow_id}/executions/?limit=100")["count"] == 50
    with system_session(runtime().engine) as session:
        session.add(_update(api, contact, cause))
        session.add(_update(api, other, cause))
        session.add(_update(api, contact, events.Cause(workflow_id=workflow_id, bulk=True)))
        session.commit()
    hand_on()
    assert api.get(f"/workflows/{workflow_id}/executions/?limit=100")["count"] == 52
    assert "more than 50 events about one record" in _notifications(api)[0].body


def _update(api: Api, contact: Any, cause: events.Cause) -> Event:
    flat = {"contact_id": contact["id"], "contact_name": "Ann", "contact_email": contact["email"]}
    payload = {"contact": contact, "changes": {"first_name": {"old": "A", "new": "B"}}, **flat}
    return Event(
        organization_id=api.place.id, type="contact.updated", entity_type="contact", entity_id=contact["id"],
        payload=payload, **cause.columns(),
    )  # fmt: skip


def _notifications(api: Api) -> list[Notification]:
    with system_session(runtime().engine) as session:
        return (
            session.query(Notification).filter(Notification.link.contains("stopped=")).order_by(Notification.id).all()
        )


def test_a_workflow_that_updates_the_field_it_listens_to_stops_with_an_alert(api: Api, worker: None) -> None:
    """From the call to the bell: real steps change the contact, the relay hands each change on, until nothing starts."""
    body = {
        "name": "Round and round",
        "steps": [{"step_id": "up", "action_type": "change_score", "params": {"points": 1}}],
        "triggers": [{"trigger_type": "contact_updated", "config": {"fields": ["score"]}}],
    }
    workflow_id = str(api.post("/workflows/", body, 201)["id"])
    api.post(f"/workflows/{workflow_id}/activate/")
    contact = api.post("/contacts/", ANN, 201)
    api.patch(f"/contacts/{contact['id']}/", {"score": 1})
    before = -1
    while (found := executions(api, workflow_id)) or before < 0:
        if len(found) == before:
            break
        before = len(found)
        hand_on()
        wait_until(lambda: all(one["status"] == "completed" for one in executions(api, workflow_id)))
    assert len(executions(api, workflow_id)) == 10
    assert api.get(f"/contacts/{contact['id']}/")["score"] == 11  # what it changed stays; it starts nothing more
    with system_session(runtime().engine) as session:
        told = session.query(Notification).filter(Notification.link.contains(workflow_id)).all()
        assert {one.title for one in told} == {"“Round and round” was stopped"}
