"""Each trigger by each of its names: the workflow goes in through the API, the real thing happens, and it starts once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from flowapp import catalog
from flowapp.catalog import TRIGGERS
from flowapp.data import forms, records, tables
from flowapp.models import Company, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import due, jobs, runtime
from flowapp.tasks.triggers import trigger_form_submitted, trigger_manual
from tests.api.conftest import Api
from tests.api.crm.test_crm_triggers import BY, company, make_names
from tests.api.crm.test_crm_triggers import CASES as CRM
from tests.api.crm.test_date_triggers import contact, day_of, deal, define, due_at, look
from tests.api.crm.test_event_triggers import executions, hand_on, listening
from tests.api.public.test_service_hooks import SECRETS, SENT

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("worker")]
catalog.load()
FORM = {"name": "Contact", "fields": [{"label": "E-mail", "key": "email", "type": "email"}]}
Deed = Callable[[Api, str], str]


def of_the_crm(kind: str) -> Deed:
    config, deed, _ = CRM[kind]

    def act(api: Api, name: str) -> str:
        if name.isupper():
            make_names(api)
        workflow_id = listening(api, name, config)
        with tenant_session(runtime().engine, api.place.id) as session:
            deed(session)
            session.commit()
        hand_on()
        return workflow_id

    return act


def date_reached(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"date": (utcnow() + timedelta(days=3)).date().isoformat()})
    due.fire_clocks(due_at(workflow_id) + timedelta(seconds=1))
    return workflow_id


def date_field_reached(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"field": "expected_close"})
    deal(api, expected_close=day_of(workflow_id).isoformat())
    look(workflow_id)
    return workflow_id


def anniversary(api: Api, name: str) -> str:
    field = f"of_{name.lower()}"
    define(api, "contact", field, "date")
    workflow_id = listening(api, name, {"field": field})
    contact(api, fields={field: day_of(workflow_id).replace(year=2004, day=28).isoformat()})
    due_at(workflow_id, due_at(workflow_id).replace(day=28))
    look(workflow_id)
    return workflow_id


def time_delay(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"duration": "1 hour"})
    contact(api)
    look(workflow_id, late=timedelta(minutes=62))
    return workflow_id


def inactivity(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"days": 30})
    with tenant_session(runtime().engine, api.place.id) as session:
        session.execute(update(Company).values(last_activity_at=utcnow()))
        company(session).last_activity_at = utcnow() - timedelta(days=31)
        session.commit()
    jobs.load()
    jobs.perform("check_inactivity_workflows")
    return workflow_id


def schedule(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"frequency": "daily"})
    due.fire_clocks(due_at(workflow_id) + timedelta(seconds=1))
    return workflow_id


def data_change(api: Api, name: str) -> str:
    with tenant_session(runtime().engine, api.place.id) as session:
        table = tables.create(session, {"name": f"Of {name}", "columns": [{"label": "Name", "type": "text"}]})
        session.commit()
        workflow_id = listening(api, name, {"table": table.slug, "operation": "insert"})
        records.create(session, table, {"name": "Ann"}, cause=BY)
        session.commit()
    hand_on()
    return workflow_id


def event(api: Api, name: str) -> str:
    workflow_id = listening(api, name, {"event_type": "order.paid"})
    api.post("/events/", {"type": "order.paid", "payload": {}}, 202)
    hand_on()
    return workflow_id


def workflow_failed(api: Api, name: str) -> str:
    workflow_id = listening(api, name)
    body = {"name": "Breaks", "steps": [{"step_id": "a", "action_type": "fail", "params": {"message": "no luck"}}]}
    api.post(f"/workflows/{api.post('/workflows/', body, 201)['id']}/execute/", {"async_execution": False})
    hand_on()
    api.post(f"/workflows/{workflow_id}/pause/")
    return workflow_id


def api_call(api: Api, name: str) -> str:
    workflow_id = listening(api, name)
    api.post(f"/workflows/{workflow_id}/execute/", {}, 202)
    return workflow_id


def manual(api: Api, name: str) -> str:
    workflow_id = listening(api, name)
    trigger_manual(api.place.id, workflow_id)
    return workflow_id


def form_submit(api: Api, name: str) -> str:
    with tenant_session(runtime().engine, api.place.id) as session:
        form_id = forms.create(session, {**FORM, "name": f"Of {name}"}).id
        session.commit()
    workflow_id = listening(api, name, {"form_id": form_id})
    trigger_form_submitted(api.place.id, form_id, {"email": "ann@b.example"})
    return workflow_id


def webhook(api: Api, name: str) -> str:
    workflow_id = listening(api, name)
    (trigger,) = api.get(f"/workflows/{workflow_id}/")["triggers"]
    assert api.client.post(f"/hooks/{trigger['config']['key']}", json={"a": 1}).status_code == 202
    return workflow_id


def of_a_service(kind: str) -> Deed:
    def act(api: Api, name: str) -> str:
        workflow_id = listening(api, name, {"secret": SECRETS[kind]})
        (trigger,) = api.get(f"/workflows/{workflow_id}/")["triggers"]
        hook = f"/hooks/{trigger['config']['key']}"
        sent = SENT[kind](hook, "http://localhost")[0]
        assert sent.to(api, hook).status_code in (200, 202)
        return workflow_id

    return act


CASES: dict[str, Deed] = {
    **{kind: of_the_crm(kind) for kind in CRM},
    "date_reached": date_reached,
    "date_field_reached": date_field_reached,
    "anniversary": anniversary,
    "time_delay": time_delay,
    "inactivity_delay": inactivity,
    "schedule": schedule,
    "data_change": data_change,
    "event": event,
    "workflow_failed": workflow_failed,
    "api_call": api_call,
    "manual": manual,
    "form_submit": form_submit,
    "webhook": webhook,
    **{kind: of_a_service(kind) for kind in SENT},
}


def test_each_trigger_has_a_case() -> None:
    """Those that poll are tried beside the double of their service (tests/connectors/test_every_action.py counts them)."""
    assert {kind for kind, spec in TRIGGERS.items() if spec.poll is None} == set(CASES)


@pytest.mark.parametrize("kind", sorted(CASES))
def test_the_real_thing_starts_it_by_each_of_its_names(api: Api, kind: str) -> None:
    for name in (kind.upper(), *TRIGGERS[kind].aliases):
        workflow_id = CASES[kind](api, name)
        found: list[dict[str, Any]] = executions(api, workflow_id)
        assert [one["trigger_type"] for one in found] == [kind], name
        api.post(f"/workflows/{workflow_id}/pause/")
