"""The graph of a definition: what follows what. Built once per version; the engine asks it at every step.

Without edges the steps follow each other by `order`. A step then goes on to the following one whichever branch it
ends on, except that `no`, `error`, `timeout` and `each` end the flow there: a condition works as a filter.

With edges, a flow starts at the first step by order that has outgoing edges and to which no other step leads, by an
edge or by an error's goto; where there is none, because the flow begins with a loop, at the first connected step. It
also starts at every other such step whose way meets that of the first. What is connected to none of these, a single
step or a forgotten chain, never runs: `checks` calls it unreachable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise

from flowapp.catalog import ACTIONS
from flowapp.engine.language.definition import Definition, StepDef

ENDS_WITHOUT_EDGES = frozenset({"no", "error", "timeout", "each"})


class Graph:
    """`steps`: by id, in order. `start`: ids of the steps a flow begins with. `linear`: there are no edges."""

    def __init__(self, definition: Definition) -> None:
        ordered = sorted(definition.steps, key=lambda step: step.order)
        self.steps: dict[str, StepDef] = {step.step_id: step for step in ordered}
        self.linear = not definition.edges
        self._place = {step_id: at for at, step_id in enumerate(self.steps)}
        ids = list(self.steps)
        self._following = dict(pairwise(ids)) if self.linear else {}
        self._next: dict[str, dict[str, list[str]]] = {}
        for edge in definition.edges:
            self._next.setdefault(edge.source, {}).setdefault(edge.branch, []).append(edge.target)
        for branches in self._next.values():
            for targets in branches.values():
                targets.sort(key=self._place.__getitem__)
        self._after = {step_id: self._leads_to(step_id) for step_id in ids}
        self._sources: dict[str, list[str]] = {step_id: [] for step_id in ids}
        for source, targets in self._after.items():
            for target in targets:
                self._sources[target].append(source)
        self.start: list[str] = self._find_start()
        self._before: dict[tuple[str, frozenset[str]], frozenset[str]] = {}

    def next(self, step_id: str, branch: str = "next") -> list[str]:
        """Where the flow goes on when the step ends on `branch`; empty: this token ends."""
        if self.linear:
            following = self._following.get(step_id)
            return [following] if following is not None and branch not in ENDS_WITHOUT_EDGES else []
        return list(self._next.get(step_id, {}).get(branch, ()))

    def branches(self, step_id: str) -> Mapping[str, list[str]]:
        """The branches that have edges, each with its targets; empty without edges."""
        return self._next.get(step_id, {})

    def sources(self, step_id: str) -> list[str]:
        """The steps that an edge (or, without edges, the order) leads here from, gotos left out: what a merge awaits."""
        return [s for s in self._sources[step_id] if step_id in self._flows_to(s)]

    def before(self, step_id: str, around: frozenset[str] = frozenset()) -> frozenset[str]:
        """The steps that can run before this one; itself too where the flow can come back to it.

        `around`: loops inside whose items one stays; what leads here only through them is left out.
        """
        key = step_id, around
        if key not in self._before:
            inside = self._sources
            if around:
                inside = {step: [s for s in sources if s not in around] for step, sources in inside.items()}
            self._before[key] = _reach(inside[step_id], inside)
        return self._before[key]

    def leads(self, step_id: str, target: str, around: frozenset[str] = frozenset()) -> bool:
        """Whether the flow can come from a step to another, or back to the same one; `around` as of `before`."""
        return step_id in self.before(target, around)

    def reachable(self) -> frozenset[str]:
        """The steps that can run at all."""
        return _reach(self.start, self._after)

    def loop(self, step_id: str) -> frozenset[str]:
        """The steps of the loop that this step is part of; empty where the flow cannot come back to it."""
        return frozenset(s for s in self.before(step_id) if step_id in self.before(s))

    def topological(self) -> list[str]:
        """Every step after the steps that lead to it, edges that go back disregarded; unreachable ones last."""
        done: deque[str] = deque()
        seen: set[str] = set()
        reached = self.reachable()
        for first in (*reversed(self.start), *(s for s in reversed(self.steps) if s not in reached)):
            if first in seen:
                continue
            seen.add(first)
            stack = [(first, iter(reversed(self._after[first])))]
            while stack:
                step_id, targets = stack[-1]
                target = next((t for t in targets if t not in seen), None)
                if target is None:
                    done.appendleft(step_id)
                    stack.pop()
                else:
                    seen.add(target)
                    stack.append((target, iter(reversed(self._after[target]))))
        return sorted(done, key=lambda s: s not in reached)

    def _flows_to(self, step_id: str) -> set[str]:
        if self.linear:
            following = self._following.get(step_id)
            return {following} if following is not None else set()
        return {target for targets in self._next.get(step_id, {}).values() for target in targets}

    def _leads_to(self, step_id: str) -> list[str]:
        """Every step that can come right after, by an edge or by an error's goto."""
        gotos = (target for target in self.steps[step_id].targets() if target in self.steps)
        return sorted({*self._flows_to(step_id), *gotos}, key=self._place.__getitem__)

    def _find_start(self) -> list[str]:
        if self.linear:
            return list(self.steps)[:1]
        connected = [s for s in self.steps if s in self._next]
        starts = [s for s in connected if set(self._sources[s]) <= {s}] or connected[:1]
        around = {s: [*self._after[s], *self._sources[s]] for s in self.steps}
        together = _reach(starts[:1], around)
        return [s for s in starts if s in together]


def _reach(begin: Iterable[str], links: Mapping[str, Iterable[str]]) -> frozenset[str]:
    reached, waiting = set(begin), deque(begin)
    while waiting:
        for step_id in links[waiting.popleft()]:
            if step_id not in reached:
                reached.add(step_id)
                waiting.append(step_id)
    return frozenset(reached)


def goals(definition: Definition) -> dict[str, object]:
    """The steps that the flow jumps to from anywhere, by id: the conditions under which it does."""
    known = ((step, ACTIONS.get(step.action_type)) for step in definition.steps)
    conditions = {step.step_id: spec.goal(step.params) for step, spec in known if spec and spec.goal}
    return {step_id: wanted for step_id, wanted in conditions.items() if wanted}
