"""What is wrong with the meaning of a definition: refused at publish, where its shape is refused at every save."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from flowapp.catalog import ACTIONS, N_, TRIGGERS, ActionSpec, TriggerSpec, ui_of
from flowapp.engine.condition import references as condition_references
from flowapp.engine.expression import has_expression, references
from flowapp.engine.graph import Graph
from flowapp.engine.wording import MAX_PROBLEMS, check_params, nearest, no_step
from flowapp.errors import Problem
from flowapp.texts import either, say

if TYPE_CHECKING:
    from flowapp.engine.definition import Definition, StepDef

Findings = Iterator[Problem]

# What an expression may begin with (DESIGN §4 and §8); other names are looked for in the input.
ROOTS = frozenset(
    {"input", "variables", "steps", "form_data", "context", "timestamp", "now", "item", "index", "contact", "company",
     "organisation", "deal", "task", "contact_id", "contact_name", "contact_email", "owner_id", "deal_id", "deal_title",
     "old_stage", "new_stage"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What the project has, each under every name that a step may call it by. None: not checked.

    `sql(query, parameters)` says why a query cannot run, or nothing.
    """

    integrations: frozenset[str] | None = None
    tables: frozenset[str] | None = None
    forms: frozenset[str] | None = None
    schemas: frozenset[str] | None = None
    sql: Callable[[str, dict[str, Any]], str] | None = None


_THINGS = {
    "integration": N_("There is no integration “%(name)s” in this project.%(near)s Make it, or choose another."),
    "table": N_("There is no data table “%(name)s” in this project.%(near)s Make it, or choose another."),
    "form": N_("There is no form “%(name)s” in this project.%(near)s Make it, or choose another."),
    "schema": N_("There is no validation schema “%(name)s” in this project.%(near)s Make it, or choose another."),
}


class _Scene:
    """A definition with what every check asks about it."""

    def __init__(self, definition: Definition, known: Known) -> None:
        self.definition = definition
        self.known = known
        self.graph = Graph(definition)
        self.reachable = self.graph.reachable()
        self.place = {step.step_id: at for at, step in enumerate(definition.steps)}

    def problem(self, step: StepDef, field: str, message: str, code: str) -> Problem:
        return Problem(f"steps.{self.place[step.step_id]}.{field}", message, step.step_id, code)

    def branches(self, step: StepDef) -> list[str]:
        """The branches that the step can end on, an error left out; names of its own params' making included."""
        spec = ACTIONS.get(step.action_type)
        own = spec.ways(step.params) if spec else ["next"]
        return list(dict.fromkeys([*own, *(b for b in self.graph.branches(step.step_id) if b != "error")]))

    def fields(self, step: StepDef) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """Name, value and form hints of every param that is set."""
        yield from _with_hints(ACTIONS.get(step.action_type), step.params)


