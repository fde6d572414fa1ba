"""Each step type by each of its names: in through the API, run by a worker, its effect seen. A new one without a case fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from flowapp import catalog
from flowapp.catalog import ACTIONS
from flowapp.crm import lists, tags
from flowapp.data import tables
from flowapp.models import Company, Contact, Deal, Note, Notification, Task
from tests.api.crm.test_crm_steps import World, world
from tests.api.waiting import started, status_of
from tests.support.processes import wait_until
from tests.support.servers.smtp import SmtpServer

__all__ = ["world"]
pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("worker")]
catalog.load()
KNOWN = {name: spec for name, spec in ACTIONS.items() if not name.startswith(("test_", "try_"))}
Done = dict[str, Any]
Seen = Callable[[World, Done], bool]
YES = {"all": [{"field": "deal.title", "operator": "==", "value": "Engine"}]}
NO = {"all": [{"field": "deal.title", "operator": "==", "value": "Mill"}]}
SUB = {"name": "Sub", "steps": [{"step_id": "s", "action_type": "transform_data", "params": {"set": {"x": 7}}}]}


def gives(**values: object) -> Seen:
    """The step's result has these values."""
    return lambda _world, done: {name: done["output_data"].get(name) for name in values} == values


def made(model: Any, **where: object) -> Seen:
    """The row is there."""
    return lambda world, _done: world.one(model, **where) is not None


def waits(_world: World, done: Done) -> bool:
    return bool(done["status"] == "waiting")


def in_list(world: World) -> None:
    world.run("add_to_list", list="News")


def is_kept(world: World, _done: Done) -> bool:
    found = world.run("database_query", query="SELECT name FROM kept")["output_data"]["results"]
    return {"name": "Ann"} in found


# By type: its params, and what is seen afterwards, of the execution or in the database.
CASES: dict[str, tuple[dict[str, Any], Seen]] = {
    "add_tag": ({"tags": "R&D"}, lambda w, _: tags.of(w.session, w.contact) == ["R&D"]),
    "add_to_list": ({"list": "News"}, lambda w, _: [one.name for one in lists.of(w.session, w.contact)] == ["News"]),
    "assign_user": ({"user": "admin@PLACE.example"}, lambda w, _: w.contact.owner_id is not None),
    "change_score": ({"points": 5}, lambda w, done: done["output_data"]["score"] == w.contact.score >= 5),
    "create_activity": ({"text": "She called"}, made(Note, text="She called")),
    "create_company": ({"name": "Mill Ltd"}, made(Company, name="Mill Ltd")),
    "create_contact": ({"email": "new@b.example"}, made(Contact, email="new@b.example")),
    "create_deal": ({"title": "Mill"}, made(Deal, title="Mill")),
    "create_record": ({"object": "task", "data": {"title": "Look"}}, made(Task, title="Look")),
    "create_task": ({"title": "Call"}, made(Task, title="Call")),
    "find_record": ({"where": {"email": "ann@b.example"}}, gives(found=True, count=1)),
    "remove_from_list": ({"list": "News"}, lambda w, _: lists.of(w.session, w.contact) == []),
    "remove_tag": ({"tags": "R&D"}, lambda w, _: tags.of(w.session, w.contact) == []),
    "send_notification": ({"message": "Look here"}, made(Notification, body="Look here")),
    "update_contact": ({"data": {"last_name": "Lee"}}, lambda w, _: w.contact.last_name == "Lee"),
    "update_deal": ({"value": 77}, lambda w, _: w.deal.value == 77),
    "update_field": ({"object": "deal", "field": "title", "value": "Mill"}, lambda w, _: w.deal.title == "Mill"),
    "custom_code": ({"code": "return {'x': 2 + 3}"}, gives(x=5)),
    "database_query": ({"query": "SELECT count(*) AS n FROM kept"}, gives(count=1)),
    "database_save": ({"table": "kept", "data": {"name": "Ann"}}, is_kept),
    "transform_data": ({"set": {"x": "{{ deal.title }}"}}, gives(x="Engine")),
    "validate_data": (
        {"rules": [{"field": "email", "rule": "email"}], "data": {"email": "a@b.example"}}, gives(valid=True),
    ),
    "conditional": ({"conditions": YES}, gives(matched=True)),
    "fail": ({"message": "No luck"}, lambda _, done: done["error_message"] == "The step: No luck"),
    "goal": ({"name": "Won", "conditions": YES}, lambda _, done: done["status"] == "goal_reached"),
    "log": ({"message": "{{ deal.title }}"}, gives(message="Engine")),
    "loop": ({"items": [1, 2]}, gives(count=2)),
    "merge": ({}, gives(arrived=1)),
    "respond": ({"status": 201, "body": "ok"}, gives(status=201, body="ok")),
    "run_workflow": ({"workflow": "Sub"}, lambda _, done: done["output_data"]["output"] == {"x": 7}),
    "split": ({}, lambda _, done: done["output_data"]["variant"] in ("a", "b", "A", "B")),
    "stop": ({"status": "completed", "message": "Enough"}, lambda _, done: done["status"] == "completed"),
    "switch": ({"value": "{{ deal.title }}", "cases": [{"name": "e", "equals": "Engine"}]}, gives(case="e")),
    "send_email": ({"to": "bob@b.example", "subject": "Hi", "message": "Hello"}, gives(subject="Hi")),
    "send_webhook": ({"url": "https://nowhere.invalid/x", "timeout": 1},
                     lambda _, done: "nowhere.invalid" in done["error_message"]),
    "wait_condition": ({"conditions": NO}, waits),
    "wait_event": ({"kind": "event", "events": ["order.paid"]}, waits),
    "wait_time": ({"duration": "1 day"}, waits),
    "wait_until": ({"until": "+2 days"}, waits),
    "wait": ({"kind": "time", "duration": "1 day"}, waits),
}  # fmt: skip
# What has to be there before.
BEFORE: dict[str, Callable[[World], object]] = {
    "remove_from_list": in_list,
    "remove_tag": lambda world: world.run("add_tag", tags="R&D"),
    "run_workflow": lambda world: world.api.post(
        f"/workflows/{world.api.post('/workflows/', SUB, 201)['id']}/activate/"
    ),
}


