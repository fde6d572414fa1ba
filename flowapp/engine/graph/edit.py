"""Editing a draft's steps as a person thinks of them: lanes that follow a step, join again or end.

Every function takes a canonical definition (dict), and returns a changed copy. Without edges the steps follow each
other by order; edges are written down as soon as order alone cannot say what is meant, and left out again where it can.
"""

from __future__ import annotations

from copy import deepcopy

from flowapp.engine.graph.graph import ENDS_WITHOUT_EDGES, Graph
from flowapp.engine.graph.outline import (
    Block,
    Edge,
    branches_of,
    has_lanes,
    main_branch,
    open_ends,
    outline,
    with_edges,
)
from flowapp.engine.language.definition import Definition
from flowapp.errors import ConflictError, NotFoundError
from flowapp.models.definitions import DefinitionJson, EdgeJson, StepJson
from flowapp.texts import say
from flowapp.values.text import slug


def step_of(definition: DefinitionJson, step_id: str) -> StepJson:
    """The step of that id. NotFoundError where there is none."""
    for step in definition["steps"]:
        if step["step_id"] == step_id:
            return step.copy()
    raise NotFoundError(say("There is no such step in this workflow."))


def free_step_id(definition: DefinitionJson, name: str) -> str:
    """An id for a new step, made of its name: “Send e-mail” becomes send_e_mail, then send_e_mail_2."""
    stem = slug(name, "_")[:50] or "step"
    stem = stem if stem[0].isalpha() else f"step_{stem}"
    taken = {step["step_id"] for step in definition["steps"]}
    if stem not in taken:
        return stem
    return next(free for n in range(2, len(taken) + 3) if (free := f"{stem}_{n}") not in taken)


def insert_after(
    definition: DefinitionJson, step: StepJson, after: str | None = None, branch: str = "", *, parallel: bool = False
) -> DefinitionJson:
    """Puts a new step behind `after` on one of its branches (the main one where none is named).

    What followed there follows the new step; where it is `parallel`, it stays, and both run at the same time. Without
    `after`, the step comes first.
    """
    edited, edges = _open(definition)
    if after is None:
        starts = Graph(Definition.model_validate(edited)).start[:1]
        edited["steps"].append(step)
        edges += [edge for start in starts for edge in _leading(step, start) if edge[0] != edge[1]]
        return _close(edited, edges, first=step["step_id"])
    source = step_of(edited, after)
    branch = branch or main_branch(source, edges) or "next"
    edited["steps"].append(step)
    arriving = (after, step["step_id"], branch)
    if parallel:
        return _close(edited, [*edges, arriving])
    followers = [edge for edge in edges if (edge[0], edge[2]) == (after, branch)]
    kept = [edge for edge in edges if edge not in followers]
    passed_on = [edge for _, target, _ in followers for edge in _leading(step, target)]
    return _close(edited, [*kept, arriving, *passed_on])


def insert_before(definition: DefinitionJson, step: StepJson, before: str) -> DefinitionJson:
    """Puts a new step in front of another one: whatever led there leads to the new step."""
    edited, edges = _open(definition)
    step_of(edited, before)
    first = before in Graph(Definition.model_validate(edited)).start
    edited["steps"].append(step)
    turned = [(s, step["step_id"] if t == before else t, b) for s, t, b in edges]
    turned += _leading(step, before)
    return _close(edited, turned, first=step["step_id"] if first else "")


def insert_below(definition: DefinitionJson, step: StepJson, above: str) -> DefinitionJson:
    """Puts a new step where all lanes of `above` that lead nowhere come together."""
    edited, edges = _open(definition)
    lane, at, _ = _find(outline(edited), above, None)
    edited["steps"].append(step)
    return _close(edited, [*edges, *((source, step["step_id"], branch) for source, branch in open_ends(lane[at]))])


def _leading(step: StepJson, target: str) -> list[Edge]:
    """The edges by which a new step leads to what follows it: all its cases and variants, else its main branch."""
    branches = branches_of(step, []) if has_lanes(step) else [main_branch(step, [])]
    return [(step["step_id"], target, branch) for branch in branches if branch and branch not in ENDS_WITHOUT_EDGES]


