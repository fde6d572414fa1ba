"""Hypothesis drives the real journal: workers die at every failpoint, freeze past their lease, bells are lost and doubled,
signals come at any moment, people decide. Whatever happens, the result is that of a run in which nothing did.

FLOWAPP_FAULTS=full (as `make faults` sets it) tries many more.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from flowapp.engine.machine.types import SUSPENDED
from flowapp.engine.runtime.recorder import messages_since
from flowapp.engine.store import timers
from flowapp.engine.store.control import cancel, decide
from flowapp.models import TERMINAL, Execution, utcnow
from tests.engine.mill import LEASE, Book, DyingJournal, Fuse, Killed, Recipe, register
from tests.engine.place import Place, _actions, place

__all__ = ["_actions", "place"]

THOROUGH = os.environ.get("FLOWAPP_FAULTS") == "full"
pytestmark = pytest.mark.timeout(3600 if THOROUGH else 180)
chances = st.integers(0, 2**32 - 1).map(Random)


class Machine(RuleBasedStateMachine):
    """One execution of a random workflow, and all that can befall it."""

    place: ClassVar[Place]
    ends: ClassVar[Counter[str]] = Counter()

    @initialize(chance=chances)
    def begin(self, chance: Random) -> None:
        self.recipe = Recipe(chance).make()
        marks = [s["step_id"] for s in self.recipe.steps if s["action_type"].startswith("mark_")]
        self.options: dict[str, Any] = {}
        if chance.random() < 0.2:
            self.options["run_to"] = chance.choice(self.recipe.top)
        if chance.random() < 0.2:
            self.options["pins"] = {step: f"pinned {step}" for step in chance.sample(marks, 1)}
        self.workflow = self.place.workflow(self.recipe.steps, self.recipe.edges)
        self.expected = self.undisturbed()
        Book.effects.clear()
        self.place.published.clear()
        self.runners = [self.runner("one"), self.runner("two")]
        self.resent: Counter[str] = Counter()
        self.faults = self.decided = 0
        self.treated_as_done: set[str] = set()
        self.last: Any = None
        self.fresh = chance.random() < 0.5
        self.first_bells = chance.choice((0, 1, 2))  # those of the start, which bring its row along; one may come twice
        self.place.time = max(self.place.time, utcnow())  # starts and decisions take the real clock's time
        self.id = self.start()

    def start(self) -> str:
        return self.place.begin(self.workflow, {"x": "x"}, more={"options": self.options})

    def runner(self, owner: str) -> Any:
        made = self.place.make_runner(owner)
        made.journal = lambda org: DyingJournal(self.place.engine, org, owner, timedelta(seconds=LEASE))
        return made

    def undisturbed(self) -> tuple[Any, ...]:
        """Status, output, effects and results of a run in which nothing happens."""
        Book.effects.clear()
        execution_id = self.start()
        for _ in range(200):
            execution = self.place.wake(execution_id)
            if execution.status in TERMINAL:
                return execution.status, execution.output_data, self.effects(), self.results(execution_id)
            self.give_words(execution)
            self.place.later(31)
        raise AssertionError("it does not end, though nothing happens")

    def effects(self) -> Counter[tuple[str, str]]:
        """(step, value) of the effects, each key once."""
        return Counter((step, value) for _key, step, value in set(Book.effects))

    def results(self, execution_id: str) -> Counter[tuple[str, str]]:
        runs = self.place.runs(execution_id)
        return Counter((r.step_id, str(r.output)) for r in runs if r.status == "completed")

    def give_words(self, execution: Execution) -> None:
        for token in execution.state["tokens"].values():
            if token["status"] == SUSPENDED:
                self.place.signal(execution.id, "word", step=token["step"])

    @property
    def execution(self) -> Execution:
        return self.place.get(self.id)

    # --- what can happen

    def wake(self, runner: Any, fuse: Fuse, *, together: bool = False) -> None:
        """A wake-up; the first ones may be told apart (`fresh`), and those of many `together`, which then must not matter."""
        outer, Book.fuse = Book.fuse, fuse
        try:
            if together:
                runner.run_together([self.id], self.place.org)
            elif self.first_bells:
                self.first_bells -= 1
                self.place.first_wake_up(self.id, runner)
            else:
                runner.run(self.id, self.place.org, fresh=self.fresh)
        except Killed:
            self.faults += 1
        finally:
            Book.fuse = outer

    def bearable(self) -> bool:
        """Whether one more death does not make it the third in a row: then it would be set aside."""
        execution = self.execution
        return execution.crashes + (execution.status == "running") < 2

    @rule(chance=chances)
    def a_wake_up(self, chance: Random) -> None:
        """A worker goes as far as it can; often it dies on the way."""
        for _ in range(chance.randint(1, 4)):
            self.place.later(chance.choice((0, 1, LEASE + 1, LEASE + 1, 31)))
            lengths = (None, chance.randint(0, 2), chance.randint(0, 6), chance.randint(0, 12))
            self.wake(chance.choice(self.runners), Fuse(chance.choice(lengths) if self.bearable() else None))

    @rule(chance=chances)
    def two_wake_ups_and_a_frozen_worker(self, chance: Random) -> None:
        """The first worker freezes past its lease, the second takes over; the first wakes up, and changes nothing."""
        if not self.bearable():
            return
        before: list[Any] = []
        self.place.later(chance.choice((0, LEASE + 1, 31)))

        def freeze() -> None:
            self.faults += 1
            fence = self.execution.fence
            self.place.later(LEASE + 1)
            length = chance.choice((None, None, chance.randint(0, 8))) if self.bearable() else None
            self.wake(self.runners[1], Fuse(length))
            if self.execution.fence != fence:  # else the second died before it took over
                before.append(self.written())

        self.wake(self.runners[0], Fuse(chance.choice((0, 1, 2, 3, 5, 8)), freeze))
        if before:
            assert self.written() == before[0], "a worker that lost its lease has written"

    def written(self) -> Any:
        """All that the database holds of the execution."""
        execution = self.execution
        row = {column.key: getattr(execution, column.key) for column in Execution.__table__.columns}
        runs = [(r.seq, r.ended_seq, r.status, r.output) for r in self.place.runs(self.id)]
        lines = [(line.seq, line.message) for line in self.place.lines(self.id)]
        return row, runs, lines, len(self.place.timers(self.id)), self.place.signals(self.id)

    @rule(seconds=st.sampled_from([1, LEASE + 1, 31]))
    def time_passes(self, seconds: int) -> None:
        """Messages sent meanwhile are lost."""
        self.place.later(seconds)

    @rule()
    def the_scheduler_looks(self) -> None:
        self.sweep()

    def sweep(self) -> None:
        with Session(self.place.engine, info={"system": True}) as session:
            now = self.place.now()
            due = timers.due_timers(session, now)
            wake_ups = [*due.alone, *timers.lost(session, now, queued_since=None), *timers.unheard(session, now)]
            session.commit()
        if (self.id, self.place.org) in due.together:
            self.wake(self.runners[0], Fuse(None), together=True)
        for execution_id, _org in wake_ups:
            if execution_id == self.id:
                self.wake(self.runners[0], Fuse(None))

    @rule(chance=chances)
    def its_time_has_come(self, chance: Random) -> None:
        """It is woken along with others, for the first time; often the worker dies on the way."""
        length = chance.choice((None, 0, 1, 2, 3, 5)) if self.bearable() else None
        self.wake(self.runners[0], Fuse(length), together=True)

    @precondition(lambda self: self.recipe.parks)
    @rule(chance=chances)
    def a_word(self, chance: Random) -> None:
        """For a step that waits for it, or will, or did; now, or while the worker is at work."""
        step = chance.choice(self.recipe.parks)
        if chance.random() < 0.5:
            self.place.signal(self.id, "word", step=step)
            return
        fuse = Fuse(chance.randint(0, 8), lambda: self.place.signal(self.id, "word", step=step))
        self.wake(self.runners[0], fuse)

    @precondition(lambda self: self.recipe.onces)
    @rule(how=st.sampled_from(["resend", "done"]))
    def a_person_decides(self, how: str) -> None:
        self.decide(how)

    def decide(self, how: Any) -> None:
        execution = self.execution
        if execution.status != "waiting":
            return
        for run in self.place.runs(self.id):
            token = execution.state["tokens"].get(run.token, {})
            if run.status != "uncertain" or token.get("status") != "uncertain":
                continue
            with self.place.session() as session:
                result = self.value_of(run.idempotency_key, run.step_id)
                if result and run.step_id in self.recipe.parks:
                    result += "+word"
                decide(session, session.merge(execution), run.seq, how, result=result)
                session.commit()
            self.decided += 1
            if how == "resend":
                self.resent[run.idempotency_key] += 1
            else:
                self.treated_as_done.add(run.idempotency_key)
            return

    def value_of(self, key: str, step: str) -> str | None:
        """What a person sees that the step gave; None where it did not take effect."""
        return next((value for k, s, value in Book.effects if (k, s) == (key, step)), None)

    @rule(chance=chances)
    def cancelled(self, chance: Random) -> None:
        execution = self.execution
        if chance.random() < 0.03 and execution.status not in TERMINAL:
            with self.place.session() as session:
                cancel(session, session.merge(execution))
                session.commit()

    # --- what always holds

    @invariant()
    def the_record_is_in_order(self) -> None:
        execution = self.execution
        seqs = [line.seq for line in self.place.lines(self.id)]
        for run in self.place.runs(self.id):
            seqs += [run.seq, *([run.ended_seq] if run.ended_seq else [])]
            assert run.step_id not in self.options.get("pins", {}) or run.source == "pinned"
        assert len(seqs) == len(set(seqs)), "a number was given twice"
        assert max(seqs, default=0) <= execution.seq
        if self.last is not None and self.last.status in TERMINAL:
            assert (execution.status, execution.seq) == (self.last.status, self.last.seq), "terminal is final"
        self.last = execution

    @invariant()
    def effects_happen_once(self) -> None:
        done = Counter(Book.effects)
        assert len(done) == len({key for key, _step, _value in done}), "one key, two effects"
        for (key, step, _value), times in done.items():
            assert step not in self.options.get("pins", {})
            if step in self.recipe.onces:
                assert times <= 1 + self.resent[key], "there is no silent second send"

    def teardown(self) -> None:
        if not hasattr(self, "id"):
            return
        self.bring_to_an_end()
        execution = self.execution
        self.ends[execution.status] += 1
        self.the_record_is_in_order()
        self.effects_happen_once()
        self.compare_messages(execution)
        if execution.status == "cancelled" or self.blind():
            return
        status, output, effects, results = self.expected
        assert execution.status == status
        assert execution.output_data == output
        assert self.effects() == effects
        assert self.results(self.id) == results

    def blind(self) -> list[str]:
        """Keys that were treated as done though they did not take effect: the result is the person's then."""
        return [key for key in self.treated_as_done if key not in {k for k, _step, _value in Book.effects}]

    def bring_to_an_end(self) -> None:
        """Time passes, the scheduler looks, words come, people decide: then every execution ends."""
        for _ in range(200):
            if self.execution.status in TERMINAL:
                return
            self.place.later(31)
            self.sweep()
            execution = self.execution
            if execution.status == "waiting":
                self.give_words(execution)
                self.decide("resend")
        raise AssertionError(f"it does not end: {self.execution.status}, {self.execution.state}")

    def compare_messages(self, execution: Execution) -> None:
        with self.place.session() as session:
            told = messages_since(session, execution)
        if not self.decided and execution.status != "cancelled":
            assert [m["seq"] for m in told] == list(range(1, execution.seq + 1)), "a message is missing"
        if not self.faults and not self.decided and execution.status != "cancelled":
            published = [m for m in self.place.published if m["type"] != "responded"]
            assert sorted(published, key=lambda m: m["seq"]) == told


@pytest.fixture(autouse=True)
def _mill(_actions: None) -> Iterator[None]:
    register()
    Book.effects.clear()
    yield
    Book.fuse = Fuse(None)


def drive(place: Place, examples: int) -> None:
    machine = type("Driven", (Machine,), {"place": place})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # to shrink takes minutes here; the steps that failed are printed as they are
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_the_result_is_that_of_an_undisturbed_run(place: Place) -> None:
    """On SQLite at length, on PostgreSQL shorter."""
    on_postgres = place.engine.dialect.name == "postgresql"
    drive(place, (400 if THOROUGH else 20) // (4 if on_postgres else 1))
