"""Every trigger of the CRM and of data tables, by its name: the real thing happens, and the execution knows of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS
from flowapp.crm import companies, contacts, deals, lists, pipelines, tags
from flowapp.crm import tasks as todo
from flowapp.data import records, tables
from flowapp.events import Cause
from flowapp.models import Company, Execution, Pipeline, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import jobs, runtime
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, hand_on, inputs, listening
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases

BY = Cause(origin="test")
Deed = Callable[[Session], object]


def person(session: Session) -> Any:
    return contacts.create(session, {"email": "ann@b.example", "first_name": "Ann"}, cause=BY)


def company(session: Session) -> Any:
    return companies.create(session, {"nom": "Acme", "montant_potentiel": 40000}, cause=BY)


def deal(session: Session) -> Any:
    return deals.create(session, {"title": "Engine", "montant": 8000, "stage": "PROPOSITION"}, cause=BY)


def untagged(session: Session) -> object:
    ann = person(session)
    tags.add(session, ann, ["R&D"], cause=BY)
    return tags.take(session, ann, ["r&d"], cause=BY)


def listed(session: Session) -> Any:
    found = lists.find(session, "Newsletter")
    ann = person(session)
    lists.add(session, found, ann, cause=BY)
    return found, ann


def done(session: Session) -> object:
    task = todo.create(session, {"title": "Call Ann", "type": "call"}, cause=BY)
    return todo.complete(session, task, cause=BY)


# By type of trigger: settings, what happens, names with the values that the execution's input has for them.
CASES: dict[str, tuple[dict[str, Any], Deed, dict[str, Any]]] = {
    "contact_created": ({}, person, {"contact_email": "ann@b.example"}),
    "contact_updated": (
        {"fields": ["first_name"], "to": "anna"},
        lambda s: contacts.update(s, person(s), {"first_name": "Anna"}, cause=BY),
        {"contact_name": "Anna"},
    ),
    "contact_tag_added": ({"tag": "r&d"}, lambda s: tags.add(s, person(s), ["R&D"], cause=BY), {"tag": "R&D"}),
    "contact_tag_removed": ({}, untagged, {"tag": "R&D"}),
    "contact_list_added": ({"list": "newsletter"}, listed, {"list": "Newsletter"}),
    "contact_list_removed": (
        {"list": "Newsletter"}, lambda s: lists.take(s, *listed(s), cause=BY), {"list": "Newsletter"},
    ),
    "organisation_created": ({}, company, {"company_name": "Acme"}),
    "organisation_updated": (
        {"field": "montant_potentiel", "from": 40000},
        lambda s: companies.update(s, company(s), {"montant_potentiel": 60000}, cause=BY),
        {"company_name": "Acme"},
    ),
    "deal_created": ({}, deal, {"deal_title": "Engine"}),
    "deal_updated": (
        {"fields": "title"},
        lambda s: deals.update(s, deal(s), {"title": "Engine 2"}, cause=BY),
        {"deal_title": "Engine 2"},
    ),
    "deal_stage_changed": (
        {"from_stage": "proposition", "to_stage": "signe"},
        lambda s: deals.move(s, deal(s), "SIGNÉ", cause=BY),
        {"old_stage": "PROPOSITION", "new_stage": "SIGNÉ", "deal_title": "Engine"},
    ),
    "deal_value_changed": (
        {}, lambda s: deals.update(s, deal(s), {"montant": 12000}, cause=BY), {"deal_title": "Engine"},
    ),
    "deal_won": ({}, lambda s: deals.move(s, deal(s), "SIGNÉ", cause=BY), {"deal_title": "Engine"}),
    "deal_lost": (
        {},
        lambda s: deals.move(s, deal(s), "PERDU", lost_reason="Too dear", cause=BY),
        {"deal_title": "Engine"},
    ),
    "task_completed": ({"type": "call"}, done, {"task_title": "Call Ann"}),
}  # fmt: skip


def make_names(api: Api) -> None:
    """What the settings name, beside the first pipeline."""
    with tenant_session(runtime().engine, api.place.id) as session:
        for name in ("Newsletter", "Customers"):
            lists.create(session, {"name": name})
        pipelines.every(session)
        pipelines.create(session, {"name": "Partners", "stages": [{"name": "New", "kind": "open"}]})
        session.commit()


def test_each_trigger_of_the_crm_has_a_case() -> None:
    known = {spec.type for spec in TRIGGERS.values() if spec.group == "CRM" and spec.listens is not None}
    assert known == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("written", [str, str.upper])
def test_the_real_thing_starts_it_once(api: Api, name: str, written: Callable[[str], str]) -> None:
    config, deed, told = CASES[name]
    make_names(api)
    workflow_id = listening(api, written(name), config)
    with tenant_session(runtime().engine, api.place.id) as session:
        deed(session)
        session.commit()
    (given,) = inputs(api, workflow_id)
    assert {key: given[key] for key in told} == told
    hand_on()
    assert len(executions(api, workflow_id)) == 1
    assert executions(api, workflow_id)[0]["trigger_type"] == name


@pytest.mark.parametrize("name", ["deal_stage_changed", "deal_value_changed", "deal_won", "deal_lost"])
@pytest.mark.parametrize("told", [lambda one: one.name, lambda one: one.id, lambda one: one.name.upper()])
def test_a_pipeline_is_meant_by_its_name_or_id(api: Api, name: str, told: Callable[[Pipeline], str]) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        sales = pipelines.default(session)
        session.commit()
        workflow_id = listening(api, name, {"pipeline": told(sales)})
        CASES[name][1](session)
        session.commit()
    (given,) = inputs(api, workflow_id)
    assert given["deal"]["pipeline"] == sales.name


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("contact_tag_added", {"tag": "VIP"}),
        ("contact_list_added", {"list": "Customers"}),
        ("deal_stage_changed", {"from": "PROSPECTION"}),
        ("deal_stage_changed", {"to": "PERDU"}),
        ("deal_stage_changed", {"pipeline": "Partners"}),
        ("deal_won", {"pipeline": "Partners"}),
        ("task_completed", {"type": "email"}),
    ],
)
def test_settings_that_mean_another_one_start_nothing(api: Api, name: str, config: dict[str, Any]) -> None:
    make_names(api)
    workflow_id = listening(api, name, config)
    with tenant_session(runtime().engine, api.place.id) as session:
        CASES[name][1](session)
        session.commit()
    assert inputs(api, workflow_id) == []


@pytest.mark.parametrize(
    ("config", "heard"),
    [
        ({}, ["created", "updated", "deleted"]),
        ({"operation": "insert"}, ["created"]),
        ({"operation": "UPDATE", "fields": ["plan"]}, ["updated"]),
        ({"operation": "updated", "fields": ["name"]}, []),
        ({"operation": "delete"}, ["deleted"]),
    ],
)
def test_data_change_hears_of_every_way_in(api: Api, config: dict[str, Any], heard: list[str]) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        columns = [{"label": "Name", "type": "text"}, {"label": "Plan", "type": "text"}]
        table = tables.create(session, {"name": "Customers", "columns": columns})
        session.commit()
        workflow_id = listening(api, "data_change", {"table": "customers", **config})
        row = records.create(session, table, {"name": "Ann", "plan": "silver"}, cause=BY)
        records.update(session, table, str(row["id"]), {"plan": "gold"}, cause=BY)
        records.update(session, table, str(row["id"]), {"plan": "gold"}, cause=BY)  # no change
        records.delete(session, table, [str(row["id"])], cause=BY)
        session.commit()
    hand_on()
    found = executions(api, workflow_id)
    assert [one["context"]["event"]["type"].rpartition(".")[2] for one in found] == heard
    assert all(one["input_data"]["record"]["name"] == "Ann" for one in found)
    changed = [one["input_data"]["changes"] for one in found if one["context"]["event"]["type"].endswith("updated")]
    assert changed in ([], [{"plan": {"old": "silver", "new": "gold"}}])


@pytest.mark.parametrize("verb", ["created", "updated", "deleted"])
def test_records_of_tables_are_heard_of_by_the_name_of_the_event(api: Api, verb: str) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        table = tables.create(session, {"name": "Customers", "columns": [{"label": "Name", "type": "text"}]})
        session.commit()
        workflow_id = listening(api, "event", {"event_type": f"table.record.{verb}"})
        record_id = str(records.create(session, table, {"name": "Ann"}, cause=BY)["id"])
        records.update(session, table, record_id, {"name": "Bob"}, cause=BY)
        records.delete(session, table, [record_id], cause=BY)
        session.commit()
    hand_on()
    (heard,) = executions(api, workflow_id)
    assert heard["context"]["event"]["type"] == f"table.record.{verb}"
    told = {name: heard["input_data"][name] for name in ("table", "record_id", "changes")}
    changes = {"name": {"old": "Ann", "new": "Bob"}} if verb == "updated" else {}
    assert told == {"table": "customers", "record_id": record_id, "changes": changes}
    assert heard["input_data"]["record"]["name"] == ("Ann" if verb == "created" else "Bob")


def test_a_silent_company_starts_its_workflow_once_for_each_silence(api: Api) -> None:
    workflow_id = listening(api, "inactivity_delay", {"days": 30, "entity": "organisation"})
    with tenant_session(runtime().engine, api.place.id) as session:
        silent = company(session)
        companies.create(session, {"nom": "Busy"}, cause=BY)
        silent.last_activity_at = utcnow() - timedelta(days=31)
        session.commit()
        company_id = silent.id
    jobs.load()
    assert jobs.perform("check_inactivity_workflows") == {"started": 1}
    assert jobs.perform("check_inactivity_workflows") == {"started": 0}
    (execution,) = executions(api, workflow_id)
    assert (execution["trigger_entity_type"], execution["trigger_entity_id"]) == ("company", company_id)
    assert execution["input_data"]["company_name"] == "Acme"
    assert execution["input_data"]["inactive_days"] == 31
    with system_session(runtime().engine) as session:  # it was heard of, and is silent once more
        session.get_one(Company, company_id).last_activity_at = utcnow() - timedelta(days=40)
        session.commit()
    assert jobs.perform("check_inactivity_workflows") == {"started": 1}


def test_a_failed_execution_starts_what_listens_for_it_and_never_itself(api: Api, worker: None) -> None:
    handler = listening(api, "workflow_failed", {})
    body = {"name": "Breaks", "steps": [{"step_id": "a", "action_type": "test_fail", "params": {"text": "no luck"}}]}
    broken = api.post("/workflows/", body, 201)["id"]
    api.post(f"/workflows/{broken}/execute/", {"async_execution": False})
    (given,) = inputs(api, handler)
    assert (given["workflow_id"], given["workflow_name"], given["error"]) == (broken, "Breaks", "a: no luck")
    with system_session(runtime().engine) as session:
        assert session.query(Execution).count() == 2


def test_a_move_says_who_and_what_nested_and_flat(api: Api, worker: None) -> None:
    """As the workflow's expressions name it."""
    message = "{{ deal_title }} {{ deal.title }} {{ contact.name }} {{ contact_email }} {{ old_stage }} {{ new_stage }}"
    body = {
        "name": "On a move",
        "steps": [{"step_id": "a", "action_type": "test_echo", "params": {"text": message}}],
        "triggers": [{"trigger_type": "deal_stage_changed", "config": {"to": "SIGNÉ"}}],
    }
    workflow_id = api.post("/workflows/", body, 201)["id"]
    api.post(f"/workflows/{workflow_id}/activate/")
    with tenant_session(runtime().engine, api.place.id) as session:
        ann = person(session)
        made = deals.create(
            session, {"title": "Engine", "contact": ann.email, "owner_id": api.place.user_id}, cause=BY
        )  # fmt: skip
        deals.move(session, made, "SIGNÉ", cause=BY)
        session.commit()
        ids = {"contact_id": ann.id, "deal_id": made.id, "owner_id": api.place.user_id}
    (given,) = inputs(api, workflow_id)
    assert {name: given[name] for name in ids} == ids
    assert given["contact_name"] == "Ann"
    wait_until(lambda: executions(api, workflow_id)[0]["status"] == "completed")
    (execution,) = executions(api, workflow_id)
    assert execution["output_data"] == {"text": "Engine Engine Ann ann@b.example PROSPECTION SIGNÉ"}
    assert execution["contact"] == ids["contact_id"]