def change(definition: DefinitionJson, step: StepJson) -> DefinitionJson:
    """The definition with a step as it is now. Edges follow cases and variants that were renamed.

    New ones lead to where the lanes come together; of those that are gone, edges that only went there are gone too.
    """
    before = step_of(definition, step["step_id"])
    old, new = branches_of(before, []), branches_of(step, [])
    steps = [step if s["step_id"] == step["step_id"] else s for s in definition["steps"]]
    if old == new or not (has_lanes(before) or has_lanes(step)):
        return {**definition, "steps": steps}
    edited, edges = _open(definition)
    lane, at, _ = _find_anywhere(edited, step["step_id"])
    join = lane[at].following if lane else None
    edited["steps"] = steps
    return _close(edited, _rebranched(edges, step["step_id"], old, new, join))


def _rebranched(edges: list[Edge], step_id: str, old: list[str], new: list[str], join: str | None) -> list[Edge]:
    gone, come = [b for b in old if b not in new], [b for b in new if b not in old]
    if len(gone) == len(come):
        renamed = dict(zip(gone, come, strict=True))
        return [(s, t, renamed.get(b, b) if s == step_id else b) for s, t, b in edges]
    kept = [edge for edge in edges if not (edge[0] == step_id and edge[2] in gone and edge[1] == join)]
    return [*kept, *((step_id, join, branch) for branch in come if join and branch not in ENDS_WITHOUT_EDGES)]


def _find_anywhere(edited: DefinitionJson, step_id: str) -> tuple[list[Block], int, Block | None]:
    """As `_find`; nothing for a step that is not connected."""
    try:
        return _find(outline(edited), step_id, None)
    except NotFoundError:
        return [], 0, None


def duplicate(definition: DefinitionJson, step_id: str, name: str) -> DefinitionJson:
    """A copy of a step, called `name`, right behind it."""
    step = step_of(definition, step_id)
    copy: StepJson = {**deepcopy(step), "step_id": free_step_id(definition, name), "name": name[:200]}
    copy.pop("position", None)
    return insert_after(definition, copy, step_id)


def only_in_lanes(definition: DefinitionJson, step_id: str) -> list[str]:
    """The steps that removing this one removes too: those of its side lanes, which nothing else leads to."""
    edited, edges = _open(definition)
    step = step_of(edited, step_id)
    main = _continuing(step, edges)
    rest = [edge for edge in edges if edge[0] != step_id or edge[2] == main]
    starts = Graph(Definition.model_validate({**edited, "edges": _as_json(edges)})).start
    gone = _reached(edges, starts) - _reached(rest, starts)
    return [s["step_id"] for s in edited["steps"] if s["step_id"] in gone]


def remove(definition: DefinitionJson, step_id: str) -> DefinitionJson:
    """Takes a step out: what led to it leads to what followed it on its main branch; its side lanes go with it.

    Steps that went to it after an error stop there instead.
    """
    gone = {step_id, *only_in_lanes(definition, step_id)}
    edited, edges = _open(definition)
    main = _continuing(step_of(edited, step_id), edges)
    after = [target for source, target, branch in edges if (source, branch) == (step_id, main)]
    edges = [
        (source, following, branch)
        for source, target, branch in edges
        for following in (after if target == step_id else [target])
        if source not in {step_id, following}
    ]
    edited["steps"] = [_without_goto(s, gone) for s in edited["steps"] if s["step_id"] not in gone]
    kept = dict.fromkeys(edge for edge in edges if not gone & set(edge[:2]))
    return _close(edited, list(kept))


def move(definition: DefinitionJson, step_id: str, *, up: bool) -> DefinitionJson:
    """Moves a step past its neighbour. At the end of a lane it leaves the lane. ConflictError where it can go no farther."""
    edited, edges = _open(definition)
    lane, at, parent = _find(outline(edited), step_id, None)
    if up and at == 0 and parent is None:
        raise ConflictError(say("This is already the first step."))
    if up and at == 0:
        return _put_before(edited, edges, lane[at], str(parent.step_id if parent else ""))
    if up:
        before = lane[at - 1]
        if not lane[at].exits:  # nothing can follow such a block: its neighbour goes into its first lane instead
            return move(definition, before.step_id, up=False)
        return _put_before(edited, edges, lane[at], before.step_id)
    if at + 1 == len(lane):
        if parent is None or parent.following is None:
            raise ConflictError(say("This is already the last step."))
        return _put_before(edited, edges, lane[at], parent.following)
    return _move_down(edited, edges, lane, at)


