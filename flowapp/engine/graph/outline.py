"""The flow as lanes: blocks one below the other, a block with several ways on holding a lane for each.

A way that leads nowhere is an empty lane. A block with one way that leads on (a condition used as a filter) goes on in
the same lane; where several lead on, each has its lane up to the step at which they join again. Cases and variants
always have a lane each. The body of a loop is a lane, and the flow goes on behind it along `done`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from flowapp.catalog import ACTIONS
from flowapp.engine.graph.graph import ENDS_WITHOUT_EDGES, Graph
from flowapp.engine.graph.loop_bodies import is_loop
from flowapp.engine.language.definition import Definition
from flowapp.models.definitions import DefinitionJson, StepJson

Edge = tuple[str, str, str]  # source, target, branch
End = Literal["end", "join", "jump", "closed", "item"]


@dataclass(slots=True)
class Lane:
    """What happens on a branch. `end`: the flow ends, joins the lane around it, or goes on at `target`.

    Closed: its last block has only lanes of its own, nothing follows it. Item: the next item of a loop comes.
    `parallel`: other lanes run at the same time.
    """

    branch: str
    source: str = ""
    blocks: list[Block] = field(default_factory=list)
    end: End = "end"
    target: str = ""
    parallel: bool = False


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


def branches_of(step: StepJson, edges: list[Edge]) -> list[str]:
    """The branches a step can end on: its type's, then those that edges name."""
    spec = ACTIONS.get(step["action_type"])
    own = spec.branches_of(step["params"]) if spec else ["next"]
    used = [branch for source, _, branch in edges if source == step["step_id"]]
    return list(dict.fromkeys([*own, *used]))


def main_branch(step: StepJson, edges: list[Edge]) -> str:
    """The branch on which the flow usually goes on; empty where the step ends it."""
    return next((b for b in branches_of(step, edges) if b not in ENDS_WITHOUT_EDGES), "")


def has_lanes(step: StepJson) -> bool:
    """Whether the step's branches have names of its own, so that each has its lane."""
    spec = ACTIONS.get(step["action_type"])
    return bool(spec and spec.own_branches and len(spec.branches_of(step["params"])) > 1)


def with_edges(definition: DefinitionJson) -> list[Edge]:
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


def outline(definition: DefinitionJson) -> list[Block]:
    """The main lane of a canonical definition; steps that nothing leads to are left out (see `loose`)."""
    edges = with_edges(definition)
    if not edges:
        first = sorted(definition["steps"], key=lambda step: step["order"])[:1]
        steps = first if not definition["edges"] else []
        return [_block_of(step, edges) for step in steps]
    reader = _Reader(definition, edges)
    return reader.starts()


def loose(definition: DefinitionJson, lane: list[Block] | None = None) -> list[str]:
    """The steps that the outline does not hold."""
    held = {member for block in (outline(definition) if lane is None else lane) for member in block.members}
    return [step["step_id"] for step in definition["steps"] if step["step_id"] not in held]


def _block_of(step: StepJson, edges: list[Edge]) -> Block:
    """A block that nothing follows."""
    step_id, branches = step["step_id"], branches_of(step, edges)
    if has_lanes(step):
        ends = [(step_id, branch) for branch in branches if branch not in ("error", "timeout")]
        return Block(step_id, [Lane(branch, step_id) for branch in branches], "", None, ends, {step_id})
    main = main_branch(step, edges)
    lanes = [Lane(branch, step_id) for branch in branches if branch != main]
    return Block(step_id, lanes, main, None, [(step_id, main)] if main else [], {step_id})


def open_ends(block: Block) -> list[tuple[str, str]]:
    """The ends (step, branch) of the block's lanes that lead nowhere, those for errors and timeouts left out."""
    ends: list[tuple[str, str]] = []
    for lane in block.lanes:
        if lane.branch in ("error", "timeout", "each") or lane.end not in ("end", "item", "closed"):
            continue
        last = lane.blocks[-1] if lane.blocks else None
        ends += (
            open_ends(last) if last and lane.end == "closed" else last.exits if last else [(lane.source, lane.branch)]
        )
    return ends


