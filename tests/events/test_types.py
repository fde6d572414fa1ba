"""Events are recorded as they are declared, or not at all; workflows that listen for one that never comes are told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog import load
from flowapp.engine.graph.checks import check
from flowapp.engine.language.definition import parse
from flowapp.events.types import EXECUTION_FAILED, is_known
from flowapp.models import Event

CHANGED = {
    "contact": {"id": "1"}, "changes": {}, "contact_id": "1", "contact_name": "", "contact_email": "", "owner_id": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "entity", "payload", "words"),
    [
        ("order.paid", ("order", "1"), {}, "order.paid is not declared"),
        ("contact.updated", ("contact", "1"), {}, "contact: Field required"),
        ("contact.updated", ("contact", "1"), {**CHANGED, "more": 1}, "more: Extra"),
        (
            "contact.updated",
            ("contact", "1"),
            {**CHANGED, "contact_id": 1},
            "contact_id: Input should be a valid string",
        ),
        ("contact.updated", ("", ""), CHANGED, "is about contact, not about nothing"),
        (EXECUTION_FAILED, ("execution", "1"), {"workflow_id": "w", "step_id": None, "error": ""}, "step_id"),
    ],
)
def test_what_is_not_as_declared_cannot_be_recorded(
    kind: str, entity: tuple[str, str], payload: Any, words: str
) -> None:
    session = Session()
    with pytest.raises(ValueError, match=words):
        events.record(session, kind, entity=entity, payload=payload, cause=events.SYSTEM)
    assert not session.new


def test_what_is_as_declared_is_recorded() -> None:
    session = Session()
    cause = events.Cause(workflow_id="w", execution_id="e", step_id="s", depth=3, bulk=True)
    event = events.record(session, "contact.updated", entity=("contact", "1"), payload=CHANGED, cause=cause)
    assert isinstance(event, Event)
    assert event in session.new
    assert {name: getattr(event, name) for name in cause.columns()} == cause.columns()


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        ("contact.updated", True), ("contact.*", True), ("automation.*", True), ("automation.workflow.*", True),
        ("contact.updatd", False), ("automation.contact.*", False), ("order.paid", True), ("order.*", True),
    ],
)  # fmt: skip
def test_which_events_may_come(pattern: str, known: bool) -> None:
    assert is_known(pattern) is known


@pytest.mark.parametrize(
    ("kind", "params", "path"),
    [
        ("wait_event", {"kind": "event", "events": ["order.paid", "contact.updatd"]}, "params.events"),
        ("wait_condition", {"conditions": [{"field": "a", "operator": "exists"}], "events": "contact.updatd"}, "params.events"),
        ("wait", {"kind": "event", "events": ["contact.*", "contact.updatd"]}, "params.events"),
        ("wait_event", {"kind": "event", "events": ["contact.updated", "{{ variables.x }}", "order.*"]}, ""),
    ],
)  # fmt: skip
def test_waiting_for_an_event_that_never_comes_is_shown(kind: str, params: dict[str, Any], path: str) -> None:
    load()
    step = {"step_id": "a", "action_type": kind, "params": params}
    body = {"name": "W", "variables": {"x": "1"}, "triggers": [{"trigger_type": "manual"}], "steps": [step]}
    errors, warnings = check(parse(body))
    found = [(p.path, p.message) for p in warnings if p.code == "unknown_event"]
    assert errors == []
    assert found == (
        [(f"steps.0.{path}", "There is no event “contact.updatd”. Did you mean “contact.updated”?")] if path else []
    )
