"""The runner on real databases: what it runs, what it writes, and what survives crashes."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.catalog.registry import ACTIONS
from flowapp.engine.runtime import runner
from flowapp.engine.runtime.recorder import messages_since
from flowapp.engine.store.control import cancel, decide
from flowapp.errors import ConflictError
from tests.engine.place import Place, World, _actions, place, step

__all__ = ["_actions", "place"]


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs, nothing of the worker is written."""


def kill(_ctx: Any) -> None:
    raise Killed


def die_at(place: Place, step_id: str, execution_id: str) -> None:
    World.hooks[step_id] = kill
    with pytest.raises(Killed):
        place.runner.run(execution_id, place.org)
    World.hooks.clear()


def test_steps_see_what_came_before(place: Place) -> None:
    done = place.run(
        [
            step("a", value={"id": 7}),
            step("b", value="{{ steps.a.id }}"),
            step("c", value="{{ steps.b.result }}/{{ input.x }}"),
        ],
        input_data={"x": "y"},
    )
    assert (done.status, done.output_data) == ("completed", "7/y")
    assert [r.output for r in place.runs(done.id)] == [{"id": 7}, 7, "7/y"]
    assert [line.message for line in place.lines(done.id)] == ["a says {'id': 7}", "b says 7", "c says 7/y"]
    assert (done.success_count, done.failure_count, done.lease_until) == (3, 0, None)


def test_messages_are_numbered_and_replay_gives_the_same(place: Place) -> None:
    done = place.run([step("a"), step("b", "once"), step("c", "idempotent")])
    with place.session() as session:
        replayed = messages_since(session, done)
        assert messages_since(session, done, after=5) == [m for m in replayed if m["seq"] > 5]
    seqs = [m["seq"] for m in replayed]
    assert seqs == list(range(1, len(seqs) + 1))
    assert sorted(place.published, key=lambda m: m["seq"]) == replayed
    assert replayed[-1]["type"] == "execution_completed"


def test_only_the_taken_branch_runs(place: Place) -> None:
    edges = [
        {"source": "if", "target": "yes", "branch": "yes"},
        {"source": "if", "target": "no", "branch": "no"},
    ]
    done = place.run([step("if", do="branch", value="no"), step("yes"), step("no")], edges)
    assert [r.step_id for r in place.runs(done.id)] == ["if", "no"]


def test_a_failing_step_ends_the_execution_with_its_words(place: Place) -> None:
    done = place.run([step("a", do="fail", value="no such thing"), step("b")])
    assert (done.status, done.error_message) == ("failed", "A: no such thing")
    assert [(r.step_id, r.status) for r in place.runs(done.id)] == [("a", "failed")]
    last = place.lines(done.id)[-1]
    assert (last.step_id, last.level, last.message) == ("a", "error", "no such thing")


def test_an_action_that_raises_is_a_failure_without_a_trace(place: Place) -> None:
    done = place.run([step("a", do="boom", value="secret detail")])
    assert done.status == "failed"
    assert "secret detail" not in done.error_message
    assert "RuntimeError" in done.error_message


def test_a_missing_field_is_an_error_that_names_it(place: Place) -> None:
    done = place.run([step("a", value="{{ input.emial }}")], input_data={"email": "a@b.c"})
    assert done.status == "failed"
    assert "input.emial" in done.error_message
    assert "input.email" in done.error_message


def test_continue_goes_on_and_remembers_the_error(place: Place) -> None:
    done = place.run([step("a", do="fail", value="x", on_error="continue"), step("b", value="{{ steps.a.error }}")])
    assert (done.status, done.output_data, done.failure_count) == ("completed", "x", 1)


def test_retry_waits_with_a_timer_and_tries_again(place: Place) -> None:
    steps = [step("a", "once", do="fail", value="x", on_error="retry", retry_count=1, retry_delay=30)]
    execution = place.run(steps)
    assert execution.status == "waiting"
    assert [t.kind for t in place.timers(execution.id)] == ["retry"]
    place.runner.run(execution.id, place.org)  # a wake-up too early changes nothing
    assert len(World.calls) == 1
    place.later(31)
    place.runner.run(execution.id, place.org)
    assert place.get(execution.id).status == "failed"
    assert [(c[0], c[1]) for c in World.calls] == [("a", 1), ("a", 2)]
    assert World.calls[0][3] == World.calls[1][3], "every attempt of a visit has the same idempotency key"
    assert place.timers(execution.id) == []


