"""wait_condition: what it decides; the waiting itself is tested in tests/engine/test_events.py."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowapp.actions.time.wait_condition import WaitConditionParams, wait_condition
from flowapp.catalog import Branch, Signal, StepContext, Suspend, get_action
from flowapp.engine.language.scope import Scope
from flowapp.errors import StepError
from tests.actions.conftest import Bench

RULES = {"all": [{"field": "input.paid", "operator": "==", "value": True}]}


def context(run: Bench, **about: object) -> StepContext:
    made = run.context(Scope(input={"paid": about.pop("paid", False)}, now=run.now.isoformat()))
    for name, value in about.items():
        setattr(made, name, value)
    return made


def test_what_holds_at_once_waits_for_nothing(run: Bench) -> None:
    outcome = wait_condition(context(run, paid=True), WaitConditionParams(conditions=RULES))
    assert isinstance(outcome, Branch)
    assert (outcome.name, outcome.result["matched"], outcome.result["event"]) == ("next", True, None)
    assert outcome.result["explanation"][0]["result"] is True


def test_it_listens_for_what_is_about_the_contact(run: Bench) -> None:
    outcome = wait_condition(context(run, contact_id="c"), WaitConditionParams(conditions=RULES))
    assert isinstance(outcome, Suspend)
    assert (outcome.events, outcome.same_entity, outcome.until) == (("contact.*",), True, None)
    assert (outcome.accepts, outcome.timeout_branch) == (("event",), "timeout")


def test_it_listens_for_what_is_about_the_entity(run: Bench) -> None:
    outcome = wait_condition(context(run, entity=("deal", "7")), WaitConditionParams(conditions=RULES))
    assert isinstance(outcome, Suspend)
    assert outcome.events == ("deal.*",)


def test_named_events_about_anything_where_the_execution_is_about_nothing(run: Bench) -> None:
    params = WaitConditionParams(conditions=RULES, events="order.paid\norder.cancelled", timeout="2 days")
    outcome = wait_condition(context(run), params)
    assert isinstance(outcome, Suspend)
    assert (outcome.events, outcome.same_entity) == (("order.paid", "order.cancelled"), False)
    assert outcome.until == run.now + timedelta(days=2)


def test_the_event_is_part_of_the_result(run: Bench) -> None:
    happened = Signal("event", {"type": "order.paid"})
    outcome = wait_condition(context(run, paid=True, signal=happened), WaitConditionParams(conditions=RULES))
    assert isinstance(outcome, Branch)
    assert outcome.result["event"] == {"type": "order.paid"}


def test_a_wait_that_nothing_could_end_is_refused(run: Bench) -> None:
    with pytest.raises(StepError, match="not about a contact") as caught:
        wait_condition(context(run), WaitConditionParams(conditions=RULES))
    assert caught.value.permanent


def test_a_time_that_cannot_be_read_is_refused(run: Bench, refused: object) -> None:
    error = refused("wait_condition", conditions=RULES, events=["a.b"], timeout="{{ 'soon' }}")  # type: ignore[operator]
    assert "soon" in error.message


def test_its_branches() -> None:
    assert get_action("wait_condition").branches_of({}) == ["next"]
    assert get_action("wait_condition").branches_of({"timeout": "{{ input.days }} days"}) == ["next", "timeout"]
