"""A database that is away while an outcome is written: it is written again, and nothing becomes uncertain by that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from flowapp.engine.store.journal import Journal
from tests.engine.place import Place, World, _actions, place, step
from tests.support.cost import promptly

__all__ = ["_actions", "place"]

STEPS = (step("a", value=1), step("mail", "once", value=2), step("call", "idempotent", value=3), step("z", value=4))


def away() -> OperationalError:
    return OperationalError("UPDATE", {}, sqlite3.OperationalError("gone"), connection_invalidated=True)


class Faults:
    """Has chosen writes of the journal fail `times` over; `after`: they are made, but their answer is lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes, self.left = 0, 0
        self.at, self.after, self.error = 0, False, away
        self.on_fault: Callable[[], None] = lambda: None
        real = Journal.write

        def write(journal: Journal, *args: Any) -> None:
            self.writes += 1
            broken = self.left and self.writes >= self.at
            if broken:
                self.left -= 1
            if not broken or self.after:
                real(journal, *args)
            if broken:
                self.on_fault()
                raise self.error()

        monkeypatch.setattr(Journal, "write", write)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr("flowapp.engine.store.leases.FIRST_PAUSE", 0.001)
    return Faults(monkeypatch)


def facts(place: Place, execution_id: str) -> Any:
    row = place.get(execution_id)
    runs = [(run.seq, run.ended_seq, run.step_id, run.status, run.attempt) for run in place.runs(execution_id)]
    lines = [(line.seq, line.message) for line in place.lines(execution_id)]
    return row.status, row.output_data, row.seq, runs, lines, [message["type"] for message in place.published]


@pytest.mark.parametrize("fresh", [True, False], ids=["first wake-up", "later wake-up"])
@pytest.mark.parametrize("after", [True, False], ids=["answer lost", "not written"])
def test_whichever_write_fails_the_result_is_that_of_an_undisturbed_run(
    place: Place, faults: Faults, after: bool, fresh: bool
) -> None:
    workflow = place.workflow(list(STEPS))

    def run() -> Any:
        execution_id = place.begin(workflow)
        place.published.clear()
        World.calls.clear()
        place.first_wake_up(execution_id) if fresh else place.runner.run(execution_id, place.org)
        return facts(place, execution_id), [call[0] for call in World.calls]

    undisturbed = run()
    writes, faults.after = faults.writes, after
    assert writes >= 4
    for at in range(1, writes + 1):
        faults.writes, faults.at, faults.left = 0, at, 1 if after else 3
        assert run() == undisturbed, f"write {at} of {writes}"
        assert not faults.left


@pytest.mark.parametrize("error", [away, lambda: PoolTimeoutError("no connection is free")], ids=["cut", "pool"])
def test_it_rests_and_waits_as_if_nothing_had_happened(place: Place, faults: Faults, error: Any) -> None:
    faults.at, faults.left, faults.error = 1, 2, error
    execution_id = place.begin(place.workflow([step("w", do="wait", until=60), step("z", value=1)]))
    place.first_wake_up(execution_id)
    assert place.get(execution_id).status == "waiting"
    assert place.wake(execution_id, later=61).status == "completed"


def test_once_another_worker_has_taken_over_nothing_is_written(place: Place, faults: Faults) -> None:
    execution_id = place.begin(place.workflow([step("mail", "once"), step("z")]))

    def take_over() -> None:
        faults.on_fault = lambda: None
        place.later(11)  # the lease has run out
        place.make_runner("worker 2").run(execution_id, place.org)

    faults.at, faults.left, faults.on_fault = 2, 1, take_over
    place.runner.run(execution_id, place.org)
    (mail,) = place.runs(execution_id)
    assert mail.status == "uncertain"
    assert "could not reach the database for longer than its lease" in mail.error_message
    assert place.get(execution_id).lease_owner == "worker 2"


def test_a_process_that_ends_does_not_wait_for_long(
    place: Place, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowapp.engine.store.leases.LAST_SECONDS", 0.2)
    faults.at, faults.left = 2, 10**9
    faults.on_fault = lambda: setattr(place, "stop", True)
    with promptly(), pytest.raises(OperationalError):
        place.run([step("mail", "once")])


def test_an_error_that_is_not_the_databases_absence_is_raised_at_once(place: Place, faults: Faults) -> None:
    faults.at, faults.left = 1, 10**9
    faults.error = lambda: ProgrammingError("UPDATE", {}, sqlite3.ProgrammingError("wrong"))
    with pytest.raises(ProgrammingError):
        place.run([step("a")])
    assert faults.writes == 1