# What goes along with it: steps, and edges.
INNER = {"step_id": "inner", "action_type": "log", "params": {"message": "{{ item }}"}}
MORE = {"loop": ([INNER], [{"source": "it", "target": "inner", "branch": "each"}])}


@pytest.fixture
def furnished(world: World, smtp: SmtpServer) -> World:
    lists.create(world.session, {"name": "News"})
    tables.create(world.session, {"name": "Kept", "columns": [{"label": "Name", "type": "text"}]})
    world.session.commit()
    return world


def names(kind: str) -> list[str]:
    """The type, in capitals, and its aliases."""
    spec = KNOWN[kind]
    return [kind.upper(), *spec.aliases]


def test_each_step_type_has_a_case() -> None:
    assert set(KNOWN) == set(CASES)


@pytest.mark.parametrize("kind", sorted(CASES))
def test_the_step_does_its_work_by_each_of_its_names(furnished: World, kind: str) -> None:
    given, seen = CASES[kind]
    world, over = furnished, ("completed", "failed", "goal_reached", "waiting" if seen is waits else "")
    params = json.loads(json.dumps(given).replace("PLACE", world.place.id))
    steps, edges = MORE.get(kind, ([], []))
    for name in names(kind):
        if kind in BEFORE and (kind != "run_workflow" or name == kind.upper()):
            BEFORE[kind](world)
        step = {"step_id": "it", "name": "The step", "action_type": name, "params": params, "timeout": 5}
        about = {"trigger_entity_type": "deal", "trigger_entity_id": world.deal.id}
        execution_id = started(world.api, step, *steps, edges=edges, **about)
        wait_until(lambda now=execution_id: status_of(world.api, now) in over, 10, f"{name} does not end")
        done = world.api.get(f"/executions/{execution_id}/")
        world.session.rollback()
        world.session.expire_all()
        assert seen(world, done), (name, done["status"], done["error_message"], done["output_data"])
        assert world.api.get(f"/workflows/{done['workflow']}/")["steps"][0]["action_type"] == kind