def test_a_wait_sleeps_in_the_database_and_goes_on(place: Place) -> None:
    execution = place.run(
        [step("w", do="wait", until=3 * 365 * 86400, value="slept"), step("b", value="{{ steps.w.result }}")]
    )
    assert execution.status == "waiting"
    assert [t.due_at for t in place.timers(execution.id)] == [place.time.replace(year=2029, day=28, month=2)]
    place.later(3 * 365 * 86400)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.output_data) == ("completed", "slept")
    assert [r.status for r in place.runs(done.id)] == ["completed", "completed"]


def test_a_wait_that_is_over_at_once_does_not_stop(place: Place) -> None:
    assert place.run([step("w", do="wait", until=0), step("b")]).status == "completed"


def test_parallel_tokens_go_on_while_one_waits(place: Place) -> None:
    edges = [{"source": "a", "target": "w"}, {"source": "a", "target": "b"}, {"source": "w", "target": "c"}]
    execution = place.run([step("a"), step("w", do="wait", until=60), step("b"), step("c")], edges)
    assert [r.step_id for r in place.runs(execution.id)] == ["a", "w", "b"]
    place.later(60)
    place.runner.run(execution.id, place.org)
    assert place.get(execution.id).status == "completed"


def test_stop_ends_it_with_a_result(place: Place) -> None:
    done = place.run([step("a", do="stop", value=5), step("b")])
    assert (done.status, done.output_data, len(place.runs(done.id))) == ("completed", 5, 1)


def test_the_overall_timeout_ends_a_wait(place: Place) -> None:
    execution = place.run([step("w", do="wait", until=1000)], config={"timeout": 60})
    assert (place.timers(execution.id)[0].due_at - place.time).total_seconds() == 61
    place.later(61)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert done.status == "failed"
    assert "timeout" in done.error_message


def test_a_crash_before_an_effect_loses_nothing(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a"), step("b", "once", value=1)]))
    die_at(place, "a", execution_id)
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    assert place.get(execution_id).status == "completed"
    assert [c[0] for c in World.calls] == ["a", "a", "b"]


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
def test_a_crash_inside_a_repeatable_step_runs_it_again_under_the_same_key(place: Place, effect: str) -> None:
    execution_id = place.begin(place.workflow([step("a", value=3), step("b", effect, value="{{ steps.a.result }}")]))
    die_at(place, "b", execution_id)
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    done = place.get(execution_id)
    assert (done.status, done.output_data) == ("completed", 3)
    keys = [c[3] for c in World.calls if c[0] == "b"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_crash_inside_a_once_step_is_uncertain_and_a_person_decides(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "once", value="sent"), step("b")]))
    die_at(place, "a", execution_id)
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    waiting = place.get(execution_id)
    assert waiting.status == "waiting"
    (run,) = place.runs(execution_id)
    assert (run.status, run.input["value"]) == ("uncertain", "sent"), "who decides must know what it was about"
    assert len(World.calls) == 1, "there is no silent second send"
    with place.session() as session:
        decide(session, session.merge(waiting), run.seq, "done", result="by hand")
        session.commit()
    place.runner.run(execution_id, place.org)
    done = place.get(execution_id)
    assert done.status == "completed"
    assert [c[0] for c in World.calls] == ["a", "b"]
    with place.session() as session, pytest.raises(ConflictError):
        decide(session, session.merge(done), run.seq, "resend")


def test_an_effect_that_may_have_happened_is_uncertain(place: Place) -> None:
    waiting = place.run([step("a", "once", do="lost", value="the line went dead", on_error="retry")])
    assert waiting.status == "waiting"
    assert [(r.status, r.error_message) for r in place.runs(waiting.id)] == [("uncertain", "the line went dead")]


def test_resend_runs_the_uncertain_step_again(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "once")]))
    die_at(place, "a", execution_id)
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    with place.session() as session:
        decide(session, session.merge(place.get(execution_id)), place.runs(execution_id)[0].seq, "resend")
        session.commit()
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "completed"
    assert [c[0] for c in World.calls] == ["a", "a"]


def test_a_step_that_kills_its_worker_each_time_is_set_aside(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "idempotent"), step("b")]))
    for _ in range(3):
        die_at(place, "a", execution_id)
        place.later(11)
    place.runner.run(execution_id, place.org)
    done = place.get(execution_id)
    assert done.status == "failed"
    assert "died 3 times" in done.error_message


