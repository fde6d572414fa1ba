"""A naive model of an execution: a tree of spots and items, in which everything is searched for anew each time.

It shares nothing with flowapp.engine.machine.state but the meaning of the words. A spot is where a token stands; an item is what
spots stand in: the execution itself, or one item of a loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from flowapp.engine.machine.types import SUSPENDED

Happened = tuple[Any, ...]


class Spot:
    """Where a token stands. `age`: smaller is older; a token keeps it along the first of several edges."""

    def __init__(self, item: Item, step: str, age: int, came: str, late: set[str]) -> None:
        self.item, self.step, self.age, self.came, self.late = item, step, age, came, set(late)
        self.status, self.attempt = "ready", 1
        self.until: float | None = None
        self.branch = ""
        self.loop: Loop | None = None

    @property
    def mark(self) -> tuple[Any, ...]:
        """What tells it from others; two with the same mark are alike."""
        until = self.until if self.status in ("waiting", "retry", SUSPENDED, "joined") else None
        branch = self.branch if self.status in ("waiting", SUSPENDED) else ""
        return (self.item.path, self.step, self.status, self.attempt, until, branch, self.came, frozenset(self.late))


class Item:
    """The execution (`loop` is None), or one item of a loop."""

    def __init__(self, loop: Loop | None, index: int) -> None:
        self.loop, self.index = loop, index
        self.spots: list[Spot] = []

    @property
    def path(self) -> tuple[Any, ...]:
        return (*self.loop.spot.item.path, (self.loop.label, self.index)) if self.loop else ()

    def around(self) -> set[str]:
        """The steps of the loops around."""
        return {self.loop.spot.step} | self.loop.spot.item.around() if self.loop else set()

    def all_spots(self) -> Iterator[Spot]:
        for spot in self.spots:
            yield spot
            for item in spot.loop.items if spot.loop else ():
                yield from item.all_spots()


class Loop:
    def __init__(self, label: str, spot: Spot, total: int, at_once: int, keep: bool) -> None:
        self.label, self.spot, self.total, self.at_once, self.keep = label, spot, total, at_once, keep
        self.begun = self.ok = self.failed = 0
        self.items: list[Item] = []


class Naive:
    """`ended` is the status it ended with; `happened` what the last event entailed."""

    def __init__(self, flow: Any) -> None:
        self.flow = flow
        self.root = Item(None, 0)
        self.visits: Counter[str] = Counter()
        self.ages = self.ok = self.failed = 0
        self.goal = False
        self.ended = ""
        self.happened: list[Happened] = []
        for step in flow.start:
            self.place(self.root, step)
        self.settle()

    def spots(self) -> list[Spot]:
        return list(self.root.all_spots())

    # --- moving

    def place(self, item: Item, step: str, came: str = "", late: set[str] = frozenset(), age: int = 0) -> None:  # type: ignore[assignment]
        self.ages += 1
        self.visits[step] += 1
        item.spots.append(Spot(item, step, age or self.ages, came, late))

    def go(self, spot: Spot, targets: list[str]) -> None:
        item = spot.item
        item.spots.remove(spot)
        age = spot.age
        for target in targets:
            if target not in item.around():
                self.place(item, target, spot.step, spot.late, age)
                age = 0
        if not item.spots and item.loop:
            item.loop.items.remove(item)
            item.loop.ok += 1
            self.happened.append(("item", item.loop.label, item.index, False))
            self.fill(item.loop)

    def fill(self, loop: Loop) -> None:
        inside = [
            t for t in self.flow.next(loop.spot.step, "each") if t not in {loop.spot.step} | loop.spot.item.around()
        ]
        while loop.begun < loop.total and len(loop.items) < loop.at_once:
            item = Item(loop, loop.begun)
            loop.begun += 1
            if not inside:
                loop.ok += 1
                continue
            loop.items.append(item)
            for target in inside:
                self.place(item, target, loop.spot.step, {""} if loop.spot.late else set())
        if loop.begun == loop.total and not loop.items:
            self.happened.append(("looped", loop.label, loop.ok, loop.failed))
            loop.spot.loop = None
            self.ok += 1
            self.go(loop.spot, self.flow.next(loop.spot.step, "done"))

    # --- merges

    def can_reach(self, spot: Spot, step: str) -> bool:
        """Whether it can come to a step by any way that does not leave its item."""
        seen, open_ = set(), [spot.step]
        while open_:
            for target in self.flow.after(open_.pop()):
                if target not in seen and target not in spot.item.around():
                    seen.add(target)
                    open_.append(target)
        return step in seen

    def awaited(self, merge: Spot) -> list[Spot]:
        return [
            other
            for other in merge.item.spots
            if not (other.step == merge.step and other.status == "joined")
            and merge.step not in other.late
            and (other.step == merge.step or self.can_reach(other, merge.step))
        ]

    def hopeless(self, merge: Spot) -> bool:
        """Whether nothing that moves by itself stands behind what it waits for."""
        seen: list[Spot] = []
        open_ = [merge]
        while open_:
            spot = open_.pop()
            if spot in seen:
                continue
            seen.append(spot)
            if spot.status == "joined":
                open_ += self.awaited(spot)
            elif spot.loop:
                open_ += [s for item in spot.loop.items for s in item.spots]
            else:
                return False
        return True

    def settle(self) -> None:
        while True:
            joined = sorted((s for s in self.spots() if s.status == "joined"), key=lambda s: s.age)
            free = [s for s in joined if not self.awaited(s)]
            stuck = sorted((s for s in joined if self.hopeless(s)), key=lambda s: -len(s.item.path))
            if not free and not stuck:
                break
            one = (free or stuck)[0]
            self.let_pass(
                [s for s in one.item.spots if s.status == "joined" and s.step == one.step], "next", late=False
            )
        if not self.root.spots:
            self.ended = "goal_reached" if self.goal else "completed"
        elif self.visits.total() > self.flow.max_visits:
            self.ended = "failed"

    def let_pass(self, group: list[Spot], branch: str, *, late: bool) -> None:
        first = min(group, key=lambda s: s.age)
        for other in self.awaited(first) if late else ():
            other.late = (other.late | {first.step}) - {""}
            for item in other.loop.items if other.loop else ():
                for inside in item.all_spots():
                    inside.late = inside.late or {""}
        for spot in group:
            if spot is not first:
                spot.item.spots.remove(spot)
        self.happened.append(("merged", first.step, len(group), branch))
        self.go(first, self.flow.next(first.step, branch))

    # --- events

    def do(self, event: str, spot: Spot | None = None, **facts: Any) -> None:
        """Something happens to the token at a spot."""
        self.happened = []
        getattr(self, f"on_{event}")(spot, **facts)
        if not self.ended:
            self.settle()

    def on_intent(self, spot: Spot) -> None:
        spot.status = "running"

    def on_uncertain(self, spot: Spot) -> None:
        spot.status = "uncertain"

    def on_interrupted(self, spot: Spot) -> None:
        spot.status = "ready"

    def on_done(self, spot: Spot, branch: str) -> None:
        self.ok += 1
        self.go(spot, self.flow.next(spot.step, branch))

    def on_goal(self, spot: Spot) -> None:
        self.goal = True
        self.on_done(spot, "next")

    def on_waiting(self, spot: Spot, branch: str, until: float | None) -> None:
        spot.status, spot.branch, spot.until = "waiting", branch, until

    def on_suspended(self, spot: Spot, branch: str, until: float | None) -> None:
        spot.status, spot.branch, spot.until = SUSPENDED, branch, until

    def on_woken(self, spot: Spot) -> None:
        if spot.status == "retry":
            spot.status, spot.attempt = "ready", spot.attempt + 1
        elif spot.status == "joined":
            group = [s for s in spot.item.spots if s.status == "joined" and s.step == spot.step]
            self.let_pass(group, "timeout", late=True)
        else:
            self.on_done(spot, spot.branch)

    def on_looping(self, spot: Spot, label: str, total: int, at_once: int, keep: bool) -> None:
        spot.status, spot.loop = "looping", Loop(label, spot, total, at_once, keep)
        self.fill(spot.loop)

    def on_joined(self, spot: Spot, mode: str, until: float | None) -> None:
        self.ok += 1
        if spot.step in spot.late:
            self.happened.append(("late", spot.step))
            self.go(spot, [])
            return
        spot.status, spot.until = "joined", until
        if mode == "first":
            self.let_pass([spot], "next", late=True)

    def on_jump(self, _spot: None, step: str) -> None:
        self.happened.append(("dropped", len(self.spots())))
        self.root = Item(None, 0)
        self.place(self.root, step)

    def on_stopped(self, spot: Spot, status: str) -> None:
        self.ok += status == "completed"
        self.failed += status != "completed"
        if len(self.spots()) > 1:
            self.happened.append(("dropped", len(self.spots()) - 1))
        self.root, self.ended = Item(None, 0), status

    def on_failed(self, spot: Spot, permanent: bool, now: float) -> None:
        policy = self.flow.policy(spot.step)
        if policy["on_error"] == "retry" and not permanent and spot.attempt <= policy["retry_count"]:
            spot.status = "retry"
            spot.until = now + policy["retry_delay"] * 2 ** (spot.attempt - 1)
            return
        self.failed += 1
        how = policy["on_exhausted"] if policy["on_error"] == "retry" else policy["on_error"]
        if self.flow.next(spot.step, "error"):
            self.go(spot, self.flow.next(spot.step, "error"))
        elif how == "continue":
            self.go(spot, self.flow.next(spot.step, "next"))
        elif how == "goto":
            self.go(spot, [policy["goto_step"]])
        else:
            self.give_up(spot, spot)

    def give_up(self, spot: Spot, failed: Spot) -> None:
        """What a merge has passed over ends by itself, the innermost loop that keeps going counts the item as failed; without
        either of them the execution fails."""
        item, loop = spot.item, spot.item.loop
        if spot.late - {""}:
            inside = [s for one in spot.loop.items for s in one.all_spots()] if spot.loop else []
            left = sum(s is not failed for s in [*inside, spot])
            if left:
                self.happened.append(("dropped", left))
            self.go(spot, [])
        elif loop is None:
            self.ended = "failed"
        elif not loop.keep:
            self.give_up(loop.spot, failed)
        else:
            left = sum(s is not failed for s in item.all_spots())
            if left:
                self.happened.append(("dropped", left))
            self.happened.append(("item", loop.label, item.index, True))
            loop.items.remove(item)
            loop.failed += 1
            self.fill(loop)