def _with_hints(
    spec: ActionSpec | TriggerSpec | None, values: dict[str, Any]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for name, value in values.items():
        yield name, value, ui_of(spec.params, name) if spec and name in spec.params.model_fields else {}


def check(definition: Definition, known: Known | None = None) -> tuple[list[Problem], list[Problem]]:
    """(errors, warnings) of a definition that `parse` accepted: the errors keep it from being published."""
    scene = _Scene(definition, known or Known())
    errors = [problem for find in _ERRORS for problem in islice(find(scene), MAX_PROBLEMS)]
    return errors, [problem for find in _WARNINGS for problem in islice(find(scene), MAX_PROBLEMS)]


def _what_never_runs(scene: _Scene) -> Findings:
    if not scene.definition.steps:
        yield Problem("steps", say("This workflow does nothing yet: add a step."), code="no_steps")
    for step in scene.definition.steps:
        if step.step_id not in scene.reachable:
            message = say("“%(name)s” is never reached: connect a step to it, or delete it.", name=step.name)
            yield scene.problem(step, "step_id", message, "unreachable")


def _wrong_references(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        before = scene.graph.before(step.step_id)
        for name, value, ui in scene.fields(step):
            for step_id in dict.fromkeys(ref[1] for ref in _names(value, ui) if ref[0] == "steps" and ref[1:]):
                if step_id not in scene.place:
                    message = no_step(step_id, scene.place)
                    yield scene.problem(step, f"params.{name}", message, "unknown_step")
                elif step_id not in before and step.step_id in scene.reachable:
                    message = say("“%(step)s” has not run before this step, so it has no result here.", step=step_id)
                    yield scene.problem(step, f"params.{name}", message, "not_before")
    for at, trigger in enumerate(scene.definition.triggers):
        if any(ref[0] == "steps" for ref in _names(trigger.conditions, {"widget": "conditions"})):
            message = say("No step has run when a trigger fires: use the input here.")
            yield Problem(f"triggers.{at}.conditions", message, code="not_before")


def _names(value: Any, ui: dict[str, Any]) -> list[tuple[str, ...]]:
    conditions = ui.get("widget") == "conditions" and isinstance(value, dict | list)
    return condition_references(value) if conditions else references(value)


def _missing_things(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        for name, value, ui in scene.fields(step):
            if message := _missing(scene, value, ui.get("widget", "")):
                yield scene.problem(step, f"params.{name}", message, "missing_thing")
    for at, trigger in enumerate(scene.definition.triggers):
        for name, value, ui in _with_hints(TRIGGERS.get(trigger.trigger_type), trigger.config):
            if message := _missing(scene, value, ui.get("widget", "")):
                yield Problem(f"triggers.{at}.config.{name}", message, code="missing_thing")


def _missing(scene: _Scene, value: Any, widget: str) -> str:
    if not isinstance(value, str) or not value or has_expression(value):
        return ""
    if widget == "step" and value not in scene.place:
        return no_step(value, scene.place)
    known: frozenset[str] | None = getattr(scene.known, f"{widget}s") if widget in _THINGS else None
    if known is None or value.casefold() in {name.casefold() for name in known}:
        return ""
    return say(_THINGS[widget], name=value, near=nearest(value, known))


def _wrong_sql(scene: _Scene) -> Findings:
    fault_of = scene.known.sql
    for step in scene.definition.steps if fault_of else ():
        for name, value, ui in scene.fields(step):
            shown = all(step.params.get(at, way[0]) in way for at, way in (ui.get("show_if") or {}).items())
            if fault_of and ui.get("widget") == "sql" and isinstance(value, str) and value.strip() and shown:
                fault = fault_of(value, step.params.get("params") or {})
                if fault:
                    yield scene.problem(step, f"params.{name}", fault, "wrong_sql")


def _lost_edges(scene: _Scene) -> Findings:
    steps = {step.step_id: step for step in scene.definition.steps}
    for at, edge in enumerate(scene.definition.edges):
        spec = ACTIONS.get(steps[edge.source].action_type)
        if spec and edge.branch not in (*spec.branches, "error") and "*" not in spec.branches:
            ways = either(say("“%(name)s”", name=branch) for branch in spec.branches)
            message = say(
                "“%(name)s” never ends on “%(branch)s”: it goes on along %(ways)s.",
                name=steps[edge.source].name,
                branch=edge.branch,
                ways=ways,
            )
            yield Problem(f"edges.{at}.branch", message, edge.source, "unknown_branch")


def _own_gotos(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        if step.step_id in step.targets():
            message = say("An error cannot go to its own step: choose retry.")
            yield scene.problem(step, "goto_step", message, "goto_self")


def _loops(scene: _Scene, *, endless: bool) -> Iterator[tuple[StepDef, bool]]:
    """The first step of each loop of that kind, and whether the loop waits. A loop over a list ends by itself."""
    graph = scene.graph
    for loop in dict.fromkeys(filter(None, map(graph.loop, graph.steps))):
        members = [step for step_id, step in graph.steps.items() if step_id in loop]
        ways = [(step, branch) for step in members for branch in scene.branches(step)]
        exits = any(loop.isdisjoint(graph.next(step.step_id, branch)) for step, branch in ways)
        counted = any(branch == "done" for _, branch in ways)
        if exits is not endless and not (exits and counted):
            yield members[0], any(step.action_type.startswith("wait") for step in members)


def _endless_loops(scene: _Scene) -> Findings:
    for step, waits in _loops(scene, endless=True):
        if not waits:
            message = say(
                "The loop that begins at “%(name)s” never ends: add a condition with a way out of it.", name=step.name
            )
            yield scene.problem(step, "step_id", message, "endless_loop")


def _odd_loops(scene: _Scene) -> Findings:
    for endless, waiting, fault in (
        (True, True, N_("The loop that begins at “%(name)s” has no way out: it ends only when it is cancelled.")),
        (False, False, N_("The loop that begins at “%(name)s” repeats without a pause: consider a wait in it.")),
    ):
        for step, waits in _loops(scene, endless=endless):
            if waits is waiting:
                yield scene.problem(step, "step_id", say(fault, name=step.name), "odd_loop")


def _no_trigger(scene: _Scene) -> Findings:
    triggers = scene.definition.triggers
    if not triggers:
        message = say("Nothing starts this workflow but a person: add a trigger.")
        yield Problem("triggers", message, code="no_trigger")
    elif not any(trigger.is_active for trigger in triggers):
        message = say("Every trigger is switched off: only a person starts it.")
        yield Problem("triggers", message, code="no_trigger")


def _several_starts(scene: _Scene) -> Findings:
    for step_id in scene.graph.start[1:]:
        step = scene.graph.steps[step_id]
        message = say("Nothing leads to “%(name)s”: it starts at the same time as the first step.", name=step.name)
        yield scene.problem(step, "step_id", message, "parallel_start")


def _open_branches(scene: _Scene) -> Findings:
    for step in scene.definition.steps if scene.definition.edges else ():
        branches = scene.branches(step)
        for branch in branches if len(branches) > 1 and step.step_id in scene.reachable else ():
            if not scene.graph.next(step.step_id, branch):
                message = say(
                    "Nothing follows when “%(name)s” ends on “%(branch)s”: the flow ends there.",
                    name=step.name,
                    branch=branch,
                )
                yield scene.problem(step, "step_id", message, "open_branch")


def _idle_settings(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        for field, message in _idle(scene, step):
            yield scene.problem(step, field, message, "idle")


def _idle(scene: _Scene, step: StepDef) -> Iterator[tuple[str, str]]:
    spec = ACTIONS.get(step.action_type)
    retries = step.on_error == "retry"
    if retries and step.retry_count == 0:
        yield "retry_count", say("With 0 retries the step is not tried again.")
    if retries and spec and spec.effect == "pure":
        yield "on_error", say("This step only computes: again gives the same error.")
    if not retries and step.on_exhausted != "stop":
        yield "on_exhausted", say("This counts only where “on error” is retry.")
    if step.goto_step and not step.targets():
        yield "goto_step", say("This step is never gone to: “on error” is not goto.")
    if step.on_error != "stop" and "error" in scene.graph.branches(step.step_id):
        yield "on_error", say("The edge for errors is followed; “%(choice)s” has no effect.", choice=step.on_error)


def _unknown_names(scene: _Scene) -> Findings:
    specs = [TRIGGERS[t.trigger_type] for t in scene.definition.triggers if t.trigger_type in TRIGGERS]
    known = ROOTS.union(*(spec.sample for spec in specs))
    variables = scene.definition.variables
    for step in scene.definition.steps:
        for name, value, ui in scene.fields(step):
            for ref in dict.fromkeys(ref[:2] for ref in _names(value, ui)):
                message = ""
                if ref[0] == "variables" and ref[1:] and ref[1] not in variables:
                    near = nearest(ref[1], variables)
                    message = say("This workflow has no variable “%(name)s”.%(near)s", name=ref[1], near=near)
                elif ref[0] not in known and ref[0] not in variables and not ui.get("raw"):
                    near = nearest(ref[0], known)
                    message = say(
                        "“%(name)s” is looked for in the input, and must be there.%(near)s", name=ref[0], near=near
                    )
                if message:
                    yield scene.problem(step, f"params.{name}", message, "unknown_name")


def _params(scene: _Scene, *, doubtful: bool) -> Findings:
    """Of a definition that was stored, since types and their params may have changed."""
    for step in scene.definition.steps:
        spec = ACTIONS.get(step.action_type)
        if spec:
            path = f"steps.{scene.place[step.step_id]}.params"
            for found in check_params(spec.params, step.params, path)[doubtful]:
                yield Problem(found.path, found.message, step.step_id, "doubtful" if doubtful else found.code)
        elif not doubtful:
            message = say("There is no step type “%(name)s”.", name=step.action_type)
            yield scene.problem(step, "action_type", message, "unknown_type")


_Find = Callable[[_Scene], Findings]
_ERRORS: tuple[_Find, ...] = (
    _what_never_runs, partial(_params, doubtful=False), _wrong_references, _missing_things, _wrong_sql, _lost_edges, _own_gotos, _endless_loops,
)  # fmt: skip
_WARNINGS: tuple[_Find, ...] = (
    _no_trigger, _several_starts, _open_branches, _odd_loops, _idle_settings, _unknown_names,
    partial(_params, doubtful=True),
)  # fmt: skip
