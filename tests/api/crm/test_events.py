"""POST /events/: what other systems say has happened."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, inputs, listening

PAID = {"type": "payment.created", "payload": {"amount": 129.9, "customer_email": "ada@example.com"}}
pytestmark = pytest.mark.both_databases


def test_an_event_of_another_system_starts_what_listens_for_it(api: Api) -> None:
    workflow_id = listening(api, "event", {"event_type": "payment.created"})
    event = api.as_("operator").post("/events/", {**PAID, "entity_type": "order", "entity_id": "1001"}, 202)
    assert inputs(api, workflow_id) == [PAID["payload"]]
    (execution,) = executions(api, workflow_id)
    assert execution["context"]["event"]["id"] == event["id"]
    assert (execution["trigger_entity_type"], execution["trigger_entity_id"]) == ("order", "1001")


def test_the_document_s_workflow_is_started_by_its_event(api: Api) -> None:
    body = {
        "name": "Traitement de Paiement",
        "trigger": {"type": "event", "event_type": "payment.created"},
        "steps": [{"id": "note", "action": "log", "params": {"message": "{{input.customer_email}}"}}],
    }
    workflow_id = api.post("/workflows/", body, 201)["id"]
    api.post(f"/workflows/{workflow_id}/activate/")
    api.post("/events/", {"event_type": "payment.created", "data": PAID["payload"]}, 202)
    assert inputs(api, workflow_id) == [PAID["payload"]]


@pytest.mark.parametrize("header", [True, False])
def test_the_same_key_again_records_nothing(api: Api, header: bool) -> None:
    workflow_id = listening(api, "event", {"event_type": "payment.*"})
    options: Any = {"headers": {"Idempotency-Key": "k1"}} if header else {}
    body = PAID if header else {**PAID, "idempotency_key": "k1"}
    first, again = (api.post("/events/", body, 202, **options)["id"] for _ in range(2))
    assert first == again
    other = api.post("/events/", {**PAID, "idempotency_key": "k2"}, 202)["id"]
    assert other != first
    assert len(inputs(api, workflow_id)) == 2
    found = api.get("/events/?type=payment.created")
    assert [one["id"] for one in found["results"]] == [other, first]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "contact.created"}, "Flowapp's own"),
        ({"type": "automation.execution.completed"}, "Flowapp's own"),
        ({"type": "payment"}, "dots between them"),
        ({"type": "pay ment.created"}, "dots between them"),
        ({}, "dots between them"),
        ({"type": "payment.created", "payload": [1]}, "payload"),
        ({"type": "payment.created", "entity_id": "x" * 65}, "entity_id"),
    ],
)
def test_what_is_no_event_of_another_system_is_refused(api: Api, body: Any, words: str) -> None:
    answer = api("POST", "/events/", body, 422)
    assert words in answer.text


def test_a_viewer_sends_none(api: Api) -> None:
    api.as_("viewer")("POST", "/events/", PAID, 403)
    assert api.as_("viewer").get("/events/?type=payment.created")["results"] == []
