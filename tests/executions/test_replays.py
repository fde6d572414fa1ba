"""Many executions run again: chosen, foreseen, in batches, through crashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from flowapp import tasks
from flowapp.broker import queue_length
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import dead_letters, replays
from flowapp.executions.replays import Choice
from flowapp.executions.side_effects import preview
from flowapp.models import TEST, Execution, Replay
from flowapp.scheduler import Scheduler
from flowapp.tasks import repeating
from flowapp.tasks.bus import Bus
from tests.engine.place import Place, _actions, place, step

__all__ = ["_actions", "place"]
STEPS = [step("save", "once"), step("call", "idempotent", do="fail", value="no luck"), step("end", "once")]


@pytest.fixture
def running(place: Place, settings: Any) -> Iterator[tasks.Runtime]:
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    yield runtime
    runtime.broker.close()


def failures(place: Place, count: int) -> list[str]:
    workflow_id = place.workflow(STEPS)
    ids = [place.begin(workflow_id) for _ in range(count)]
    for execution_id in ids:
        place.runner.run(execution_id, place.org)
    return ids


def make(place: Place, choice: Choice | None = None, from_step: Any = "start") -> str:
    with place.session() as session:
        replay = replays.create(
            session, choice or Choice(statuses=("failed",)), from_step, "same", created_by=None
        )  # fmt: skip
        session.commit()
        return replay.id


def found(place: Place, replay_id: str) -> Replay:
    with place.session() as session:
        return session.get_one(Replay, replay_id)


def repeated(place: Place, replay_id: str) -> list[str]:
    with place.session() as session:
        rows = session.query(Execution).filter_by(replay_id=replay_id).order_by(Execution.id)
        return [str(row.retry_of_id) for row in rows]


def test_tests_are_no_dead_letters_and_are_not_run_again_in_bulk(place: Place, running: tasks.Runtime) -> None:
    """Running a draft's test again would be a real run of what was only tried."""
    (real,) = failures(place, 1)
    test = place.begin(place.get(real).workflow_id, trigger_type=TEST)
    place.runner.run(test, place.org)
    assert place.get(test).status == "failed"
    with place.session() as session:
        groups, _ = dead_letters.groups(session, since=place.time - timedelta(days=1))
        assert [(group.execution_id, group.count) for group in groups] == [(real, 1)]
        everything = (Choice(), Choice(statuses=("failed",)), Choice(fingerprint=place.get(real).error_fingerprint))
        assert [replays.count(session, choice) for choice in everything] == [1, 1, 1]
        assert replays.count(session, Choice(ids=(test,))) == 1


def test_batches_follow_each_other_to_the_end(
    place: Place, running: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "BATCH", 2)
    ids = failures(place, 5)
    replay_id = make(place)
    for done in (2, 4, 5):
        repeating.run_replay(replay_id, place.org)
        assert found(place, replay_id).done == done
    assert repeated(place, replay_id) == ids
    assert found(place, replay_id).status == "completed"
    repeating.run_replay(replay_id, place.org)
    assert len(repeated(place, replay_id)) == 5


