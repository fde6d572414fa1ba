"""What is wrong with the way a flow runs: steps that never run, edges that are never taken, loops without an end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from flowapp.catalog import ACTIONS, N_, TRIGGERS
from flowapp.catalog.branches import branch_label
from flowapp.engine.graph.check_context import CheckContext, Findings
from flowapp.engine.graph.loop_bodies import beside
from flowapp.engine.language.definition import StepDef, TriggerDef
from flowapp.errors import Problem
from flowapp.texts import either, say

_END_QUIETLY = frozenset({"each", "done"})  # a loop may be the last step


def what_never_runs(context: CheckContext) -> Findings:
    if not context.definition.steps:
        yield Problem("steps", say("This workflow does nothing yet: add a step."), code="no_steps")
    for step in context.definition.steps:
        if step.step_id not in context.reachable:
            message = say("“%(name)s” is never reached: connect a step to it, or delete it.", name=step.name)
            yield context.problem(step, "step_id", message, "unreachable")
    yield from _behind_the_end(context)


def _behind_the_end(context: CheckContext) -> Findings:
    """Without edges, nothing follows a step that ends the flow, unless an error goes there."""
    reached, last = _reached_in_order(context), ""
    for step in context.graph.steps.values() if context.graph.linear else ():
        if step.step_id not in reached:
            message = say("“%(name)s” is never reached: “%(last)s” ends the flow before it.", name=step.name, last=last)
            yield context.problem(step, "step_id", message, "unreachable")
        elif _ends(step):
            last = step.name


def _reached_in_order(context: CheckContext) -> set[str]:
    following = dict(pairwise(context.graph.steps))
    reached: set[str] = set()
    waiting = list(context.graph.start)
    while waiting:
        step = context.graph.steps[waiting.pop()]
        if step.step_id not in reached:
            reached.add(step.step_id)
            after = [] if _ends(step) or step.step_id not in following else [following[step.step_id]]
            waiting += [target for target in (*after, *step.targets()) if target in context.graph.steps]
    return reached


def _ends(step: StepDef) -> bool:
    spec = ACTIONS.get(step.action_type)
    return bool(spec and not spec.branches and not _goes_on(step))


def _goes_on(step: StepDef) -> bool:
    """Whether an error lets the flow go on along `next`, whatever the step's own branches are."""
    return step.on_error == "continue" or (step.on_error == "retry" and step.on_exhausted == "continue")


def lost_edges(context: CheckContext) -> Findings:
    steps = {step.step_id: step for step in context.definition.steps}
    for at, edge in enumerate(context.definition.edges):
        step = steps[edge.source]
        taken = _taken(step)
        if taken is None or edge.branch in taken:
            continue
        if list(taken) == ["error"]:
            message = say("“%(name)s” ends the flow: nothing can follow it.", name=step.name)
        else:
            taken_branches = either(say("“%(name)s”", name=branch) for branch in taken if branch != "error")
            message = say(
                "“%(name)s” has no branch “%(branch)s”. It has: %(branches)s.",
                name=step.name,
                branch=edge.branch,
                branches=taken_branches,
            )
        yield Problem(f"edges.{at}.branch", message, edge.source, "unknown_branch")


def _taken(step: StepDef) -> dict[str, None] | None:
    """Every branch that the step can end on; None where its params do not tell."""
    spec = ACTIONS.get(step.action_type)
    if spec is None:
        return None
    own = spec.own_branches(step.params) if spec.own_branches else []
    if "*" in spec.branches and not own:
        return None
    fixed = [branch for branch in spec.branches if branch != "*"]
    return dict.fromkeys([*own, *fixed, *(["next"] if _goes_on(step) else []), "error"])


def own_gotos(context: CheckContext) -> Findings:
    for step in context.definition.steps:
        if step.step_id in step.targets():
            message = say("An error cannot go to the step it comes from. Choose retry.")
            yield context.problem(step, "goto_step", message, "goto_self")


def _loops(context: CheckContext, *, endless: bool) -> Iterator[tuple[StepDef, bool]]:
    """The first step of each loop of that kind, and whether the loop waits. A loop over a list ends by itself."""
    graph = context.graph
    for loop in dict.fromkeys(filter(None, map(graph.loop, graph.steps))):
        members = [step for step_id, step in graph.steps.items() if step_id in loop]
        taken_branches = [(step, branch) for step in members for branch in context.branches(step)]
        exits = any(loop.isdisjoint(graph.next(step.step_id, branch)) for step, branch in taken_branches)
        counted = any(branch == "done" for _, branch in taken_branches)
        if exits is not endless and not (exits and counted):
            yield members[0], any(context.has(step, "waits") for step in members)


