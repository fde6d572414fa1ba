"""Each step type by each of its names: in through the API, run by a worker, its effect seen. A new one without a case fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flowapp import catalog
from flowapp.catalog import ACTIONS
from flowapp.crm import lists, tags
from flowapp.data import tables
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Note, Notification, Task, User
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import Place
from tests.api.crm.test_crm_steps import World
from tests.api.waiting import started, status_of
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
from tests.support.servers.smtp import SmtpServer

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("worker")]
catalog.load()
# Those of connectors are called in tests/connectors (test_every_action.py there).
KNOWN = {name: spec for name, spec in ACTIONS.items() if not spec.home and not name.startswith(("test_", "try_"))}
Done = dict[str, Any]
YES = {"all": [{"field": "deal.title", "operator": "==", "value": "Engine"}]}
NO = {"all": [{"field": "deal.title", "operator": "==", "value": "Mill"}]}
SUB = {"name": "Sub", "steps": [{"step_id": "s", "action_type": "transform_data", "params": {"set": {"x": 7}}}]}


class Site(World):
    """With a mail server and a site that steps call."""

    smtp: SmtpServer
    sink: Sink


@dataclass(frozen=True)
class Effect:
    """Something that a run changes: what an earlier run left behind does not do."""

    look: Callable[[Site], Any]
    changed: Callable[[Any, Any], bool]


def one_more(count: Callable[[Site], int]) -> Effect:
    return Effect(count, lambda before, now: now == before + 1)


def made(model: Any, **where: object) -> Effect:
    """One more row than before."""
    return one_more(lambda site: site.session.query(model).filter_by(**where).count())


def becomes(look: Callable[[Site], Any], value: object) -> Effect:
    """It was not so before."""
    return Effect(look, lambda before, now: before != value and now == value)


def gives(**values: object) -> Callable[[Done], bool]:
    """The step's result has these values."""
    return lambda done: {name: done["output_data"].get(name) for name in values} == values


def ends(_done: Done) -> bool:
    """Its status, which `STATUS` has, says it all."""
    return True


def owner(site: Site) -> str | None:
    key = site.contact.owner_id
    return site.session.get_one(User, key).name if key else None


def in_lists(site: Site) -> list[str]:
    return [one.name for one in lists.of(site.session, site.contact)]


def kept(site: Site) -> int:
    query = "SELECT count(*) AS n FROM kept WHERE name = 'Ann'"
    return int(site.run("database_query", query=query)["output_data"]["results"][0]["n"])


# By type: its params, and what is seen afterwards, of the execution or in the database.
CASES: dict[str, tuple[dict[str, Any], Effect | Callable[[Done], bool]]] = {
    "add_tag": ({"tags": "R&D"}, becomes(lambda at: tags.of(at.session, at.contact), ["R&D"])),
    "add_to_list": ({"list": "News"}, becomes(in_lists, ["News"])),
    "assign_user": ({"user": "admin@PLACE.example"}, becomes(owner, "admin")),
    "change_score": ({"points": 5}, Effect(lambda at: at.contact.score, lambda before, now: now == before + 5)),
    "create_activity": ({"text": "She called"}, made(Note, text="She called")),
    "create_company": ({"name": "Mill Ltd"}, made(Company, name="Mill Ltd")),
    "create_contact": ({"email": "new@b.example"}, made(Contact, email="new@b.example")),
    "create_deal": ({"title": "Mill"}, made(Deal, title="Mill")),
    "create_record": ({"object": "task", "data": {"title": "Look"}}, made(Task, title="Look")),
    "create_task": ({"title": "Call"}, made(Task, title="Call")),
    "find_record": ({"where": {"email": "ann@b.example"}}, gives(found=True, count=1)),
    "remove_from_list": ({"list": "News"}, becomes(in_lists, [])),
    "remove_tag": ({"tags": "R&D"}, becomes(lambda at: tags.of(at.session, at.contact), [])),
    "send_notification": ({"message": "Look here"}, made(Notification, body="Look here")),
    "update_contact": ({"data": {"last_name": "Lee"}}, becomes(lambda at: at.contact.last_name, "Lee")),
    "update_deal": ({"value": 77}, becomes(lambda at: at.deal.value, 77)),
    "update_field": ({"object": "deal", "field": "title", "value": "Mill"}, becomes(lambda at: at.deal.title, "Mill")),
    "custom_code": ({"code": "return {'x': 2 + 3}"}, gives(x=5)),
    "database_query": ({"query": "SELECT count(*) AS n FROM kept"}, gives(count=1)),
    "database_save": ({"table": "kept", "data": {"name": "Ann"}}, one_more(kept)),
    "transform_data": ({"set": {"x": "{{ deal.title }}"}}, gives(x="Engine")),
    "validate_data": (
        {"rules": [{"field": "email", "rule": "email"}], "data": {"email": "a@b.example"}}, gives(valid=True),
    ),
    "conditional": ({"conditions": YES}, gives(matched=True)),
    "fail": ({"message": "No luck"}, lambda done: done["error_message"] == "The step: No luck"),
    "goal": ({"name": "Won", "conditions": YES}, ends),
    "log": ({"message": "{{ deal.title }}"}, gives(message="Engine")),
    "loop": ({"items": [1, 2]}, gives(count=2)),
    "merge": ({}, gives(arrived=2)),
    "respond": ({"status": 201, "body": "ok"}, gives(status=201, body="ok")),
    "run_workflow": ({"workflow": "Sub"}, lambda done: done["output_data"]["output"] == {"x": 7}),
    "split": ({}, lambda done: done["output_data"]["variant"] in ("a", "b", "A", "B")),
    "stop": ({"status": "completed", "message": "Enough"}, ends),
    "switch": ({"value": "{{ deal.title }}", "cases": [{"name": "e", "equals": "Engine"}]}, gives(case="e")),
    "send_email": ({"to": "bob@b.example", "subject": "Hi", "message": "Hello"},
                   one_more(lambda at: [str(one.message["Subject"]) for one in at.smtp.inbox].count("Hi"))),
    "send_webhook": ({"url": "SINK", "json": {"title": "{{ deal.title }}"}},
                     one_more(lambda at: [one.json for one in at.sink.requests].count({"title": "Engine"}))),
    "integration_call": ({"integration": "Shop", "params": {"url": "/called", "json": {"title": "Called"}}},
                         one_more(lambda at: [one.json for one in at.sink.requests].count({"title": "Called"}))),
    "wait_condition": ({"conditions": NO}, ends),
    "wait_event": ({"kind": "event", "events": ["order.paid"]}, ends),
    "wait_time": ({"duration": "1 day"}, ends),
    "wait_until": ({"until": "+2 days"}, ends),
    "wait": ({"kind": "time", "duration": "1 day"}, ends),
}  # fmt: skip
# How the execution stands then, where it is not completed.
STATUS = {"fail": "failed", "goal": "goal_reached"}
STATUS |= dict.fromkeys(("wait", "wait_condition", "wait_event", "wait_time", "wait_until"), "waiting")
# What has to be there before.
BEFORE: dict[str, Callable[[Site], object]] = {
    "remove_from_list": lambda site: site.run("add_to_list", list="News"),
    "remove_tag": lambda site: site.run("add_tag", tags="R&D"),
}