class _Reader:
    def __init__(self, definition: DefinitionJson, edges: list[Edge]) -> None:
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
        self.loops: frozenset[str] = frozenset()  # those inside whose body one is

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
        step, exits = self.steps[step_id], self.next.get(step_id, [])
        if is_loop(step["action_type"]) and sum(branch == "done" for branch, _ in exits) < 2:
            return self.loop(step_id, exits, stops)
        failing = [way for way in exits if way[0] == "error"]
        if failing and len(exits) - len(failing) < 2 and not has_lanes(step):
            return self.failing(step, failing, [way for way in exits if way[0] != "error"], stops)
        if len(exits) < 2 and not (exits and has_lanes(step)):
            return self.single(step, exits, stops)
        targets = [target for _, target in exits]
        join = targets[0] if len(set(targets)) == 1 < len(exits) else self.join(targets, step_id)
        block = Block(step_id, following=join or None, members={step_id})
        self.fill(block, branches_of(step, self.edges), exits, stops | ({join} if join else set()), join)
        return block

    def single(self, step: StepJson, exits: list[tuple[str, str]], stops: frozenset[str]) -> Block:
        """A block with one way on at most."""
        block = _block_of(step, self.edges)
        for lane in block.lanes:
            lane.end = self.end
        if not exits:
            return block
        branch, target = exits[0]
        if target in self.done and target not in stops:
            return self.jumping(block, branch, target)
        step_id = step["step_id"]
        block.through, block.following, block.exits = branch, target, [(step_id, branch)]
        block.lanes = [Lane(b, step_id, end=self.end) for b in branches_of(step, self.edges) if b != branch]
        return block

    def failing(
        self, step: StepJson, failing: list[tuple[str, str]], exits: list[tuple[str, str]], stops: frozenset[str]
    ) -> Block:
        """A block that goes on as if nothing failed; what happens after an error is a lane at its side."""
        block = self.single(step, exits, stops)
        block.lanes = [lane for lane in block.lanes if lane.branch != "error"]
        after = block.following or ""
        join = self.join([*([after] if after else []), *(target for _, target in failing)], step["step_id"])
        self.fill(block, ["error"], failing, stops | ({after, join} - {""}), after)
        return block

    def loop(self, step_id: str, exits: list[tuple[str, str]], stops: frozenset[str]) -> Block:
        """A block with its body as a lane; the flow goes on along `done`."""
        after = next((target for branch, target in exits if branch == "done"), "")
        block = Block(step_id, [], "done", after or None, [(step_id, "done")], {step_id})
        if after in self.done and after not in stops:
            block.lanes.append(Lane("done", step_id, [], "jump", after))
            block.through, block.following, block.exits = "", None, []
        stops |= {step_id, after} - {""}
        outer, self.loops = self.loops, self.loops | {step_id}
        self.fill(block, ["each"], exits, stops, "")
        self.loops = outer
        others = [b for b in branches_of(self.steps[step_id], self.edges) if b not in ("each", "done")]
        self.fill(block, others, exits, stops, "")
        return block

    def fill(
        self, block: Block, branches: list[str], exits: list[tuple[str, str]], stops: frozenset[str], join: str
    ) -> None:
        """The lanes of a block; a branch that leads nowhere is an empty one."""
        for branch in branches:
            own = [target for name, target in exits if name == branch]
            lanes = [self.side(block.step_id, branch, target, stops, block, join) for target in own]
            for lane in lanes:
                lane.parallel = len(lanes) > 1
            block.lanes += lanes or [Lane(branch, block.step_id, end=self.end)]

    @property
    def end(self) -> End:
        """What comes where a lane leads nowhere."""
        return "item" if self.loops else "end"

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
            lane.end = "item" if following in self.loops else "jump"
        elif not following and blocks and not blocks[-1].through:
            lane.end = "closed"
        elif not following:
            lane.end = self.end
        for inner in blocks:
            block.members |= inner.members
        if lane.end == "join":
            block.exits += [(step_id, branch)] if not blocks else blocks[-1].exits
        return lane

    def join(self, targets: list[str], source: str) -> str:
        """The first step that every way leads to, if there are several; none beyond the item that one is in."""
        if len(targets) < 2:
            return ""
        reached = [self.reach(target, source) for target in targets]
        common = set.intersection(*reached)
        return min(common, key=self.rank.__getitem__, default="")

    def reach(self, begin: str, without: str) -> set[str]:
        reached, waiting = {begin}, [begin] if begin not in self.loops else []
        while waiting:
            for _, target in self.next.get(waiting.pop(), ()):
                if target not in reached and target != without and target not in self.loops:
                    reached.add(target)
                    waiting.append(target)
        return reached - self.loops
