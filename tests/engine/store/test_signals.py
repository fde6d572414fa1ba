"""Steps that wait for a word: when it comes early, late, twice, in the middle, or never; and goals that come true."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.engine.runtime.received_signals import GOALS, ReceivedSignals
from flowapp.engine.store.control import cancel
from flowapp.models import Contact, Subscription
from tests.engine.place import Place, World, _actions, place, step

__all__ = ["_actions", "place"]


class Killed(BaseException):
    """Stands for kill -9."""


ASK = [step("ask", "once", do="park"), step("z", value="{{ steps.ask.result }}")]


def test_a_signal_resumes_the_step_that_waits_for_it(place: Place) -> None:
    waiting = place.run(ASK)
    assert (waiting.status, place.timers(waiting.id)) == ("waiting", [])
    place.signal(waiting.id, {"by": "Ann"})
    done = place.wake(waiting.id)
    assert (done.status, done.output_data) == ("completed", {"by": "Ann"})
    assert place.signals(done.id) == [], "it was taken"
    assert [(r.step_id, r.status) for r in place.runs(done.id)] == [("ask", "completed"), ("z", "completed")]
    assert [call[1] for call in World.calls if call[0] == "ask"] == [1, 1], "the same attempt, taken up again"


def test_a_signal_before_the_step_is_reached_waits_for_it(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("w", do="wait", until=60), *ASK]))
    place.wake(execution_id)
    place.signal(execution_id, "early")
    assert place.wake(execution_id).status == "waiting"
    place.wake(execution_id, later=61)
    assert place.woken == [execution_id], "the step that parked has a signal already: it is looked at again"
    assert place.wake(execution_id).output_data == "early"


def test_a_signal_that_comes_while_the_worker_runs_is_not_missed(place: Place) -> None:
    """Its wake-up finds the execution claimed; the worker looks once more after it has let go."""
    execution_id = place.begin(place.workflow([step("a"), *ASK]))
    World.hooks["ask"] = lambda ctx: None if ctx.signal else place.signal(execution_id, "now")
    assert place.wake(execution_id).status == "waiting"
    assert place.woken == [execution_id]
    assert place.wake(execution_id).output_data == "now"


def test_a_signal_between_the_last_look_and_the_rest_is_not_missed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = place.begin(place.workflow(ASK))
    left_over = ReceivedSignals.left_over

    def late(self: ReceivedSignals, *given: Any) -> Any:
        place.signal(execution_id, "just so")  # after the commit of `waiting`, before the look
        return left_over(self, *given)

    monkeypatch.setattr(ReceivedSignals, "left_over", late)
    place.wake(execution_id)
    monkeypatch.setattr(ReceivedSignals, "left_over", left_over)
    assert place.woken == [execution_id]
    assert place.wake(execution_id).output_data == "just so"


def test_one_that_was_seen_and_is_for_nobody_does_not_ring_for_ever(place: Place) -> None:
    waiting = place.run(ASK)
    place.signal(waiting.id, "?", step="other")
    assert place.wake(waiting.id).status == "waiting"
    assert place.woken == []
    assert place.signals(waiting.id) == ["?"], "the step that it is for may still come"


def test_the_same_word_twice_resumes_once(place: Place) -> None:
    waiting = place.run([*ASK, step("w", do="wait", until=60)])
    place.signal(waiting.id, "yes", step="ask")
    place.signal(waiting.id, "yes", step="ask")
    assert place.wake(waiting.id).status == "waiting"
    done = place.wake(waiting.id, later=60)
    assert done.status == "completed"
    assert [r.step_id for r in place.runs(done.id)] == ["ask", "z", "w"]


def test_a_step_may_wait_on_after_a_signal(place: Place) -> None:
    waiting = place.run(ASK)
    for _ in range(2):
        place.signal(waiting.id, "again", kind="event")
        assert place.wake(waiting.id).status == "waiting"
    place.signal(waiting.id, "there")
    done = place.wake(waiting.id)
    assert done.output_data == "there"
    assert len(place.runs(done.id)) == 2, "one attempt, however often it was woken"


def test_nobody_came_in_time(place: Place) -> None:
    steps = [step("ask", do="park", until=60, value="nobody"), step("t", value="{{ steps.ask.result }}"), step("n")]
    waiting = place.run(
        steps, [{"source": "ask", "target": "t", "branch": "timeout"}, {"source": "ask", "target": "n"}]
    )
    assert [t.kind for t in place.timers(waiting.id)] == ["wait"]
    done = place.wake(waiting.id, later=60)
    assert (done.status, done.output_data) == ("completed", "nobody")
    assert [(r.step_id, r.branch) for r in place.runs(done.id)] == [("ask", "timeout"), ("t", "next")]


def test_a_word_in_time_counts_though_the_worker_was_late(place: Place) -> None:
    waiting = place.run([step("ask", do="park", until=60), step("z", value="{{ steps.ask.result }}")])
    place.signal(waiting.id, "just in time")
    assert place.wake(waiting.id, later=600).output_data == "just in time"


def test_a_refused_step_is_tried_again_and_waits_anew(place: Place) -> None:
    steps = [step("ask", "once", do="park", on_error="retry", retry_count=1, retry_delay=30)]
    waiting = place.run(steps)
    place.signal(waiting.id, "no")
    place.wake(waiting.id)
    assert [t.kind for t in place.timers(waiting.id)] == ["retry"]
    place.signal(waiting.id, "for the second attempt")
    assert place.wake(waiting.id).status == "waiting", "between two attempts nobody takes it"
    place.wake(waiting.id, later=30)
    done = place.wake(waiting.id)
    assert (done.status, done.output_data) == ("completed", "for the second attempt")
    assert [(r.attempt, r.status) for r in place.runs(done.id)] == [(1, "failed"), (2, "completed")]


def test_the_end_of_a_child_goes_to_the_token_that_waits_for_it(place: Place) -> None:
    edges = [{"source": s, "target": t} for s, t in (("s", "a"), ("s", "b"), ("a", "a2"), ("b", "b2"))]
    steps = [step("s"), *(step(s, "idempotent", do="park") for s in ("a", "b"))]
    steps += [step(f"{s}2", value=f"{{{{ steps.{s}.result }}}}") for s in ("a", "b")]
    waiting = place.run(steps, edges)
    tokens = {token["step"]: number for number, token in waiting.state["tokens"].items()}
    place.signal(waiting.id, {"child": "of b"}, kind="child", token=tokens["b"])
    place.wake(waiting.id)
    assert [(r.step_id, r.status) for r in place.runs(waiting.id)] == [
        ("s", "completed"), ("a", "waiting"), ("b", "completed"), ("b2", "completed"),
    ]  # fmt: skip
    place.signal(waiting.id, {"child": "of a"}, kind="child", token=tokens["a"])
    assert place.wake(waiting.id).output_data == {"child": "of a"}


def test_a_crash_after_a_signal_was_read_does_not_lose_it(place: Place) -> None:
    waiting = place.run(ASK)
    place.signal(waiting.id, "kept")

    def die(_ctx: Any) -> None:
        raise Killed

    World.hooks["ask"] = die
    with pytest.raises(Killed):
        place.wake(waiting.id)
    World.hooks.clear()
    assert place.signals(waiting.id) == ["kept"]
    done = place.wake(waiting.id, later=11)
    assert (done.status, done.output_data) == ("completed", "kept")


def test_a_cancelled_execution_leaves_nothing_behind(place: Place) -> None:
    waiting = place.run([step("ask", do="park", until=60)])
    place.signal(waiting.id, "too late")
    with place.session() as session:
        cancel(session, session.merge(waiting))
        session.commit()
    assert (place.wake(waiting.id, later=61).status, place.signals(waiting.id)) == ("cancelled", [])
    assert (place.timers(waiting.id), [r.status for r in place.runs(waiting.id)]) == ([], ["cancelled"])


# --- goals

GOAL = {"all": [{"field": "contact.email", "operator": "==", "value": "paid@b.c"}]}


def goal_flow(place: Place, conditions: Any = GOAL) -> tuple[str, str]:
    """An execution that waits, of a contact; and the contact."""
    goal = {"step_id": "g", "name": "G", "action_type": "goal", "params": {"conditions": conditions}}
    edges = [{"source": a, "target": b} for a, b in (("p", "z"), ("w", "z"), ("z", "g"), ("g", "after"))]
    steps = [step("p", do="park"), step("w", do="wait", until=86400), step("z"), goal, step("after", value="thanks")]
    with place.session() as session:
        contact = Contact(email="a@b.c")
        session.add(contact)
        session.commit()
        contact_id = contact.id
    execution_id = place.begin(place.workflow(steps, edges), entity=("contact", contact_id))
    place.wake(execution_id)
    return execution_id, contact_id


def test_a_goal_that_came_true_drops_what_waits(place: Place) -> None:
    execution_id, contact_id = goal_flow(place)
    with place.session() as session:
        assert session.query(Subscription).filter_by(execution_id=execution_id, token=GOALS).count() == 1
        session.get_one(Contact, contact_id).email = "paid@b.c"
        session.commit()
    place.signal(execution_id, {"type": "contact.updated"}, kind="event", token=GOALS)
    done = place.wake(execution_id)
    assert (done.status, done.output_data, place.timers(execution_id)) == ("goal_reached", "thanks", [])
    assert [(r.step_id, r.status) for r in place.runs(execution_id)] == [
        ("p", "cancelled"), ("w", "cancelled"), ("g", "completed"), ("after", "completed"),
    ]  # fmt: skip


def test_a_goal_that_has_not_come_true_takes_the_news_and_waits_on(place: Place) -> None:
    execution_id, _ = goal_flow(place)
    place.signal(execution_id, {"type": "contact.updated"}, kind="event", token=GOALS)
    assert place.wake(execution_id).status == "waiting"
    assert place.signals(execution_id) == [], "else it would be woken for ever"


def test_conditions_that_cannot_be_told_do_not_reach_the_goal_nor_kill_the_worker(place: Place) -> None:
    cannot = {"all": [{"field": "contact.email", "operator": "matches", "value": "{{ 1 / 0 }}"}]}
    execution_id, _ = goal_flow(place, cannot)
    place.signal(execution_id, {"type": "contact.updated"}, kind="event", token=GOALS)
    assert place.wake(execution_id).status == "waiting"
    assert [line.level for line in place.lines(execution_id) if line.step_id == "g"] == ["warning"]