def step(step_id: str, action_type: str = "log", **params: Any) -> dict[str, Any]:
    return {"step_id": step_id, "action_type": action_type, "params": params or {"message": "Here"}}


def edge(source: str, target: str, **more: str) -> dict[str, str]:
    return {"source": source, "target": target, **more}


# What goes along with it: steps, and edges. Beside a stop, a branch waits: without the stop, the execution would too.
MORE = {
    "loop": ([step("inner", message="{{ item }}")], [edge("it", "inner", branch="each")]),
    "merge": (
        [step("first"), step("left"), step("right")],
        [edge("first", "left"), edge("first", "right"), edge("left", "it"), edge("right", "it")],
    ),
    "stop": (
        [step("first"), step("later", "wait_time", duration="1 day")],
        [edge("first", "later"), edge("first", "it")],
    ),
}


@pytest.fixture
def site(app: Any, api: Api, place: Place, smtp: SmtpServer, sink: Sink) -> Iterator[Site]:
    with app.app_context(), tenant_session(db.engine, place.id) as session:
        made = Site(api, session, place)
        made.smtp, made.sink = smtp, sink
        lists.create(session, {"name": "News"})
        tables.create(session, {"name": "Kept", "columns": [{"label": "Name", "type": "text"}]})
        session.commit()
        sub = api.post("/workflows/", SUB, 201)
        api.post(f"/workflows/{sub['id']}/activate/")
        shop = {"name": "Shop", "integration_type": "webhook", "config": {"base_url": sink.url(), "auth": "none"}}
        api.post("/integrations/", shop, 201)
        yield made


def names(kind: str) -> list[str]:
    """The type, in capitals, and its aliases."""
    return [kind.upper(), *KNOWN[kind].aliases]


def begun(site: Site, kind: str, it: dict[str, Any]) -> str:
    """The id of an execution of a workflow with that step; who waits for the answer of a webhook gets it."""
    steps, edges = MORE.get(kind, ([], []))
    if kind != "respond":
        about = {"trigger_entity_type": "deal", "trigger_entity_id": site.deal.id}
        return started(site.api, it, *steps, edges=edges, **about)
    trigger = {"trigger_type": "webhook", "config": {"response": "respond"}}
    workflow = site.api.post(
        "/workflows/", {"name": "Answers", "steps": [it], "triggers": [trigger], "status": "active"}, 201
    )
    db.session.remove()  # the test has the application of its client, whose sessions end with their requests elsewhere
    answer = site.api.client.post(f"/hooks/{workflow['triggers'][0]['config']['key']}", json={})
    assert (answer.status_code, answer.text) == (201, "ok")
    return str(site.api.get(f"/workflows/{workflow['id']}/executions/")["results"][0]["id"])


def test_each_step_type_has_a_case() -> None:
    assert set(KNOWN) == set(CASES)


@pytest.mark.parametrize("kind", sorted(CASES))
def test_the_step_does_its_work_by_each_of_its_names(site: Site, kind: str) -> None:
    given, seen = CASES[kind]
    params = json.loads(json.dumps(given).replace("PLACE", site.place.id).replace("SINK", site.sink.url()))
    over = {"completed", "failed", STATUS.get(kind, "completed")}
    for name in names(kind):
        BEFORE.get(kind, lambda _site: None)(site)
        before = seen.look(site) if isinstance(seen, Effect) else None
        it = {"step_id": "it", "name": "The step", "action_type": name, "params": params, "timeout": 5}
        execution_id = begun(site, kind, it)
        wait_until(lambda now=execution_id: status_of(site.api, now) in over, message=f"{name} does not end")
        done = site.api.get(f"/executions/{execution_id}/")
        site.session.rollback()
        site.session.expire_all()
        assert done["status"] == STATUS.get(kind, "completed"), (name, done["error_message"])
        held = seen.changed(before, seen.look(site)) if isinstance(seen, Effect) else seen(done)
        assert held, (name, done["output_data"], done["error_message"])
        assert site.api.get(f"/workflows/{done['workflow']}/")["steps"][0]["action_type"] == kind
