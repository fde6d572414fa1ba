"""Workflows started from Python, by the documented helpers; a notification that a step writes again."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.crm import contacts
from flowapp.data import forms
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import SYSTEM
from flowapp.models import Notification, Organization, User
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import runtime
from flowapp.tasks.people import notify
from flowapp.tasks.triggers import find_workflows_by_trigger, trigger_form_submitted, trigger_manual
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, listening

pytestmark = pytest.mark.both_databases
FORM = {"name": "Contact", "fields": [{"label": "E-mail", "key": "email", "type": "email", "required": True}]}


def test_find_workflows_by_trigger(api: Api) -> None:
    active = listening(api, "organisation_created")
    paused = listening(api, "organisation_created")
    api.post(f"/workflows/{paused}/pause/")
    for name in ("organisation_created", "ORGANISATION_CREATED"):
        assert [workflow.id for workflow in find_workflows_by_trigger(api.place.id, name)] == [active]
    assert find_workflows_by_trigger(api.place.id, "deal_won") == []
    with pytest.raises(NotFoundError, match="no trigger type"):
        find_workflows_by_trigger(api.place.id, "deal_wonn")


@pytest.mark.parametrize("by", ["id", "email", "number", "record"])
def test_trigger_manual(api: Api, by: str) -> None:
    workflow_id = listening(api, "manual")
    with tenant_session(runtime().engine, api.place.id) as session:
        ann = contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
        session.commit()
        firm = session.get_one(Organization, api.place.id)
        meant: Any = ann if by == "record" else str(getattr(ann, by))
        execution = trigger_manual(firm=firm, workflow_id=workflow_id, contact=meant, context={"source": "manual"})
    (found,) = executions(api, workflow_id)
    assert (found["id"], found["contact"], found["trigger_type"]) == (execution.id, ann.id, "manual")
    assert found["context"]["source"] == "manual"


def test_trigger_form_submitted(api: Api) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        number = forms.create(session, FORM).number
        session.commit()
    workflow_id = listening(api, "form_submitted", {"form_id": number})
    (execution,) = trigger_form_submitted(api.place.id, form_id=number, submission_data={"email": "ann@b.example"})
    (found,) = executions(api, workflow_id)
    assert (found["id"], found["input_data"]["form_data"]) == (execution.id, {"email": "ann@b.example"})
    with pytest.raises(InvalidError):
        trigger_form_submitted(api.place.id, number, {"email": "no"})


def test_a_step_that_runs_again_tells_nobody_twice(api: Api) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        owner = session.get_one(User, api.place.user_id)
        for key in ("visit 1", "visit 1", "visit 2", "", ""):  # without a key, each is one of its own
            notify(session, [owner], "Look", "Here", "/", kind="message", key=key)
            session.commit()
    with system_session(runtime().engine) as session:
        told = sorted(str(one.source_key) for one in session.query(Notification).filter_by(user_id=owner.id))
    assert told == ["None", "None", f"visit 1:{owner.id}", f"visit 2:{owner.id}"]
