"""log, stop, conditional and the waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowapp.catalog import ACTIONS, Asked, Branch, Done, Question, Signal, Stop, Suspend, Wait, get_action, ui_of
from tests.actions.conftest import NOW


def test_log_writes_what_it_is_given_as_text(run) -> None:
    assert run("log", {"n": 3}, message="{{ input.n }}", level="warning") == Done({"message": "3", "level": "warning"})
    run("log", {"a": None, "b": {"c": True}}, message="{{ input.b }}")
    run("log", {"a": None}, message="{{ input.a }}")
    assert run.lines == [("warning", "3"), ("info", '{"c":true}'), ("info", "")]


def test_log_refuses_a_level_that_does_not_exist(refused) -> None:
    error = refused("log", message="x", level="loud")
    assert error.permanent
    assert "level" in error.message


def test_stop_ends_with_status_and_message(run) -> None:
    assert run("stop") == Stop("completed", "", None)
    outcome = run("stop", {"why": "no stock"}, status="failed", message="{{ input.why }}", output={"a": 1})
    assert outcome == Stop("failed", "no stock", {"a": 1})
    assert get_action("stop").branches == ()


@pytest.mark.parametrize(("amount", "branch"), [(60_000, "yes"), (10, "no")])
def test_conditional_branches_and_explains(run, amount, branch) -> None:
    conditions = {"all": [{"field": "input.amount", "operator": ">", "value": 50_000}]}
    outcome = run("condition", {"amount": amount}, conditions=conditions)
    assert isinstance(outcome, Branch)
    assert outcome.name == branch
    assert outcome.result["matched"] is (branch == "yes")
    assert outcome.result["explanation"][0]["field"] == "input.amount"


def test_conditional_takes_the_crm_notation(run) -> None:
    conditions = {"operator": "OR", "conditions": [{"field": "a", "operator": "==", "value": "x"}]}
    assert run("conditional", {"a": "x"}, conditions=conditions).name == "yes"


@pytest.mark.parametrize(
    ("duration", "length"),
    [("90 seconds", 90), ("2 days", 172_800), ("PT5M", 300), (30, 30), ("{{ input.n }} minutes", 240), ("1h30", 5400)],
)
@pytest.mark.parametrize("action", ["wait_time", "wait", "delay"])
def test_wait_for_a_length_of_time(run, action, duration, length) -> None:
    until = NOW + timedelta(seconds=length)
    assert run(action, {"n": 4}, duration=duration) == Wait(until, {"until": until.isoformat(), "waited": True})


@pytest.mark.parametrize(
    ("params", "until"),
    [
        ({"until": "2025-12-24T09:00"}, datetime(2025, 12, 24, 8, 0, tzinfo=UTC)),
        ({"until": "2025-12-24"}, datetime(2025, 12, 23, 23, 0, tzinfo=UTC)),
        ({"until": "2025-12-24T09:00:00Z", "offset": "-3 days"}, datetime(2025, 12, 21, 9, 0, tzinfo=UTC)),
        ({"until": "{{ input.due }}", "offset": "+2 business days"}, datetime(2025, 11, 3, 23, 0, tzinfo=UTC)),
        ({"until": "+1 week"}, datetime(2025, 10, 25, 10, 30, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("action", ["wait_until", "wait"])
def test_wait_until_a_moment_in_the_workflows_zone(run, action, params, until) -> None:
    run.timezone = "Europe/Paris"
    outcome = run(action, {"due": "2025-10-31"}, **params)
    assert outcome == Wait(until, {"until": until.isoformat(), "waited": True})


OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "08:00", "end": "16:00", "holidays": ["2025-10-20"]}


@pytest.mark.parametrize(
    ("params", "until"),
    [  # now is Saturday the 18th, 12:30 in Paris, and Monday is a holiday
        ({"duration": "2 business hours"}, datetime(2025, 10, 21, 8, 0, tzinfo=UTC)),
        ({"duration": "3 business days"}, datetime(2025, 10, 23, 10, 30, tzinfo=UTC)),
        ({"duration": "{{ input.n }} business hours"}, datetime(2025, 10, 21, 10, 0, tzinfo=UTC)),
        ({"duration": "1 hour", "only_business_hours": True}, datetime(2025, 10, 21, 6, 0, tzinfo=UTC)),
        ({"duration": "4 days", "only_business_hours": True}, datetime(2025, 10, 22, 10, 30, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("action", ["wait_time", "wait"])
def test_waits_in_business_hours_of_the_contacts_zone(run, action, params, until) -> None:
    run.timezone, run.business_hours = "Europe/Paris", OFFICE
    assert run(action, {"n": 4}, **params).until == until


@pytest.mark.parametrize(
    ("params", "until"),
    [
        ({"until": "next monday 09:00"}, datetime(2025, 10, 20, 7, 0, tzinfo=UTC)),
        ({"until": "next monday 09:00", "only_business_hours": True}, datetime(2025, 10, 21, 6, 0, tzinfo=UTC)),
        ({"until": "next business day 09:30"}, datetime(2025, 10, 21, 7, 30, tzinfo=UTC)),
        ({"until": "{{ contact.birthday }}", "at": "09:00"}, datetime(2025, 11, 2, 8, 0, tzinfo=UTC)),
        (
            {"until": "{{ contact.birthday }}", "offset": "-1 week", "at": "9h00"},
            datetime(2025, 10, 26, 8, 0, tzinfo=UTC),
        ),
    ],
)
@pytest.mark.parametrize("action", ["wait_until", "wait"])
def test_waits_until_a_weekday_or_a_date_of_the_contact(run, action, params, until) -> None:
    run.timezone, run.business_hours, run.scope = (
        "Europe/Paris",
        OFFICE,
        {"extra": {"contact": {"birthday": "2025-11-02"}}},
    )
    assert run(action, **params).until == until


def test_wait_has_every_kind(run) -> None:
    run.contact_id = "ada"
    condition = run(
        "wait", {}, conditions=[{"field": "contact.paid", "operator": "==", "value": True}], timeout="1 day"
    )
    assert isinstance(condition, Suspend)
    assert (condition.accepts, condition.events) == (("event",), ("contact.*",))
    event = run("wait", kind="event", events=["order.*"])
    assert (event.accepts, event.events) == (("event",), ("order.*",))
    assert run("wait", kind="url").accepts == ("resume",)
    run.people = RecordingPeople()
    assert run("wait", kind="approval", role="admin", title="Pay?").accepts == ("approval",)
    assert run.people.asked == [("admin", "Pay?")]
    run.signal = Signal("approval", {"decision": "rejected", "by": "a@b.c"})
    assert run("wait", kind="approval", role="admin").name == "rejected"


class RecordingPeople:
    """Records whom a step asks."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def ask_approval(self, question: Question, *, by_email: bool) -> Asked:
        assert by_email
        self.asked.append((question.role, question.title))
        return Asked(1)


