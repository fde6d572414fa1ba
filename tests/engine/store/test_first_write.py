"""A new execution's first write is its claim too: one commit less, and nothing that a claim guards is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowapp.engine.store.control import cancel
from flowapp.engine.store.journal import Journal
from flowapp.models import Execution, Version
from tests.engine.place import Place, World, _actions, place, step
from tests.engine.runtime.test_runner import Killed, die_at

__all__ = ["_actions", "place"]


CARRIED = [True]


@pytest.fixture(autouse=True, params=[True, False], ids=["carried", "read"])
def _carried(request: pytest.FixtureRequest) -> None:
    """Whether the first wake-up brings the execution's row along, or it is read."""
    CARRIED[:] = [request.param]


def first_wake_up(place: Place, execution_id: str, runner: Any = None) -> None:
    if CARRIED[0]:
        place.first_wake_up(execution_id, runner)
    else:
        (runner or place.runner).run(execution_id, place.org, fresh=True)


def begin(place: Place, *steps: dict[str, Any]) -> str:
    return place.begin(place.workflow(list(steps)))


def test_it_runs_to_its_end_in_one_write(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = begin(place, step("a", value=1), step("b", value=2))
    writes = []
    real = Journal.write
    monkeypatch.setattr(Journal, "write", lambda *a: (writes.append(1), real(*a))[1])
    first_wake_up(place, execution_id)
    done = place.get(execution_id)
    assert (done.status, done.output_data, done.fence, done.lease_until) == ("completed", 2, 1, None)
    assert done.started_at == place.time
    assert done.lease_owner == "worker 1"
    assert len(writes) == 1


def test_an_effect_runs_only_after_the_claim_is_committed(place: Place) -> None:
    execution_id = begin(place, step("pure"), step("effect", "once"))
    seen: list[Execution] = []
    World.hooks["effect"] = lambda _ctx: seen.append(place.get(execution_id))
    first_wake_up(place, execution_id)
    (row,) = seen
    assert (row.status, row.fence, row.lease_owner) == ("running", 1, "worker 1")
    assert row.lease_until == place.time + timedelta(seconds=10)
    assert [r.status for r in place.runs(execution_id)] == ["completed", "completed"]


def test_two_first_bells_run_it_once(place: Place) -> None:
    execution_id = begin(place, step("pure"), step("effect", "once"))
    other = place.make_runner("worker 2")

    def ring_again(_ctx: Any) -> None:
        World.hooks.clear()
        first_wake_up(place, execution_id, other)

    World.hooks["pure"] = ring_again
    first_wake_up(place, execution_id)
    assert [call[0] for call in World.calls].count("effect") == 1
    assert place.get(execution_id).lease_owner == "worker 2"
    assert [(r.step_id, r.status) for r in place.runs(execution_id)] == [("pure", "completed"), ("effect", "completed")]


def test_cancelled_before_the_first_write(place: Place) -> None:
    execution_id = begin(place, step("pure"), step("effect", "once"))

    def stop(_ctx: Any) -> None:
        with place.session() as session:
            cancel(session, session.get_one(Execution, execution_id))
            session.commit()

    World.hooks["pure"] = stop
    first_wake_up(place, execution_id)
    assert place.get(execution_id).status == "cancelled"
    assert [call[0] for call in World.calls] == ["pure"]
    assert place.runs(execution_id) == []


def test_a_death_before_the_first_write_leaves_it_pending_and_later_ones_are_counted(place: Place) -> None:
    execution_id = begin(place, step("a"))
    World.hooks["a"] = lambda _ctx: (_ for _ in ()).throw(Killed())
    with pytest.raises(Killed):
        first_wake_up(place, execution_id)
    assert (place.get(execution_id).status, place.get(execution_id).fence) == ("pending", 0)
    for _ in range(3):  # the scheduler's wake-ups are not fresh: they claim first
        die_at(place, "a", execution_id)
        place.later(11)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "failed"
    assert "3 times" in place.get(execution_id).error_message


def test_what_is_not_new_is_claimed_in_the_usual_way(place: Place) -> None:
    execution_id = begin(place, step("w", do="wait", until=60), step("b"))
    first_wake_up(place, execution_id)
    assert (place.get(execution_id).status, place.get(execution_id).fence) == ("waiting", 1)
    place.later(61)
    place.runner.run(execution_id, place.org, fresh=True)
    assert (place.get(execution_id).status, place.get(execution_id).fence) == ("completed", 2)


def test_values_that_json_rows_cannot_carry_are_written_all_the_same(place: Place) -> None:
    value = {"nul": "a\x00b", "backslash": "\\u0000", "big": 2**60, "list": [None, True, 1.5, "é"]}
    steps = [step("a", "once", value="{{ input }}"), step("b", value="{{ steps.a.result.big }}")]
    execution_id = place.begin(place.workflow(steps), value)
    first_wake_up(place, execution_id)
    assert place.get(execution_id).output_data == 2**60
    assert place.runs(execution_id)[0].output == value


@pytest.mark.parametrize("fresh", [True, False])
def test_a_version_that_this_release_cannot_read_ends_it_with_a_reason(place: Place, fresh: bool) -> None:
    execution_id = begin(place, step("a"))
    with place.session() as session:
        session.query(Version).update({"definition": {"name": "W", "steps": [{"step_id": "a", "colour": "red"}]}})
        session.commit()
    place.runner.run(execution_id, place.org, fresh=fresh)
    assert place.get(execution_id).status == "failed"
    assert "colour" in place.get(execution_id).error_message
