"""Hypothesis drives the pure state machine against a naive model (tests/engine/naive.py), whatever the graph and the order.

FLOWAPP_FAULTS=full (as `make faults` sets it) tries many more.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowapp.engine.machine import decisions
from flowapp.engine.machine import state as machine
from flowapp.engine.machine.types import SUSPENDED
from tests.engine.naive import Naive, Spot

STEPS = "abcdefg"
BRANCHES = ("next", "yes", "error", "timeout", "each", "done")
MOVERS = ("ready", "running", "waiting", "retry", SUSPENDED, "uncertain")
THOROUGH = os.environ.get("FLOWAPP_FAULTS") == "full"

pytestmark = pytest.mark.timeout(3600 if THOROUGH else 180)
chances = st.integers(0, 2**32 - 1).map(Random)  # one draw for each event: the rest follows from it


class Flow:
    """A random graph; each step is of a kind: plain, loop or merge."""

    max_visits = 150

    def __init__(self, chance: Random) -> None:
        self.kinds = {s: chance.choice(("plain", "plain", "loop", "merge")) for s in STEPS}
        self.edges = {s: {b: self._targets(chance, b) for b in BRANCHES} for s in STEPS}
        self.policies = {s: self._policy(chance) for s in STEPS}
        self.start = chance.sample(STEPS, chance.choice((1, 1, 2)))

    def _targets(self, chance: Random, branch: str) -> list[str]:
        most = {"next": (0, 1, 1, 1, 2, 3), "each": (1, 1, 2, 2), "done": (0, 1, 1, 2)}.get(branch, (0, 0, 1, 2))
        return chance.sample(STEPS, chance.choice(most))

    def _policy(self, chance: Random) -> dict[str, Any]:
        return {
            "on_error": chance.choice(("stop", "continue", "retry", "goto")),
            "on_exhausted": chance.choice(("stop", "continue", "goto")),
            "goto_step": chance.choice(STEPS),
            "retry_count": chance.randint(0, 2),
            "retry_delay": 10,
        }

    def next(self, step_id: str, branch: str) -> list[str]:
        return list(self.edges[step_id][branch])

    def policy(self, step_id: str) -> dict[str, Any]:
        return dict(self.policies[step_id])

    def after(self, step_id: str) -> set[str]:
        policy = self.policies[step_id]
        goto = {policy["goto_step"]} if "goto" in (policy["on_error"], policy["on_exhausted"]) else set()
        return goto.union(*self.edges[step_id].values())

    def guarded(self, _step_id: str, _branch: str) -> frozenset[str]:
        return frozenset()

    def leads(self, step_id: str, target: str, around: frozenset[str]) -> bool:
        found: set[str] = set()
        new = {step_id}
        while new:
            new = {t for s in new for t in self.after(s) if t not in around} - found
            found |= new
        return target in found


def some(*statuses: str) -> Any:
    """A rule's precondition: it has not ended, and a token has one of these statuses."""
    return precondition(lambda self: not self.ends and self.those(*statuses))


