"""Executions whose time has come are read and written together; what happens to one of them is no other's concern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from flowapp.engine.runtime import runner
from flowapp.engine.store import timers
from flowapp.engine.store.control import cancel
from flowapp.engine.store.group_commit import GroupJournal
from flowapp.models.tenancy import system_session
from tests.engine.mill import Killed
from tests.engine.place import Place, World, _actions, place, step
from tests.support.statements import noted

__all__ = ["_actions", "place"]


@pytest.fixture(autouse=True)
def _takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TOGETHER", 60)  # a busy machine is slow


def waiting(place: Place, *steps: dict[str, Any], count: int = 4) -> list[str]:
    """Executions that wait for a minute, which is over, and then do these steps."""
    workflow = place.workflow([step("w", do="wait", until=60), *steps])
    ids = [place.begin(workflow, {"n": n}) for n in range(count)]
    for execution_id in ids:
        place.runner.run(execution_id, place.org)
    place.later(61)
    return ids


def statuses(place: Place, ids: Sequence[str]) -> list[str]:
    return [place.get(execution_id).status for execution_id in ids]


def due(place: Place) -> timers.Due:
    with system_session(place.engine) as session:
        found = timers.due_timers(session, place.now())
        session.commit()
    return found


def test_they_are_read_by_two_statements_and_none_is_claimed_before(place: Place) -> None:
    ids = waiting(place, step("a", value="{{ input.n }}"))
    place.published.clear()
    with noted(place.engine) as asked:
        place.runner.run_together(ids, place.org)
    assert len([text for text in asked if text.startswith("SELECT") and "set_config" not in text.split("FROM")[0]]) == 2
    assert len([text for text in asked if "UPDATE executions" in text]) == len(ids)
    done = [place.get(execution_id) for execution_id in ids]
    assert {(one.status, one.fence, one.lease_until, one.crashes) for one in done} == {("completed", 2, None, 0)}
    assert [place.timers(execution_id) for execution_id in ids] == [[]] * len(ids)
    ends = [news["execution_id"] for news in place.published if news["type"] == "execution_completed"]
    assert ends == ids


def test_one_that_was_cancelled_meanwhile_stays_so(place: Place) -> None:
    ids = waiting(place, step("a"))

    def cancel_the_first(_ctx: Any) -> None:
        if place.get(ids[0]).status == "waiting":
            with place.session() as session:
                cancel(session, session.merge(place.get(ids[0])))
                session.commit()

    World.hooks["a"] = cancel_the_first
    place.runner.run_together(ids, place.org)
    assert statuses(place, ids) == ["cancelled", "completed", "completed", "completed"]


def test_one_with_an_effect_holds_up_no_other(place: Place) -> None:
    """What was done before is committed, and other threads have the rest, before the effect begins."""
    first, *rest = waiting(place, step("a"), count=2) + waiting(place, step("b", "once"), count=3)
    handed_over: list[tuple[str, str]] = []
    seen: list[Any] = []
    place.runner.hand_over = handed_over.extend
    World.hooks["b"] = lambda _ctx: seen.append((statuses(place, [first, rest[0]]), list(handed_over)))
    place.runner.run_together([first, *rest], place.org)
    assert seen == [(["completed", "completed"], [(one, place.org) for one in rest[2:]])]
    assert statuses(place, rest) == ["completed", "completed", "waiting", "waiting"]


def test_a_worker_that_dies_loses_none_and_the_next_ones_take_them_one_by_one(place: Place) -> None:
    ids = waiting(place, step("a"))

    def die(_ctx: Any) -> None:
        if len(World.calls) % 4 == 3:
            raise Killed

    World.hooks["a"] = die
    first = due(place)
    assert ([one for one, _org in first.together], first.alone) == (ids, [])
    with pytest.raises(Killed):
        place.runner.run_together(ids, place.org)
    assert statuses(place, ids) == ["waiting"] * 4
    World.hooks.clear()
    place.later(6)
    again = due(place)
    assert ([one for one, _org in again.alone], again.together) == (ids, [])
    for execution_id in ids:
        place.runner.run(execution_id, place.org)
    assert statuses(place, ids) == ["completed"] * 4
    assert {place.get(execution_id).crashes for execution_id in ids} == {0}


def test_one_that_has_gone_on_is_left_alone(place: Place) -> None:
    ids = waiting(place, step("a"))
    place.runner.run(ids[1], place.org)
    before = place.get(ids[1]).fence
    place.runner.run_together(ids, place.org)
    assert statuses(place, ids) == ["completed"] * 4
    assert place.get(ids[1]).fence == before


@pytest.mark.parametrize("was_written", [False, True])
def test_where_the_common_write_fails_each_is_written_by_itself(
    place: Place, monkeypatch: pytest.MonkeyPatch, was_written: bool
) -> None:
    """Also where it was made and only its answer was lost: then nothing is written twice, and who watches is told."""
    together = GroupJournal._together

    def fail(self: GroupJournal, gathered: Any) -> Any:
        if was_written:
            together(self, gathered)
        raise OperationalError("", None, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(GroupJournal, "_together", fail)
    ids = waiting(place, step("a"))
    place.published.clear()
    place.runner.run_together(ids, place.org)
    assert statuses(place, ids) == ["completed"] * 4
    assert {len(place.runs(execution_id)) for execution_id in ids} == {2}
    assert [n["execution_id"] for n in place.published if n["type"] == "execution_completed"] == ids


def test_a_process_that_ends_begins_none_and_hands_them_over(place: Place) -> None:
    ids = waiting(place, step("a"))
    handed_over: list[tuple[str, str]] = []
    place.runner.hand_over = handed_over.extend
    place.stop = True
    place.runner.run_together(ids, place.org)
    assert handed_over == [(one, place.org) for one in ids]
    assert statuses(place, ids) == ["waiting"] * 4


def test_what_takes_too_long_leaves_the_rest_to_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [0.0]
    monkeypatch.setattr(runner, "monotonic", lambda: times[0])
    ids = waiting(place, step("a"))
    handed_over: list[tuple[str, str]] = []
    place.runner.hand_over = handed_over.extend
    World.hooks["a"] = lambda _ctx: times.insert(0, times[0] + 2 * runner.TOGETHER)
    place.runner.run_together(ids, place.org)
    assert statuses(place, ids) == ["completed", "waiting", "waiting", "waiting"]
    assert handed_over == [(one, place.org) for one in ids[1:]]