def test_a_step_that_this_release_does_not_know_fails_the_execution_at_once(place: Place) -> None:
    """It must not pass for a worker that died."""
    execution_id = place.begin(place.workflow([step("a"), step("b", "once")]))
    del ACTIONS["try_once"]
    done = place.wake(execution_id)
    assert (done.status, done.crashes) == ("failed", 0)
    assert "There is no step type “try_once”" in done.error_message
    assert [r.step_id for r in place.runs(execution_id)] == ["a"]


def test_a_lease_keeps_others_away_until_it_runs_out(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "idempotent")]))
    die_at(place, "a", execution_id)
    place.make_runner("worker 2").run(execution_id, place.org)
    assert len(World.calls) == 1
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    assert len(World.calls) == 2


def test_a_worker_frozen_past_its_lease_commits_nothing(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "idempotent", value="{{ input.n }}")]), {"n": 1})

    def overtaken(_ctx: Any) -> None:
        World.hooks.clear()
        place.later(11)
        place.make_runner("worker 2").run(execution_id, place.org)

    World.hooks["a"] = overtaken
    place.runner.run(execution_id, place.org)
    runs = place.runs(execution_id)
    assert place.get(execution_id).fence == 2
    assert [(r.status, r.attempt) for r in runs] == [("failed", 1), ("completed", 1)]
    assert "never wrote down how it ended" in runs[0].error_message


def test_cancel_while_a_step_runs_drops_its_outcome(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", "once"), step("b")]))

    def cancelled(_ctx: Any) -> None:
        with place.session() as session:
            cancel(session, session.merge(place.get(execution_id)))
            session.commit()

    World.hooks["a"] = cancelled
    place.runner.run(execution_id, place.org)
    done = place.get(execution_id)
    assert done.status == "cancelled"
    assert [r.status for r in place.runs(execution_id)] == ["cancelled"]
    with place.session() as session, pytest.raises(ConflictError):
        cancel(session, session.merge(done))


def test_a_process_that_ends_gives_its_executions_back(place: Place) -> None:
    execution_id = place.begin(place.workflow([step("a", value=1), step("b", value="{{ steps.a.result }}")]))

    def end(_ctx: Any) -> None:
        place.stop = True

    World.hooks["a"] = end
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "pending"
    place.stop = False
    place.runner.run(execution_id, place.org)
    done = place.get(execution_id)
    assert (done.status, done.output_data, done.crashes) == ("completed", 1, 0)
    assert [c[0] for c in World.calls] == ["a", "b"]


def test_the_same_idempotency_key_starts_once(place: Place) -> None:
    workflow_id = place.workflow([step("a")])
    first = place.begin(workflow_id, {"n": 1}, idempotency_key="k")
    assert place.begin(workflow_id, {"n": 2}, idempotency_key="k") == first
    assert place.begin(place.workflow([step("a")]), idempotency_key="k") != first


def test_nul_characters_and_secrets_never_reach_the_log(place: Place) -> None:
    done = place.run([step("a", value="{{ input.t }}")], input_data={"t": "a\x00b password=hunter22"})
    (line,) = place.lines(done.id)
    assert "\x00" not in line.message
    assert "hunter22" not in line.message


def test_an_execution_that_goes_on_for_long_lets_others_have_a_turn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each turn it stands at the end of the queue; its result is that of an undisturbed run."""
    monkeypatch.setattr(runner, "SHORTEST_TURN", 0)
    place.runner.turn = 0.0
    loop = {"step_id": "each", "action_type": "loop", "params": {"items": [1, 2, 3]}}
    steps = [loop, step("twice", value="{{ item * 2 }}"), step("end", value="{{ steps.each.results }}")]
    edges = [
        {"source": "each", "target": "twice", "branch": "each"},
        {"source": "each", "target": "end", "branch": "done"},
    ]
    execution_id = place.begin(place.workflow(steps, edges))
    place.runner.run(execution_id, place.org)
    turns = 1
    while place.get(execution_id).status == "pending":
        assert place.woken == [execution_id] * turns
        assert place.get(execution_id).lease_until is None
        place.runner.run(execution_id, place.org)
        turns += 1
    done = place.get(execution_id)
    assert (done.status, done.output_data, done.crashes) == ("completed", [2, 4, 6], 0)
    assert turns > 2