class Machine(RuleBasedStateMachine):
    """Both get the same events; after each one they must agree."""

    ended: ClassVar[Counter[str]] = Counter()

    @initialize(chance=chances)
    def begin(self, chance: Random) -> None:
        self.flow = Flow(chance)
        self.fresh()

    def fresh(self) -> None:
        self.state = machine.new_state()
        self.ends = 0
        self.pairs: set[tuple[str, int]] = set()
        self.gone: set[tuple[str, int]] = set()
        self.model = Naive(self.flow)
        self.advance({"type": "started"})

    def advance(self, outcome: dict[str, Any]) -> None:
        before = json.dumps(self.state)
        after, commands = machine.advance(self.flow, self.state, outcome)
        assert json.dumps(self.state) == before, "advance must not change the state that it is given"
        self.state = json.loads(json.dumps(after))
        assert self.state == after, "the state must survive JSON"
        self.ends += sum(command["do"] == "end" for command in commands)
        assert self.ends == bool(self.model.ended), commands
        for command in commands:
            if command["do"] == "end":
                assert command["status"] == self.model.ended
                self.ended[command["status"]] += 1
        told = [told_of(command) for command in commands if command["do"] != "end"]
        if outcome["type"] != "started":
            assert sorted(told, key=str) == sorted(self.model.happened, key=str)

    def those(self, *statuses: str) -> list[str]:
        return [n for n, t in self.state["tokens"].items() if t["status"] in statuses]

    def spot(self, number: str) -> Spot:
        """The model's spot of a token: of several alike, the one whose turn by age is the token's."""
        sought = mark(self.state["tokens"][number])
        alike = [n for n, t in self.state["tokens"].items() if mark(t) == sought]
        return sorted((s for s in self.model.spots() if s.mark == sought), key=lambda s: s.age)[alike.index(number)]

    def happens(self, number: str, event: str, more: dict[str, Any] | None = None, **facts: Any) -> None:
        self.model.do(event, self.spot(number), **facts)
        self.advance({"type": event, "token": number, **facts, **(more or {})})

    # --- what can happen

    @some("ready", "running", SUSPENDED)
    @rule(chance=chances)
    def goes_on(self, chance: Random) -> None:
        """Steps are through; a loop begins; a token is at a merge."""
        for _ in range(chance.randint(1, 8)):
            numbers = self.those("ready", "running", SUSPENDED)
            if self.ends or not numbers:
                return
            self.passes(chance.choice(numbers), chance)

    def passes(self, number: str, chance: Random) -> None:
        kind = self.flow.kinds[self.state["tokens"][number]["step"]]
        if kind == "loop":
            facts = {"total": chance.randint(0, 5), "at_once": chance.choice((1, 1, 2, 9))}
            label, keep = str(self.state["next"]), chance.random() < 0.6
            self.model.do("looping", self.spot(number), label=label, keep=keep, **facts)
            self.advance({"type": "looping", "token": number, "keep_going": keep, **facts})
        elif kind == "merge":
            mode, until = chance.choice(("first", "all", "all")), chance.choice((None, 5.0, 7.0))
            self.happens(number, "joined", mode=mode, until=until)
        else:
            self.happens(number, "done", branch=chance.choice(("next", "next", "next", "yes")))

    @some("ready", "running", SUSPENDED)
    @rule(chance=chances)
    def fails(self, chance: Random) -> None:
        number = chance.choice(self.those("ready", "running", SUSPENDED))
        stops = machine.stops(self.flow, self.state["tokens"][number]["step"])
        if not stops or chance.random() < 0.2 or self.state["tokens"][number].get("frame"):
            permanent = chance.random() < 0.3
            self.happens(number, "failed", {"jitter": 0.0, "error": "no"}, permanent=permanent, now=100.0)

    @some("ready", "running", SUSPENDED)
    @rule(chance=chances)
    def waits(self, chance: Random) -> None:
        number = chance.choice(self.those("ready", "running", SUSPENDED))
        branch, until = chance.choice(("next", "timeout")), chance.choice((5.0, 6.0))
        if chance.random() < 0.5:
            self.happens(number, "waiting", branch=branch, until=until)
        else:
            until = chance.choice((None, until))
            self.happens(number, "suspended", {"accepts": ["event"]}, branch=branch, until=until)

    @some(*machine.TIMED)
    @rule(chance=chances)
    def wakes(self, chance: Random) -> None:
        """Whose time can come is woken; the others are not listed as due."""
        due = machine.due(self.state, float("inf"))
        assert due == [n for n in self.those(*machine.TIMED) if self.state["tokens"][n].get("until")]
        if due:
            self.happens(chance.choice(due), "woken")

    @some("ready", "running", "uncertain", "looping")
    @rule(chance=chances)
    def wakes_too_late(self, chance: Random) -> None:
        """A token that has gone on since it was seen to be due is left alone."""
        self.model.happened = []
        self.advance({"type": "woken", "token": chance.choice([*self.those("ready", "running", "uncertain"), "0"])})

    @some("ready")
    @rule(chance=chances)
    def begins(self, chance: Random) -> None:
        """An effect's intent; its worker may die, then it runs again or nobody knows."""
        number = chance.choice(self.those("ready"))
        self.happens(number, "intent")
        then = chance.choice(("running", "ready", "uncertain"))
        if then == "uncertain":
            self.happens(number, "uncertain")
        elif then == "ready":
            self.happens(number, "interrupted")

    @some("uncertain")
    @rule(chance=chances)
    def decided(self, chance: Random) -> None:
        """A person says resend, or done."""
        number, before = chance.choice(self.those("uncertain")), json.dumps(self.state)
        if chance.random() < 0.5:
            self.model.do("interrupted", self.spot(number))
            self.state = self.settled(number, "resend")
        else:
            self.model.do("waiting", self.spot(number), branch="next", until=0)
            state = self.settled(number, "done")
            assert json.dumps(self.state) == before, "a decision must not change the state that it is given"
            self.state = state
            self.happens(number, "woken")

    def settled(self, number: str, decision: Any) -> machine.State:
        state = decisions.settled(self.state, number, decision)
        assert state is not None
        assert decisions.settled(state, number, decision) is None, "it is decided once"
        return state

    @some("ready", "running")
    @rule(chance=chances)
    def turns(self, chance: Random) -> None:
        """A goal, a jump to one, a step that ends it all, a cancel: the state is dropped."""
        what, number = chance.random(), chance.choice(self.those("ready", "running"))
        if what < 0.3:
            self.happens(number, "goal")
        elif what < 0.5:
            step = chance.choice(STEPS)
            self.model.do("jump", None, step=step)
            self.advance({"type": "jump", "step": step})
        elif what < 0.6:
            self.happens(number, "stopped", status=chance.choice(("completed", "failed", "cancelled")))
        elif what < 0.65:
            self.fresh()

    @precondition(lambda self: self.ends)
    @rule()
    def another_begins(self) -> None:
        self.fresh()

    # --- what always holds

    @invariant()
    def agrees(self) -> None:
        if self.ends and self.model.ended != "failed":
            assert self.state["tokens"] == {}
        elif not self.ends:
            assert Counter(map(mark, self.state["tokens"].values())) == Counter(s.mark for s in self.model.spots())
        assert (self.state["ok"], self.state["failed"]) == (self.model.ok, self.model.failed)
        assert self.state["visits"] == dict(self.model.visits)
        assert self.state["total"] == sum(self.state["visits"].values())

    @invariant()
    def something_can_move_it(self) -> None:
        statuses = {t["status"] for t in self.state["tokens"].values()}
        assert self.ends or statuses & set(MOVERS), "stuck: everybody waits for somebody else"

    @invariant()
    def iterations_are_unique(self) -> None:
        now = [(t["step"], t["iteration"]) for t in self.state["tokens"].values()]
        assert len(now) == len(set(now))
        assert not self.gone & set(now), "an iteration came back"
        self.gone |= self.pairs - set(now)
        self.pairs = set(now)

    @invariant()
    def loops_add_up(self) -> None:
        if self.ends:
            return
        running: dict[str, set[str]] = {label: set() for label in self.state.get("loops", {})}
        for token in self.state["tokens"].values():
            for part in filter(None, token.get("frame", "").split("/")):
                loop, _, index = part.partition(":")
                assert loop in running, "a token refers to a loop that is gone"
                running[loop].add(index)
        for label, items in running.items():
            loop = self.state["loops"][label]
            assert loop["next"] == loop["ok"] + loop["failed"] + len(items)
            assert 0 < len(items) <= loop["at_once"]
            assert loop["next"] <= loop["total"]
            assert len(loop["errors"]) == loop["failed"]
            token = self.state["tokens"][loop["token"]]
            assert (token["status"], token["loop"]) == ("looping", label)


def mark(token: dict[str, Any]) -> tuple[Any, ...]:
    """What tells a token from others, as in the model."""
    parts = [part.partition(":") for part in filter(None, token.get("frame", "").split("/"))]
    path = tuple((loop, int(index)) for loop, _, index in parts)
    until = token.get("until") if token["status"] in machine.TIMED else None
    branch = token["branch"] if token["status"] in ("waiting", SUSPENDED) else ""
    late = frozenset(token.get("late", ()))
    return (path, token["step"], token["status"], token["attempt"], until, branch, token.get("from", ""), late)


def told_of(command: dict[str, Any]) -> tuple[Any, ...]:
    """A command as the model tells it."""
    match command["do"]:
        case "item":
            return ("item", command["loop"], command["index"], "error" in command)
        case "looped":
            return ("looped", command["loop"], command["held"]["ok"], command["held"]["failed"])
        case "merged":
            return ("merged", command["tokens"][0]["step"], len(command["tokens"]), command["branch"])
        case "late":
            return ("late", command["token"]["step"])
    return (command["do"], len(command["tokens"]))


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=5000 if THOROUGH else 120,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