@pytest.mark.parametrize(
    ("params", "ways"),
    [
        ({"duration": "2 days"}, ["next"]),
        ({"until": "2025-12-24"}, ["next"]),
        ({"kind": "url", "timeout": "1 day"}, ["next", "timeout"]),
        ({"conditions": [{"field": "a"}]}, ["next"]),
        ({"kind": "approval", "timeout": "1 day"}, ["approved", "rejected", "timeout"]),
        ({}, ["next"]),
    ],
)
def test_the_ways_on_of_a_wait(params, ways) -> None:
    assert get_action("wait").branches_of(params) == ways


def test_a_moment_that_has_passed_does_not_wait(run) -> None:
    assert run("wait_until", until="2025-10-18T10:30:00Z").result == {
        "until": "2025-10-18T10:30:00+00:00",
        "waited": False,
    }


@pytest.mark.parametrize(
    ("action", "params", "told"),
    [
        ("wait_time", {"duration": "soon"}, "not a duration"),
        ("wait_time", {"duration": "{{ input.nothing }}"}, "duration"),
        ("wait_time", {"duration": "500 years"}, "ten years"),
        ("wait_until", {"until": "the day after"}, "not a date"),
        ("wait_until", {"until": "2025-12-24", "offset": "later"}, "not a date"),
        ("wait", {}, "how long"),
        ("wait", {"kind": "until"}, "when the wait ends"),
        ("wait", {"kind": "condition"}, "conditions that end"),
        ("wait", {"kind": "event"}, "events to wait for"),
        ("wait_time", {"duration": "1.5 business days"}, "whole business days"),
        ("wait_until", {"until": "monday 25:00"}, "time of day"),
        ("wait_until", {"until": "+1 day", "at": "noon"}, "time of day"),
        ("wait", {"kind": "sometime", "duration": "1 day"}, "kind"),
    ],
)
def test_times_that_cannot_be_read_are_permanent_errors(refused, action, params, told) -> None:
    error = refused(action, {"nothing": None}, **params)
    assert error.permanent
    assert told in error.message


def test_every_action_and_each_of_its_fields_is_described_for_the_editor() -> None:
    for spec in ACTIONS.values():
        assert spec.label
        assert spec.description
        assert spec.icon
        for name in spec.params.model_fields:
            assert ui_of(spec.params, name).get("label"), f"{spec.type}.{name}"
        open_to_more = spec.type == "integration_call"  # which takes those of the action that it names
        assert spec.params.model_json_schema()["additionalProperties"] is open_to_more
