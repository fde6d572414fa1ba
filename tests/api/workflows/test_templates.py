"""Workflow templates: listed, filled in, and each that is built in does what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals
from flowapp.events import Cause
from flowapp.models import Member, Notification, Task, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import jobs, runtime
from flowapp.template_library.library import DECLARED
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, hand_on
from tests.api.waiting import ended
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.both_databases
BY = Cause(origin="test")
DAY = timedelta(days=1)


def made(api: Api, key: str, **body: Any) -> str:
    """The id of an active workflow made from the template."""
    body["overrides"] = {"status": "active", **body.get("overrides", {})}
    created = api.post(f"/workflows/templates/{key}/create", body, 201)
    assert created["status"] == "active"
    return str(created["id"])


def changed(api: Api, change: Callable[[Session], Any]) -> Any:
    with tenant_session(runtime().engine, api.place.id) as session:
        result = change(session)
        session.commit()
        return result


def outcome(api: Api, workflow_id: str) -> dict[str, Any]:
    """The one execution, ended."""
    (one,) = executions(api, workflow_id)
    return dict(ended(api, one["id"]))


def rows(api: Api, model: Any) -> list[Any]:
    with tenant_session(runtime().engine, api.place.id) as session:
        return list(session.scalars(select(model).order_by(model.id)))


def people(api: Api) -> dict[str, str]:
    """Roles by the id of the member who has it."""
    with tenant_session(runtime().engine, api.place.id) as session:
        return {member.user_id: member.role for member in session.scalars(select(Member))}


def test_all_are_listed_under_their_ids(api: Api) -> None:
    found = api.as_("viewer").get("/workflows/templates/list")
    ids = [one["id"] for one in found["results"]]
    assert {"relance-deal-inactif", "onboarding-nouveau-client", "alerte-manager-deal-50k"} <= set(ids) == set(DECLARED)
    assert found["count"] == len(ids)
    relance = found["results"][ids.index("relance-deal-inactif")]
    assert relance["trigger_types"] == ["inactivity_delay"]
    assert relance["action_types"] == ["send_email", "create_task", "send_notification", "log"]
    assert relance["values"]["stages"] == ["PROPOSITION", "QUALIFICATION"]
    assert relance["values"]["recipient"] == f"viewer@{api.place.id}.example"
    assert relance["schema"]["properties"]["days"]["maximum"] == 3650


@pytest.mark.parametrize("key", sorted(DECLARED))
def test_each_makes_a_workflow_that_can_start_at_once(api: Api, key: str) -> None:
    created = api.post(f"/workflows/templates/{key}/create", status=201)
    assert created["status"] == "draft" and created["name"] and not created["is_template"]
    assert api.post(f"/workflows/{created['id']}/validate/")["errors"] == []
    assert api.post(f"/workflows/{created['id']}/activate/")["status"] == "active"


@pytest.mark.usefixtures("worker")
def test_relance_deal_inactif(api: Api, smtp: SmtpServer) -> None:
    workflow_id = made(api, "relance-deal-inactif")

    def silent(session: Session) -> tuple[str, str]:
        owner = f"operator@{api.place.id}.example"
        stages = {"Acme": "PROPOSITION", "Bolt": "QUALIFICATION", "Won": "SIGNÉ"}
        kept = {
            nom: companies.create(session, {"nom": nom, "pipeline_stage": at, "owner": owner}, cause=BY)
            for nom, at in stages.items()
        }
        for one in (kept["Acme"], kept["Won"]):
            one.last_activity_at = utcnow() - 31 * DAY
        kept["Bolt"].last_activity_at = utcnow() - 29 * DAY
        return kept["Acme"].id, kept["Acme"].owner_id or ""

    company_id, owner_id = changed(api, silent)
    jobs.load()
    jobs.perform("check_inactivity_workflows")
    found = {one["input_data"]["company_name"]: ended(api, one["id"]) for one in executions(api, workflow_id)}
    assert {name: one["status"] for name, one in found.items()} == {"Acme": "completed", "Won": "skipped"}
    (mail,) = smtp.inbox
    assert mail.recipients == [f"operator@{api.place.id}.example"]
    assert "Acme" in mail.message["Subject"] and "30 days" in mail.text
    (task,) = rows(api, Task)
    assert (task.title, task.company_id, task.assignee_id) == ("Relancer client", company_id, owner_id)
    (told,) = rows(api, Notification)
    assert (told.user_id, told.level) == (owner_id, "warning")
    lines = api.get(f"/executions/{found['Acme']['id']}/logs/?level=warning")["results"]
    assert [line["message"] for line in lines] == ["Nothing has happened with Acme for 30 days."]


@pytest.mark.usefixtures("worker")
def test_onboarding_nouveau_client(api: Api, smtp: SmtpServer) -> None:
    workflow_id = made(api, "onboarding-nouveau-client")
    (welcome,) = api.get("/email-templates/")["results"]
    assert welcome["name"] == "Welcome a new client"
    api.patch(f"/email-templates/{welcome['id']}/", {"subject": "Welcome aboard, {{ contact.first_name }}"})

    def deal(session: Session) -> str:
        ann = contacts.create(session, {"email": "ann@b.example", "first_name": "Ann", "last_name": "Lee"}, cause=BY)
        return deals.create(session, {"title": "Engine", "stage": "PROPOSITION", "contact": ann.id}, cause=BY).id

    deal_id = changed(api, deal)
    for stage in ("QUALIFICATION", "PROPOSITION", "SIGNÉ"):
        changed(
            api, lambda session, to=stage: deals.update(session, deals.get(session, deal_id), {"stage": to}, cause=BY)
        )
    hand_on()
    assert outcome(api, workflow_id)["status"] == "completed"
    (mail,) = smtp.inbox
    assert (mail.recipients, mail.message["Subject"]) == (["ann@b.example"], "Welcome aboard, Ann")
    assert "Hello Ann Lee" in mail.text
    assert "<p>Hello Ann Lee,</p>" in mail.message.get_body(("html",)).get_content()
    due = {task.title: (task.deal_id, task.due_date) for task in rows(api, Task)}
    today = utcnow().date()
    assert due == {"Appel de bienvenue": (deal_id, today + 3 * DAY), "Envoyer documents": (deal_id, today + DAY)}
    roles = people(api)
    told = rows(api, Notification)
    assert {roles[one.user_id] for one in told} == {"owner", "admin"}
    assert {(one.level, one.title) for one in told} == {("success", "New client: Engine")}


@pytest.mark.usefixtures("worker")
def test_a_client_without_an_address_is_onboarded_all_the_same(api: Api, smtp: SmtpServer) -> None:
    workflow_id = made(api, "onboarding-nouveau-client", values={"from_stage": "", "call_title": "Call them"})
    deal_id = changed(api, lambda session: deals.create(session, {"title": "Mill"}, cause=BY).id)
    changed(api, lambda session: deals.update(session, deals.get(session, deal_id), {"stage": "SIGNÉ"}, cause=BY))
    hand_on()
    done = outcome(api, workflow_id)
    assert (done["status"], done["failure_count"]) == ("completed", 1)
    assert smtp.inbox == []
    assert [task.title for task in rows(api, Task)] == ["Call them", "Envoyer documents"]


@pytest.mark.usefixtures("worker")
def test_alerte_manager_deal_50k(api: Api, smtp: SmtpServer) -> None:
    workflow_id = made(api, "alerte-manager-deal-50k", values={"recipient": "boss@a.example"})
    for nom, amount in (("Small", 50_000), ("Large", 50_001)):
        changed(
            api,
            lambda session, n=nom, m=amount: companies.create(session, {"nom": n, "montant_potentiel": m}, cause=BY),
        )
    hand_on()
    found = {one["input_data"]["company_name"]: ended(api, one["id"])["status"] for one in executions(api, workflow_id)}
    assert found == {"Small": "skipped", "Large": "completed"}
    (mail,) = smtp.inbox
    assert mail.recipients == ["boss@a.example"] and "Large" in mail.message["Subject"]
    told = rows(api, Notification)
    assert {(one.level, one.title) for one in told} == {("info", "Large deal: Large")}
    assert {people(api)[one.user_id] for one in told} == {"owner", "admin"}


def test_names_values_and_overrides(api: Api) -> None:
    body = {
        "name": "Big ones",
        "values": {"amount": 90000},
        "overrides": {"description": "Ours", "config": {"concurrency": 2}},
    }
    created = api.post("/workflows/templates/alerte-manager-deal-50k/create/", body, 201)
    assert (created["name"], created["description"], created["config"]["concurrency"]) == ("Big ones", "Ours", 2)
    rule = created["triggers"][0]["conditions"]["all"][0]
    assert (rule["field"], rule["operator"], rule["value"]) == ("company.montant_potentiel", ">", 90000)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"values": {"days": 0}}, "values.days"),
        ({"values": {"day": 3}}, "values.day"),
        ({"values": {"recipient": "nobody"}}, "values.recipient"),
        ({"values": {"stages": []}}, "values.stages"),
        ({"overrides": {"nome": "x"}}, "nome"),
        ({"value": {}}, "value"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_made(api: Api, body: dict[str, Any], path: str) -> None:
    refused = api.post("/workflows/templates/relance-deal-inactif/create", body, 422)
    assert [one["path"] for one in refused["errors"]] == [path]
    assert api.get("/workflows/")["count"] == 0


def test_who_may_and_what_is_not_there(api: Api) -> None:
    api.post("/workflows/templates/nothing/create", {}, 404)
    api.as_("operator").post("/workflows/templates/site_watch/create", {}, 403)


def test_a_workflow_is_saved_as_a_template_and_used(api: Api) -> None:
    step = {"step_id": "say", "action_type": "log", "params": {"message": "Hello {{ variables.who }}"}}
    variables = {"who": "Ann", "count": 3, "often": True, "more": {"a": 1}}
    workflow = api.post("/workflows/", {"name": "Greets", "steps": [step], "variables": variables}, 201)
    saved = api.post(f"/workflows/{workflow['id']}/save-as-template/", {"name": "Our greeting"}, 201)
    assert saved["is_template"] and saved["variables"] == variables
    assert not api.get(f"/workflows/{workflow['id']}/")["is_template"]
    assert [one["name"] for one in api.get("/workflows/?is_template=true")["results"]] == ["Our greeting"]
    first = api.get("/workflows/templates/list")["results"][0]
    assert (first["id"], first["name"], first["is_builtin"], first["values"]) == (
        saved["id"],
        "Our greeting",
        False,
        variables,
    )
    for reference in (saved["id"], saved["number"]):
        used = api.post(f"/workflows/templates/{reference}/create", {"values": {"who": "Bob"}}, 201)
        assert (used["name"], used["is_template"]) == ("Our greeting", False)
        assert used["variables"] == {**variables, "who": "Bob"}
        assert used["steps"][0]["params"] == step["params"]
    wrong = api.post(f"/workflows/templates/{saved['id']}/create", {"values": {"count": "many"}}, 422)
    assert wrong["errors"][0]["path"] == "values.count"
    api.post(f"/workflows/templates/{workflow['id']}/create", {}, 404)
    api.as_("operator").post(f"/workflows/{workflow['id']}/save-as-template/", {}, 403)