def endless_loops(context: CheckContext) -> Findings:
    for step, waits in _loops(context, endless=True):
        if not waits:
            message = say(
                "The loop that begins at “%(name)s” never ends. Add a condition with a branch out of it.",
                name=step.name,
            )
            yield context.problem(step, "step_id", message, "endless_loop")


def odd_loops(context: CheckContext) -> Findings:
    for endless, waiting, fault in (
        (
            True,
            True,
            N_("The loop that begins at “%(name)s” has no way out: it ends only when the execution is cancelled."),
        ),
        (False, False, N_("The loop that begins at “%(name)s” repeats without a pause. Consider adding a wait.")),
    ):
        for step, waits in _loops(context, endless=endless):
            if waits is waiting:
                yield context.problem(step, "step_id", say(fault, name=step.name), "odd_loop")


def several_starts(context: CheckContext) -> Findings:
    for step_id in context.graph.start[1:]:
        step = context.graph.steps[step_id]
        message = say("Nothing leads to “%(name)s”, so it starts at the same time as the first step.", name=step.name)
        yield context.problem(step, "step_id", message, "parallel_start")


def open_branches(context: CheckContext) -> Findings:
    for step in context.definition.steps if context.definition.edges else ():
        if context.around(step.step_id):  # there, an item simply is through
            continue
        branches = [branch for branch in context.branches(step) if branch not in _END_QUIETLY]
        for branch in branches if len(branches) > 1 and step.step_id in context.reachable else ():
            if not context.graph.next(step.step_id, branch):
                message = say(
                    "Nothing follows “%(name)s” on the branch “%(label)s”: the flow ends there.",
                    name=step.name,
                    label=branch_label(branch),
                )
                yield context.problem(step, "step_id", message, "open_branch")


def without_body(context: CheckContext) -> Findings:
    for loop in context.bodies:
        step = context.graph.steps[loop]
        if not context.graph.next(loop, "each"):
            message = say("“%(name)s” does nothing with its items. Connect a step to “For each”.", name=step.name)
            yield context.problem(step, "step_id", message, "no_body")


def inside_and_after(context: CheckContext) -> Findings:
    """A step of a body that the flow also comes to outside of it."""
    for loop, body in context.bodies.items():
        both = body & beside(context.graph, loop)
        for step_id in [s for s in context.graph.steps if s in both][:1]:
            step = context.graph.steps[step_id]
            message = say(
                "“%(name)s” is inside the loop “%(loop)s” and after it: it runs for each item, and once more.",
                name=step.name,
                loop=context.graph.steps[loop].name,
            )
            yield context.problem(step, "step_id", message, "inside_and_after")


def lonely_merges(context: CheckContext) -> Findings:
    for step in context.definition.steps:
        if context.has(step, "merges") and step.step_id in context.reachable and len(_branches_to(context, step)) < 2:
            message = say("Only one branch leads to “%(name)s”, so there is nothing to merge.", name=step.name)
            yield context.problem(step, "step_id", message, "lonely_merge")


def _branches_to(context: CheckContext, step: StepDef) -> list[tuple[str, str]]:
    if context.graph.linear:
        return [(source, "next") for source in context.graph.sources(step.step_id)]
    return [(edge.source, edge.branch) for edge in context.definition.edges if edge.target == step.step_id]


def nobody_waits(context: CheckContext) -> Findings:
    """A step answers a caller that does not wait for it."""
    if any(map(_asks_for_answer, context.definition.triggers)):
        return
    for step in context.definition.steps:
        if context.has(step, "answers"):
            message = say(
                "No caller waits for “%(name)s”. Set a webhook of this workflow to answer with what a step "
                "“Respond to webhook” sends.",
                name=step.name,
            )
            yield context.problem(step, "action_type", message, "nobody_waits")


def _asks_for_answer(trigger: TriggerDef) -> bool:
    spec = TRIGGERS.get(trigger.trigger_type)
    return spec is not None and spec.awaits_answer is not None and spec.awaits_answer(trigger.config)


def unanswered(context: CheckContext) -> Findings:
    """A caller waits for a step that is not there."""
    if any(context.has(step, "answers") for step in context.definition.steps):
        return
    for at, trigger in enumerate(context.definition.triggers):
        if _asks_for_answer(trigger):
            message = say(
                "No step answers the webhook, so its caller waits until the execution ends. Add "
                "a step “Respond to webhook”."
            )
            yield Problem(f"triggers.{at}.config.response", message, code="unanswered")
