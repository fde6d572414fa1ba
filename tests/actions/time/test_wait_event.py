"""wait_event: what it asks for and what it makes of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from flowapp.actions.time.wait_event import WaitEventParams, wait_event
from flowapp.catalog import Asked, Branch, Outcome, Question, Signal, Suspend, get_action
from flowapp.engine.language.scope import Scope
from tests.actions.conftest import Bench


@dataclass
class Asking:
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def ask_approval(self, question: Question, *, by_email: bool) -> Asked:
        self.asked.append((question.role, question.title, question.message, by_email))
        return Asked(2)


@pytest.fixture
def people() -> Asking:
    return Asking()


def attempt(run: Bench, people: Asking, params: dict[str, Any], **about: Any) -> Outcome:
    made = run.context(Scope(now=run.now.isoformat()))
    made.people = people  # type: ignore[assignment]
    for name, value in about.items():
        setattr(made, name, value)
    return wait_event(made, WaitEventParams.model_validate(params))


def test_a_call_is_waited_for(run: Bench, people: Asking) -> None:
    outcome = attempt(run, people, {"kind": "url", "timeout": "1 hour"})
    assert isinstance(outcome, Suspend)
    assert (outcome.accepts, outcome.events, outcome.until) == (("resume",), (), run.now + timedelta(hours=1))


def test_what_came_with_the_call_is_the_result(run: Bench, people: Asking) -> None:
    outcome = attempt(run, people, {"kind": "url"}, signal=Signal("resume", {"a": 1}))
    assert outcome == Branch("next", {"kind": "url", "payload": {"a": 1}})


def test_members_are_asked_once(run: Bench, people: Asking) -> None:
    params = {"kind": "approval", "role": "admin", "title": "May it go out?", "message": "1,000 letters"}
    outcome = attempt(run, people, params)
    assert isinstance(outcome, Suspend)
    assert (outcome.accepts, outcome.events, outcome.same_entity) == (("approval",), ("approval.admin",), False)
    assert people.asked == [("admin", "May it go out?", "1,000 letters", True)]
    attempt(run, people, params, signal=Signal("approval", {"decision": "approved", "iteration": 7}))
    assert len(people.asked) == 1


def test_the_question_is_the_steps_name_where_none_is_written(run: Bench, people: Asking) -> None:
    attempt(run, people, {"kind": "approval", "by_email": False})
    assert people.asked == [("operator", "Step", "", False)]


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_a_decision_chooses_the_branch(run: Bench, people: Asking, decision: str) -> None:
    answer = {"decision": decision, "by": "ann@b.example", "comment": "fine", "at": "2025-10-18T10:30:00+00:00"}
    outcome = attempt(run, people, {"kind": "approval"}, signal=Signal("approval", {**answer, "iteration": 0}))
    assert outcome == Branch(decision, {"kind": "approval", **answer, "by_link": False})
    assert run.lines[-1] == ("info", f"{decision.capitalize()} by ann@b.example. fine")


def test_a_decision_about_an_earlier_visit_does_not_count(run: Bench, people: Asking) -> None:
    late = Signal("approval", {"decision": "approved", "by": "x", "iteration": 0})
    assert isinstance(attempt(run, people, {"kind": "approval"}, signal=late, iteration=1), Suspend)


def test_events_of_the_same_contact_unless_it_says_otherwise(run: Bench, people: Asking) -> None:
    params = {"kind": "event", "events": ["order.paid"]}
    for more, about, same in (
        ({}, {"contact_id": "c"}, True),
        ({}, {}, False),
        ({"same_entity": False}, {"contact_id": "c"}, False),
    ):
        outcome = attempt(run, people, {**params, **more}, **about)
        assert isinstance(outcome, Suspend)
        assert (outcome.events, outcome.same_entity) == (("order.paid",), same)


def test_only_an_event_of_a_type_that_was_named_counts(run: Bench, people: Asking) -> None:
    params = {"events": "order.*"}
    paid, other = {"type": "order.paid"}, {"type": "contact.updated"}
    assert isinstance(attempt(run, people, params, signal=Signal("event", other)), Suspend)
    assert attempt(run, people, params, signal=Signal("event", paid)) == Branch(
        "next", {"kind": "event", "payload": paid}
    )


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({}, "url"),
        ({"event": "a.b"}, "event"),
        ({"events": ["a.b"]}, "event"),
        ({"role": "admin"}, "approval"),
        ({"title": "May I?"}, "approval"),
        ({"kind": "url", "title": "x"}, "url"),
    ],
)
def test_the_kind_follows_from_what_is_given(params: dict[str, Any], kind: str) -> None:
    assert WaitEventParams.model_validate(params).kind == kind


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"kind": "event"}, "events to wait for"),
        ({"kind": "approval", "title": "a\nb"}, "single line"),
        ({"kind": "approval", "role": "king"}, "role"),
        ({"kind": "url", "timeout": "soon"}, "soon"),
        ({"kind": "fax"}, "kind"),
    ],
)
def test_what_cannot_be_meant_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WaitEventParams.model_validate(params)


def test_only_the_branches_of_its_kind_are_open() -> None:
    spec = get_action("wait_event")
    assert spec.branches_of({"kind": "url", "timeout": ""}) == ["next"]
    assert spec.branches_of({"title": "May I?", "timeout": "2 days"}) == ["approved", "rejected", "timeout"]
    assert spec.branches_of({"kind": "{{ input.kind }}"}) == ["next", "approved", "rejected"]


@pytest.mark.parametrize("alias", ["approval", "wait_for_event", "wait_for_approval"])
def test_its_other_names(alias: str) -> None:
    assert get_action(alias).type == "wait_event"
