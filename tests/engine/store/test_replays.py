"""Running an execution again, from the start and from where it failed."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.catalog import Each, Join, Outcome, StepContext
from flowapp.catalog.registry import action
from flowapp.engine.language.definition import parse
from flowapp.engine.store.rerun import repeat
from flowapp.errors import ConflictError
from flowapp.models import Contact, Execution, Version, Workflow
from tests.engine import place as places
from tests.engine.place import Place, TryParams, World, step

place, _actions = places.place, places._actions

CHAIN = [
    step("first", "once", value={"n": 1}),
    step("second", "once", do="fail", value="no luck"),
    step("third", "idempotent", value="{{ steps.first.n }}"),
]


def again(place: Place, execution_id: str, **how: Any) -> Execution:
    with place.session() as session:
        new = repeat(session, session.get_one(Execution, execution_id), **how)
        session.commit()
    place.runner.run(new.id, place.org)
    return place.get(new.id)


def mend(place: Place, workflow_id: str, steps: list[dict[str, Any]], edges: Any = None) -> None:
    """Publishes another version."""
    with place.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
        definition = parse({"name": "W", "steps": steps, "edges": edges or []}).canonical()
        version = Version(workflow_id=workflow_id, number=2, definition=definition, fingerprint="g")
        session.add(version)
        session.flush()
        workflow.published_version_id = version.id
        session.commit()


def mended(steps: list[dict[str, Any]], step_id: str, **params: Any) -> list[dict[str, Any]]:
    return [{**s, "params": params} if s["step_id"] == step_id else s for s in steps]


def calls() -> list[str]:
    return [call[0] for call in World.calls]


def test_from_the_start_everything_runs_again(place: Place) -> None:
    old = place.run(CHAIN, input_data={"a": 1})
    World.calls.clear()
    new = again(place, old.id, started_by=None)
    assert (new.status, new.retry_of_id, new.input_data) == ("failed", old.id, {"a": 1})
    assert calls() == ["first", "second"]
    assert again(place, old.id, input_data={"a": 2}).input_data == {"a": 2}


def test_from_the_failed_step_on_the_newest_version(place: Place) -> None:
    old = place.run(CHAIN)
    mend(place, old.workflow_id, mended(CHAIN, "second", value="well"))
    World.calls.clear()
    new = again(place, old.id, from_step="failed", version="newest")
    assert (new.status, new.output_data, new.failure_count, new.success_count) == ("completed", 1, 0, 3)
    assert calls() == ["second", "third"]
    assert [(r.step_id, r.source, r.status) for r in place.runs(new.id)] == [
        ("first", "reused", "completed"),
        ("second", "", "completed"),
        ("third", "", "completed"),
    ]
    assert place.runs(new.id)[0].seq == place.runs(old.id)[0].seq
    assert new.seq > old.seq
    assert {line.step_id for line in place.lines(new.id)} == {"second", "third"}


def test_the_same_version_fails_again_at_its_step(place: Place) -> None:
    old = place.run(CHAIN)
    new = again(place, again(place, old.id, from_step="failed").id, from_step="failed")
    assert new.status == "failed"
    assert calls() == ["first", "second", "second", "second"]
    assert new.failure_count == 1


def test_other_branches_wait_on(place: Place) -> None:
    steps = [
        step("fork"),
        step("nap", do="wait", until=3600, value="slept"),
        step("bad", do="fail", value="x"),
        step("end"),
    ]
    edges = [("fork", "nap"), ("fork", "bad"), ("nap", "end")]
    written = [{"source": a, "target": b} for a, b in edges]
    old = place.run(steps, written)
    assert old.status == "failed"
    mend(place, old.workflow_id, mended(steps, "bad", value="good"), written)
    new = again(place, old.id, from_step="failed", version="newest")
    assert new.status == "waiting"
    assert len(place.timers(new.id)) == 1
    assert {r.step_id: (r.status, r.source) for r in place.runs(new.id)}["nap"] == ("waiting", "reused")
    place.later(3601)
    place.runner.run(new.id, place.org)
    assert place.get(new.id).status == "completed"
    assert calls().count("nap") == 1
    assert calls()[-1] == "end"


def test_retries_begin_at_the_first_attempt(place: Place) -> None:
    flaky = step("flaky", "idempotent", do="fail", value="x", on_error="retry", retry_count=1, retry_delay=5)
    old = place.run([flaky])
    place.later(10)
    place.runner.run(old.id, place.org)
    assert place.get(old.id).status == "failed"
    new = again(place, old.id, from_step="failed")
    assert new.status == "waiting"
    assert [(r.attempt, r.source) for r in place.runs(new.id)] == [(1, "")]


def test_a_step_that_was_passed_over_stays_failed(place: Place) -> None:
    steps = [
        step("soft", do="fail", value="oh", on_error="continue"),
        step("hard", do="fail", value="x"),
        step("last", value="{{ steps.soft.error }}"),
    ]
    old = place.run(steps)
    mend(place, old.workflow_id, mended(steps, "hard", value="y"))
    new = again(place, old.id, from_step="failed", version="newest")
    assert (new.status, new.output_data, new.failure_count) == ("completed", "oh", 1)


def test_what_cannot_be_repeated_is_refused(place: Place) -> None:
    waiting = place.run([step("nap", do="wait", until=60)])
    with pytest.raises(ConflictError, match="has not ended"):
        again(place, waiting.id)
    done = place.run([step("a")])
    with pytest.raises(ConflictError, match="did not fail at a step"):
        again(place, done.id, from_step="failed")
    stopped = place.run([step("a", do="stop")])
    with pytest.raises(ConflictError, match="did not fail at a step"):
        again(place, stopped.id, from_step="failed")


def test_a_step_that_is_gone_is_named(place: Place) -> None:
    old = place.run(CHAIN)
    mend(place, old.workflow_id, [CHAIN[0], CHAIN[2]])
    with pytest.raises(ConflictError, match="no step “Second”"):
        again(place, old.id, from_step="failed", version="newest")
    assert again(place, old.id, version="newest").status == "completed"


def test_a_new_step_behind_is_named(place: Place) -> None:
    old = place.run(CHAIN)
    mend(place, old.workflow_id, [step("fresh"), CHAIN[0], *mended(CHAIN[1:], "second", value="{{ steps.fresh.id }}")])
    with pytest.raises(ConflictError, match="“Second” uses the result of “Fresh”"):
        again(place, old.id, from_step="failed", version="newest")


def test_a_replay_repeats_once(place: Place) -> None:
    old = place.run(CHAIN)
    replay = old.id  # any id does
    first = again(place, old.id, replay_id=replay)
    assert again(place, old.id, replay_id=replay).id == first.id
    assert first.replay_id == replay
    assert first.idempotency_key == f"replay:{replay}:{old.id}"


def test_re_entry_and_debounce_do_not_hold_it_back(place: Place) -> None:
    config = {"reentry": "once", "debounce_key": "k", "debounce_seconds": 60}
    workflow_id = place.workflow(CHAIN, config=config)
    with place.session() as session:
        contact = Contact(email="a@b.example")
        session.add(contact)
        session.commit()
    old = place.begin(workflow_id, contact_id=contact.id, entity=("contact", contact.id))
    place.later(86_400 * 1000)  # beyond the debounce of any clock
    place.runner.run(old, place.org)
    new = again(place, old)
    assert (new.status, new.contact_id, new.trigger_entity_id) == ("failed", contact.id, contact.id)


def test_tests_options_are_left_behind(place: Place) -> None:
    old = place.begin(place.workflow(CHAIN), more={"options": {"pins": {"first": {"n": 5}}}})
    place.runner.run(old, place.org)
    assert [r.source for r in place.runs(old)] == ["pinned", ""]
    assert not again(place, old).options


@pytest.fixture
def gathering() -> None:
    """Two more actions: a loop over `value`, and a merge."""

    def each(_ctx: StepContext, params: TryParams) -> Outcome:
        return Each(params.value)

    def join(_ctx: StepContext, _params: TryParams) -> Outcome:
        return Join()

    for name, function, branches in (("try_each", each, ("each", "done")), ("try_join", join, ("next",))):
        action(
            name, label=name, description="", group="", icon="", effect="pure", params=TryParams, branches=branches
        )(function)  # fmt: skip


def test_a_loop_goes_on_at_the_item_that_failed(place: Place, gathering: None) -> None:
    steps = [
        step("all", "each", value=[1, 2, 3]),
        step("one", "once", do="{{ 'fail' if item == 2 else 'done' }}", value="{{ item }}"),
        step("sum", value="{{ steps.all.results }}"),
    ]
    edges = [
        {"source": "all", "target": "one", "branch": "each"},
        {"source": "one", "target": "all"},
        {"source": "all", "target": "sum", "branch": "done"},
    ]
    old = place.run(steps, edges)
    assert (old.status, calls()) == ("failed", ["one", "one"])
    mend(place, old.workflow_id, mended(steps, "one", value="{{ item }}"), edges)
    new = again(place, old.id, from_step="failed", version="newest")
    assert (new.status, new.error_message) == ("completed", "")
    assert calls() == ["one", "one", "one", "one", "sum"]
    assert new.output_data == [1, 2, 3]


def test_a_merge_still_knows_who_arrived(place: Place, gathering: None) -> None:
    steps = [
        step("fork"),
        step("good", value="g"),
        step("bad", do="fail", value="x"),
        step("join", "join"),
        step("end", value="{{ steps.join.inputs }}"),
    ]
    pairs = [("fork", "good"), ("fork", "bad"), ("good", "join"), ("bad", "join"), ("join", "end")]
    edges = [{"source": a, "target": b} for a, b in pairs]
    old = place.run(steps, edges)
    mend(place, old.workflow_id, mended(steps, "bad", value="b"), edges)
    new = again(place, old.id, from_step="failed", version="newest")
    assert (new.status, new.output_data) == ("completed", {"good": "g", "bad": "b"})