def test_a_worker_that_dies_repeats_nothing_twice(
    place: Place, running: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "BATCH", 2)
    ids = failures(place, 4)
    replay_id = make(place)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(repeating, "_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            repeating.run_replay(replay_id, place.org)
    with monkeypatch.context() as dying:
        dying.setattr(Bus, "wake", killed)  # after the commit, before anybody is told
        with pytest.raises(KeyboardInterrupt):
            repeating.run_replay(replay_id, place.org)
    for _ in range(3):
        repeating.run_replay(replay_id, place.org)
    assert repeated(place, replay_id) == ids


def test_what_is_chosen(place: Place) -> None:
    ids = failures(place, 3)
    fine = place.run([step("a")]).id
    print_ = place.get(ids[0]).error_fingerprint
    assert print_
    with place.session() as session:
        for choice, expected in (
            (Choice(), {*ids, fine}),
            (Choice(statuses=("failed",)), set(ids)),
            (Choice(fingerprint=print_), set(ids)),
            (Choice(fingerprint="-"), set()),
            (Choice(workflow_id=place.get(fine).workflow_id), {fine}),
            (Choice(ids=(ids[1],)), {ids[1]}),
            (Choice(since=place.get(fine).created_at + timedelta(seconds=2)), set()),
        ):
            assert {row.id for row in session.scalars(replays.chosen(choice))} == expected
            assert Choice.read(choice.as_json()) == choice


def test_what_was_run_again_is_left_out(place: Place, running: tasks.Runtime) -> None:
    ids = failures(place, 3)
    replay_id = make(place, Choice(statuses=("failed",), limit=2))
    repeating.run_replay(replay_id, place.org)
    assert (found(place, replay_id).total, found(place, replay_id).done) == (2, 2)
    with place.session() as session:
        left = [row.id for row in session.scalars(replays.chosen(Choice(statuses=("failed",))))]
    assert left == ids[2:]


def test_those_that_do_not_fit_are_counted(place: Place, running: tasks.Runtime) -> None:
    place.run([step("a", do="stop")])
    failures(place, 1)
    with place.session() as session:
        session.query(Execution).filter_by(status="completed").update({"status": "failed"})
        session.commit()
    replay_id = make(place, from_step="failed")
    repeating.run_replay(replay_id, place.org)
    replay = found(place, replay_id)
    assert (replay.total, replay.done, replay.refused, replay.status) == (2, 1, 1, "completed")


def test_a_cancelled_replay_goes_no_further(place: Place, running: tasks.Runtime) -> None:
    failures(place, 1)
    replay_id = make(place)
    with place.session() as session:
        replays.cancel(session, session.get_one(Replay, replay_id))
        session.commit()
        with pytest.raises(ConflictError):
            replays.cancel(session, session.get_one(Replay, replay_id))
    repeating.run_replay(replay_id, place.org)
    assert not repeated(place, replay_id)


def test_nothing_to_run_again_is_said(place: Place) -> None:
    with place.session() as session, pytest.raises(InvalidError):
        replays.create(session, Choice(), "start", "same", created_by=None)


def test_the_side_effects_are_foreseen(place: Place) -> None:
    failures(place, 3)
    with place.session() as session:
        seen = preview(session, Choice(statuses=("failed",)), "start", "same")
        assert (seen.matched, seen.taken) == (3, 3)
        assert {(e.action_type, e.count) for e in seen.effects} == {("try_once", 6), ("try_idempotent", 3)}
        seen = preview(session, Choice(limit=2), "failed", "same")
        assert (seen.matched, seen.taken) == (3, 2)
        assert {(e.action_type, e.count) for e in seen.effects} == {("try_once", 2), ("try_idempotent", 2)}


def test_addresses_are_told_apart(place: Place) -> None:
    call = {"step_id": "call", "name": "Call", "action_type": "send_webhook"}
    workflow_id = place.workflow([{**call, "params": {"url": "https://user:pw@api.example/x?y=1", "method": "POST"}}])
    execution_id = place.begin(workflow_id)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "failed"
    with place.session() as session:
        for from_step in ("start", "failed"):
            seen = preview(session, Choice(), from_step, "same")  # type: ignore[arg-type]
            assert [(e.action_type, e.target, e.count) for e in seen.effects] == [
                ("send_webhook", "https://api.example", 1)
            ]


def test_a_replay_that_stands_still_is_rung(place: Place, running: tasks.Runtime) -> None:
    failures(place, 1)
    replay_id = make(place)
    with place.session() as session:
        created = session.get_one(Replay, replay_id).created_at
    running.redis.flushall()
    now = [created + timedelta(seconds=59)]
    scheduler = Scheduler(running, lambda: now[0])
    scheduler.wake_replays(now[0])
    assert queue_length(running.broker) == 0
    now[0] += timedelta(seconds=31)
    scheduler.wake_replays(now[0])
    scheduler.wake_replays(now[0])
    assert queue_length(running.broker) == 1
