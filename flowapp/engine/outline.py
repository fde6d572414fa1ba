"""The flow as lanes: blocks one below the other, a block with several ways on holding a lane for each.

A way that leads nowhere is an empty lane. A block with one way that leads on (a condition used as a filter) goes on in
the same lane; where several lead on, each has its lane up to the step at which they join again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from flowapp.catalog import ACTIONS
from flowapp.engine.definition import Definition
from flowapp.engine.graph import ENDS_WITHOUT_EDGES, Graph

Json = dict[str, Any]
Edge = tuple[str, str, str]  # source, target, branch
End = Literal["end", "join", "jump", "closed"]


@dataclass(slots=True)
class Lane:
    """What happens on a branch. `end`: the flow ends, joins the lane around it, or goes on at `target`.

    Closed: its last block has only lanes of its own, nothing follows it.
    """

    branch: str
    source: str = ""
    blocks: list[Block] = field(default_factory=list)
    end: End = "end"
    target: str = ""


@dataclass(slots=True)
class Block:
    """A step with its lanes. `through` is the branch on which the lane goes on; `following` the step after the block.

    `exits` are the ends (step, branch) that lead to the following step, or would; `members` the steps inside.
    """

    step_id: str
    lanes: list[Lane] = field(default_factory=list)
    through: str = ""
    following: str | None = None
    exits: list[tuple[str, str]] = field(default_factory=list)
    members: set[str] = field(default_factory=set)


def branches_of(step: Json, edges: list[Edge]) -> list[str]:
    """The branches a step can end on: its type's, then those that edges name."""
    spec = ACTIONS.get(step["action_type"])
    own = spec.ways(step["params"]) if spec else ["next"]
    used = [branch for source, _, branch in edges if source == step["step_id"]]
    return list(dict.fromkeys([*own, *used])) or ["next"]


def main_branch(step: Json, edges: list[Edge]) -> str:
    """The branch on which the flow usually goes on."""
    return next((b for b in branches_of(step, edges) if b not in ENDS_WITHOUT_EDGES), "next")


def with_edges(definition: Json) -> list[Edge]:
    """The edges, written down where the order of the steps says them."""
    if definition["edges"]:
        return [(edge["source"], edge["target"], edge.get("branch", "next")) for edge in definition["edges"]]
    ordered = sorted(definition["steps"], key=lambda step: step["order"])
    return [
        (step["step_id"], after["step_id"], branch)
        for step, after in pairwise(ordered)
        for branch in branches_of(step, [])
        if branch not in ENDS_WITHOUT_EDGES
    ]


def outline(definition: Json) -> list[Block]:
    """The main lane of a canonical definition; steps that nothing leads to are left out (see `loose`)."""
    edges = with_edges(definition)
    if not edges:
        first = sorted(definition["steps"], key=lambda step: step["order"])[:1]
        steps = first if not definition["edges"] else []
        return [_block_of(step, edges) for step in steps]
    reader = _Reader(definition, edges)
    return reader.starts()


def loose(definition: Json, lane: list[Block] | None = None) -> list[str]:
    """The steps that the outline does not hold."""
    held = {member for block in (outline(definition) if lane is None else lane) for member in block.members}
    return [step["step_id"] for step in definition["steps"] if step["step_id"] not in held]


def _block_of(step: Json, edges: list[Edge]) -> Block:
    branches, main = branches_of(step, edges), main_branch(step, edges)
    lanes = [Lane(branch, step["step_id"]) for branch in branches if branch != main]
    return Block(step["step_id"], lanes, main, None, [(step["step_id"], main)], {step["step_id"]})


class _Reader:
    def __init__(self, definition: Json, edges: list[Edge]) -> None:
        self.edges = edges
        self.steps = {step["step_id"]: step for step in definition["steps"]}
        self.next: dict[str, list[tuple[str, str]]] = {}
        for source, target, branch in edges:
            self.next.setdefault(source, []).append((branch, target))
        written = [{"source": s, "target": t, "branch": b} for s, t, b in edges]
        graph = Graph(Definition.model_validate({**definition, "edges": written}))
        self.start = graph.start
        self.rank = {step_id: at for at, step_id in enumerate(graph.topological())}
        self.done: set[str] = set()

    def starts(self) -> list[Block]:
        """The lane that begins at the first start; further starts follow as blocks without a way to them."""
        blocks: list[Block] = []
        for start in self.start:
            blocks += self.lane(start, frozenset())[0]
        return blocks

    def lane(self, at: str, stops: frozenset[str]) -> tuple[list[Block], str]:
        """The blocks from `at` on, and where the flow goes then: a stop, a step already shown, or nowhere ("")."""
        blocks: list[Block] = []
        following: str = at
        while following and following not in stops and following not in self.done:
            block = self.block(following, stops)
            blocks.append(block)
            following = block.following or ""
        return blocks, following

    def block(self, step_id: str, stops: frozenset[str]) -> Block:
        self.done.add(step_id)
        step, ways = self.steps[step_id], self.next.get(step_id, [])
        if len(ways) < 2:
            block = _block_of(step, self.edges)
            if ways and ways[0][1] in self.done:
                return self.jumping(block, *ways[0])
            if ways:
                block.through = ways[0][0]
                block.lanes = [Lane(b, step_id) for b in branches_of(step, self.edges) if b != block.through]
                block.following, block.exits = ways[0][1], [(step_id, block.through)]
            return block
        targets = [target for _, target in ways]
        join = targets[0] if len(set(targets)) == 1 else self.join(targets, step_id)
        inside = stops | ({join} if join else set())
        block = Block(step_id, following=join or None, members={step_id})
        for branch in branches_of(step, self.edges):
            block.lanes += [self.side(step_id, *way, inside, block, join) for way in ways if way[0] == branch] or [
                Lane(branch, step_id)
            ]
        return block

    def jumping(self, block: Block, branch: str, target: str) -> Block:
        """The only way leads to a step that is drawn already."""
        block.lanes = [lane for lane in block.lanes if lane.branch != branch]
        block.lanes.append(Lane(branch, block.step_id, [], "jump", target))
        if block.through == branch:
            block.through, block.exits = "", []
        return block

    def side(self, step_id: str, branch: str, target: str, stops: frozenset[str], block: Block, join: str) -> Lane:
        blocks, following = self.lane(target, stops)
        lane = Lane(branch, step_id, blocks, "join" if following and following == join else "end", following)
        if following and following != join:
            lane.end = "jump"
        elif not following and blocks and not blocks[-1].through:
            lane.end = "closed"
        for inner in blocks:
            block.members |= inner.members
        if lane.end == "join":
            block.exits += [(step_id, branch)] if not blocks else blocks[-1].exits
        return lane

    def join(self, targets: list[str], source: str) -> str:
        """The first step that every way leads to; ways that end do not count, if two are left."""
        reached = [self.reach(target, source) for target in targets]
        common = set.intersection(*reached)
        return min(common, key=self.rank.__getitem__, default="")

    def reach(self, begin: str, without: str) -> set[str]:
        found, waiting = {begin}, [begin]
        while waiting:
            for _, target in self.next.get(waiting.pop(), ()):
                if target not in found and target != without:
                    found.add(target)
                    waiting.append(target)
        return found
