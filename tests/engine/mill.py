"""A mill for executions: random workflows whose result does not depend on when things happen, and workers that die.

Every step's value is made of what the steps before it gave, so one wrong result anywhere shows at the end. Effects are
written into a book outside the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

from flowapp.catalog import Done, Fail, Outcome, Params, StepContext, Suspend, Wait
from flowapp.catalog.registry import action
from flowapp.engine.store.journal import Batch, Claim, Journal

Json = dict[str, Any]
LEASE = 10


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs, nothing of the worker is written."""


class Fuse:
    """Burns at every point that a worker passes; at the last one something happens to it."""

    def __init__(self, length: int | None, then: Callable[[], None] | None = None) -> None:
        self.left, self.then = length, then

    def point(self, name: str) -> None:
        """The worker is at this point."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            Book.points[name] += 1
            if self.then is None:
                raise Killed
            self.then()


class Book:
    """What happened in the world: (key, step, value) of every effect; and what the workers do just now."""

    effects: ClassVar[list[tuple[str, str, str]]] = []
    points: ClassVar[Counter[str]] = Counter()
    fuse: ClassVar[Fuse] = Fuse(None)


class DyingJournal(Journal):
    """A journal around whose commits workers die."""

    def write(self, claim: Claim, batch: Batch) -> None:
        if any(row["status"] == "running" for row in batch.started):
            name = "intent"
        else:
            name = "outcome" if batch.columns.get("status") is None else "end or rest"
        Book.fuse.point(f"before {name}")
        super().write(claim, batch)
        Book.fuse.point(f"after {name}")

    def signals(self, execution_id: str) -> list[Json]:
        Book.fuse.point("at a look for signals")
        return super().signals(execution_id)


class MarkParams(Params):
    """`fails`: so many first attempts fail; `bad`: a value that holds this text fails for good."""

    value: Any = None
    do: str = "done"
    fails: int = 0


def mark(ctx: StepContext, params: MarkParams) -> Outcome:
    """Gives its value, now or later; as an effect it stands in the book. What parks has its effect before it does."""
    if ctx.signal is not None:
        return Done(f"{params.value}+{ctx.signal.payload}")
    if ctx.attempt <= params.fails:
        return Fail("Not at the first attempt.")
    if "bad" in str(params.value) and params.do == "check":
        return Fail("It is bad.", permanent=True)
    if params.do == "wait":
        return Wait(ctx.now() + timedelta(seconds=30), params.value)
    Book.fuse.point("before an effect")
    Book.effects.append((ctx.idempotency_key, ctx.step_id, str(params.value)))
    Book.fuse.point("after an effect")
    return Suspend("a word", ("resume",)) if params.do == "park" else Done(params.value)


def register() -> None:
    """The mill's own actions; the caller takes them away again."""
    for effect in ("pure", "idempotent", "once"):
        named = {"label": effect, "description": "", "group": "", "icon": "", "params": MarkParams}
        action(f"mark_{effect}", effect=effect, **named)(mark)  # type: ignore[arg-type]


@dataclass
class Recipe:
    """Makes a workflow; `parks`, `onces` and `top` are ids of its steps."""

    chance: Random
    steps: list[Json] = field(default_factory=list)
    edges: list[Json] = field(default_factory=list)
    parks: list[str] = field(default_factory=list)
    onces: list[str] = field(default_factory=list)
    top: list[str] = field(default_factory=list)

    def make(self) -> Recipe:
        """Blocks one after the other, and a step that sees the result of the last one."""
        last, sees = self.mark("pure", "{{ input.x }}"), ""
        self.top.append(last[0])
        sees = f"{{{{ steps.{last[0]}.result }}}}"
        for _ in range(self.chance.randint(2, 6)):
            last, sees = self.block(last, sees, depth=0)
        end = self.mark("idempotent", f"{sees}!")
        self.join(last, end[0])
        return self

    def join(self, last: tuple[str, str], target: str, branch: str = "") -> None:
        self.edges.append({"source": last[0], "target": target, "branch": branch or last[1]})

    def step(self, action_type: str, params: Json, **more: Any) -> str:
        step_id = f"s{len(self.steps)}"
        self.steps.append({"step_id": step_id, "name": step_id, "action_type": action_type, "params": params, **more})
        return step_id

    def mark(self, effect: str, value: str, **params: Any) -> tuple[str, str]:
        retry = {"on_error": "retry", "retry_count": 2, "retry_delay": 5} if params.get("fails") else {}
        step_id = self.step(f"mark_{effect}", {"value": value, **params}, **retry)
        if effect == "once":
            self.onces.append(step_id)
        if params.get("do") == "park":
            self.parks.append(step_id)
        return step_id, "next"

    def block(self, last: tuple[str, str], sees: str, depth: int) -> tuple[tuple[str, str], str]:
        """Adds a block after `last`; returns its last step with the branch it goes on by, and how to see its result."""
        kinds = [self.plain, self.plain, self.circle, *([self.loop, self.parallel] if depth < 2 else [])]
        return self.chance.choice(kinds)(last, sees, depth)

    def plain(self, last: tuple[str, str], sees: str, depth: int) -> tuple[tuple[str, str], str]:
        effect = self.chance.choice(("pure", "idempotent", "once"))
        params: Json = self.chance.choice(({}, {}, {"do": "wait"}, {"do": "park"}, {"fails": 1}))
        one = self.mark(effect, f"{sees}.{len(self.steps)}", **params)
        self.join(last, one[0])
        if not depth:
            self.top.append(one[0])
        return one, f"{{{{ steps.{one[0]}.result }}}}"

    def circle(self, last: tuple[str, str], _sees: str, _depth: int) -> tuple[tuple[str, str], str]:
        """A step that counts up from its own last result."""
        name = f"s{len(self.steps)}"
        one = self.mark(self.chance.choice(("pure", "idempotent")), f"{{{{ (steps.{name}.result | default(0)) + 1 }}}}")
        self.join(last, one[0])
        rule = {"field": f"steps.{name}.result", "operator": "<", "value": 3}
        test = self.step("conditional", {"conditions": rule})
        self.join(one, test)
        self.join((test, "yes"), one[0])
        return (test, "no"), f"{{{{ steps.{name}.result }}}}"

    def loop(self, last: tuple[str, str], _sees: str, depth: int) -> tuple[tuple[str, str], str]:
        keep = self.chance.choice(("stop", "continue"))
        items = ["p", "bad" if keep == "continue" else "r", "q"][: self.chance.randint(1, 3)]
        params = {"items": items, "at_once": self.chance.choice((1, 2)), "on_item_error": keep}
        loop = self.step("loop", params)
        self.join(last, loop)
        inside, sees = self.block((loop, "each"), "{{ item }}", depth + 1)
        check = self.mark(self.chance.choice(("pure", "idempotent")), f"{{{{ item }}}}={sees}", do="check")
        self.join(inside, check[0])
        return (loop, "done"), f"{{{{ steps.{loop}.results }}}}{{{{ steps.{loop}.failed }}}}"

    def parallel(self, last: tuple[str, str], sees: str, depth: int) -> tuple[tuple[str, str], str]:
        ends = [self.block(last, sees, depth + 1)[0] for _ in range(2)]
        merge = self.step("merge", {})
        for end in ends:
            self.join(end, merge)
        return (merge, "next"), f"{{{{ steps.{merge}.inputs }}}}"