def reorder(definition: DefinitionJson, wanted: list[str]) -> DefinitionJson:
    """The steps of one lane in another order, as a drag leaves them: one of them has moved. ConflictError where it cannot."""
    edited, edges = _open(definition)
    lane, _, _ = _find(outline(edited), wanted[0], None)
    now = [block.step_id for block in lane]
    if sorted(now) != sorted(wanted):
        raise ConflictError(say("The steps have changed in the meantime. Reload the page."))
    for moved in wanted:
        rest = [s for s in now if s != moved]
        if rest == [s for s in wanted if s != moved] and now != wanted:
            block, to = lane[now.index(moved)], wanted.index(moved)
            if to + 1 < len(wanted):
                return _put_before(edited, edges, block, wanted[to + 1])
            return _put_behind(edited, edges, block, lane[now.index(wanted[to - 1])])
    return _close(edited, edges)


def connect(definition: DefinitionJson, source: str, branch: str, target: str | None) -> DefinitionJson:
    """Where the flow goes when `source` ends on `branch`: to `target`, or nowhere."""
    edited, edges = _open(definition)
    step_of(edited, source)
    kept = [edge for edge in edges if (edge[0], edge[2]) != (source, branch)]
    if target:
        step_of(edited, target)
        kept.append((source, target, branch))
    return _close(edited, kept)


def edge_of(definition: DefinitionJson, source: str, branch: str, target: str) -> EdgeJson:
    """The edge between two steps, also where order alone says it. NotFoundError where there is none."""
    edges = _kept(definition["edges"], with_edges(definition))
    for edge in edges:
        if _ends(edge) == (source, target, branch):
            return edge
    raise NotFoundError(say("These steps are no longer connected in this way."))


def change_edge(definition: DefinitionJson, changed: EdgeJson) -> DefinitionJson:
    """Gives an edge the label and the conditions of `changed`."""
    edge_of(definition, changed["source"], changed["branch"], changed["target"])
    edited, edges = _open(definition)
    written = _kept(edited["edges"], edges)
    edited["edges"] = [changed if _ends(edge) == _ends(changed) else edge for edge in written]
    return _close(edited, edges)


def _move_down(edited: DefinitionJson, edges: list[Edge], lane: list[Block], at: int) -> DefinitionJson:
    block, following = lane[at], lane[at + 1]
    if at + 2 < len(lane):
        return _put_before(edited, edges, block, lane[at + 2].step_id)
    return _put_behind(edited, edges, block, following)


def _put_before(edited: DefinitionJson, edges: list[Edge], block: Block, target: str) -> DefinitionJson:
    """Cuts the block out of its lane and puts it in front of `target`."""
    first = target in Graph(Definition.model_validate(edited)).start
    edges = _cut(edges, block)
    turned = [
        (s, block.step_id if t == target and s not in block.members else t, b) for s, t, b in edges
    ]  # fmt: skip
    turned += [(source, target, branch) for source, branch in block.exits]
    return _close(edited, turned, first=block.step_id if first else "")


def _put_behind(edited: DefinitionJson, edges: list[Edge], block: Block, before: Block) -> DefinitionJson:
    """Cuts the block out and puts it at the end, behind `before`; into its first lane where nothing can follow it."""
    exits = before.exits or [(before.step_id, before.lanes[0].branch if before.lanes else "next")]
    first = bool({block.step_id} & set(Graph(Definition.model_validate(edited)).start))
    edges = _cut(edges, block)
    targets = list(dict.fromkeys(t for s, t, b in edges if (s, b) in exits))
    kept = [edge for edge in edges if (edge[0], edge[2]) not in exits]
    kept += [(source, block.step_id, branch) for source, branch in exits]
    kept += [(source, target, branch) for source, branch in block.exits for target in targets]
    return _close(edited, kept, first=before.step_id if first else "")


