"""The bodies of loops over lists: what runs once for each item."""

from __future__ import annotations

from collections.abc import Callable, Container

from flowapp.catalog import ACTIONS
from flowapp.engine.graph.graph import Graph

Ids = frozenset[str]


def loops_of(graph: Graph) -> list[str]:
    """The steps that go through a list."""
    return [step_id for step_id, step in graph.steps.items() if is_loop(step.action_type)]


def is_loop(action_type: str) -> bool:
    """Whether steps of this type have a body."""
    spec = ACTIONS.get(action_type)
    return spec is not None and "each" in spec.branches


def bodies(graph: Graph) -> dict[str, Ids]:
    """For each loop the steps that run inside its items, those of loops in it included."""
    return {loop: inside(graph, loop) for loop in loops_of(graph)}


def inside(graph: Graph, loop: str) -> Ids:
    """The steps that the flow comes to from `each` of a loop, without coming back to it."""
    return _reach(graph, [t for t in graph.next(loop, "each") if t != loop], {loop})


def beside(graph: Graph, loop: str) -> Ids:
    """The steps that the flow comes to without entering the items of a loop."""
    return _reach(graph, graph.start, set(), without=(loop, "each"))


def passed_by_each(graph: Graph, loop: str, guarded: Callable[[str, str], Container[str]]) -> int:
    """How many steps an item of a loop passes whichever way it takes, if nothing fails: those before the flow parts."""
    passed: set[str] = set()
    waiting = [(loop, "each")]
    while waiting:
        source, branch = waiting.pop()
        for step_id in graph.next(source, branch):
            if step_id == loop or step_id in passed or step_id in guarded(source, branch):
                continue
            passed.add(step_id)
            spec = ACTIONS.get(graph.steps[step_id].action_type)
            if spec is not None and set(spec.branches) <= {"next", "error", "timeout"}:
                waiting.append((step_id, "next"))
    return len(passed)


def _reach(graph: Graph, begin: list[str], stops: set[str], without: tuple[str, str] = ("", "")) -> Ids:
    reached, waiting = set(begin), list(begin)
    while waiting:
        step_id = waiting.pop()
        branches = graph.branches(step_id) or {"next": graph.next(step_id)}
        targets = [t for branch, ends in branches.items() if (step_id, branch) != without for t in ends]
        for target in (*targets, *graph.steps[step_id].targets()):
            if target not in reached and target not in stops and target in graph.steps:
                reached.add(target)
                waiting.append(target)
    return frozenset(reached)