def _cut(edges: list[Edge], block: Block) -> list[Edge]:
    """The edges once the block is out: what led to it leads to what followed it."""
    if not block.exits:
        raise ConflictError(
            say("This step cannot be moved, because its branches do not join again. Move the steps around it instead.")
        )
    following = list(dict.fromkeys(t for s, t, b in edges if (s, b) in block.exits))
    cut: list[Edge] = []
    for source, target, branch in edges:
        if (source, branch) in block.exits:
            continue
        if target == block.step_id and source not in block.members:
            cut += [(source, after, branch) for after in following]
        else:
            cut.append((source, target, branch))
    return list(dict.fromkeys(cut))


def _find(lane: list[Block], step_id: str, parent: Block | None) -> tuple[list[Block], int, Block | None]:
    """The lane of a step, its place in it, and the step that the lane belongs to."""
    for at, block in enumerate(lane):
        if block.step_id == step_id:
            return lane, at, parent
        for inner in block.lanes:
            try:
                return _find(inner.blocks, step_id, block)
            except NotFoundError:
                continue
    raise NotFoundError(say("There is no such step in this workflow."))


def _continuing(step: StepJson, edges: list[Edge]) -> str:
    """The branch that takes the step's place when it goes: the main one, else the first that leads somewhere."""
    used = [branch for source, _, branch in edges if source == step["step_id"]]
    main = main_branch(step, edges)
    return main if main in used or not used else next((b for b in used if b != "error"), main)


def _reached(edges: list[Edge], starts: list[str]) -> set[str]:
    reached, waiting = set(starts), list(starts)
    while waiting:
        at = waiting.pop()
        new = {target for source, target, _ in edges if source == at} - reached
        reached |= new
        waiting += new
    return reached


def _without_goto(step: StepJson, gone: set[str]) -> StepJson:
    if step.get("goto_step") not in gone:
        return step
    return {
        **step,
        "goto_step": None,
        "on_error": "stop" if step["on_error"] == "goto" else step["on_error"],
        "on_exhausted": "stop" if step["on_exhausted"] == "goto" else step["on_exhausted"],
    }


def _as_json(edges: list[Edge]) -> list[EdgeJson]:
    return [{"source": source, "target": target, "branch": branch} for source, target, branch in edges]


def _ends(edge: EdgeJson) -> Edge:
    return edge["source"], edge["target"], edge.get("branch", "next")


def _kept(before: list[EdgeJson], edges: list[Edge]) -> list[EdgeJson]:
    """The edges with the labels and conditions that they had. Where one leads elsewhere now, it keeps them."""
    known = {_ends(edge): edge for edge in before}
    written = _as_json(edges)
    for edge in written:
        key = edge["source"], edge["target"], edge["branch"]
        gone = [old for k, old in known.items() if k[::2] == key[::2] and k not in edges]
        old = known.get(key) or (gone[0] if len(gone) == 1 else edge)
        for name in ("label", "conditions"):
            if old.get(name):
                edge[name] = old[name]
    return written


def _open(definition: DefinitionJson) -> tuple[DefinitionJson, list[Edge]]:
    """A copy to edit, and its edges, written down where order alone said them."""
    edited = deepcopy(definition)
    return edited, with_edges(edited)


def _close(edited: DefinitionJson, edges: list[Edge], first: str = "") -> DefinitionJson:
    """Numbers the steps in the order of the flow, and leaves the edges out where that order says the same."""
    ids = {step["step_id"]: step for step in edited["steps"]}
    edited["edges"] = _kept(edited["edges"], edges)
    flow = Graph(Definition.model_validate(edited)).topological() if edges else list(ids)
    if first in flow:
        flow.remove(first)
        flow.insert(0, first)
    edited["steps"] = [{**ids[step_id], "order": at} for at, step_id in enumerate(flow, start=1)]
    plain = all(edge.keys() <= {"source", "target", "branch"} for edge in edited["edges"])
    if plain and set(with_edges({**edited, "edges": []})) == set(edges):
        edited["edges"] = []
    return edited


__all__ = [
    "branches_of", "change", "connect", "duplicate", "free_step_id", "insert_after", "insert_before",
    "insert_below", "move", "only_in_lanes", "remove", "reorder", "step_of",
]  # fmt: skip
