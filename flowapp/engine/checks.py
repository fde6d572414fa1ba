"""What is wrong with a step's params (refused at every save), and with the meaning of a definition (refused at publish)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from flowapp.catalog import ACTIONS, TRIGGERS, ActionSpec, Params, TriggerSpec, ui_of
from flowapp.engine.condition import check_conditions
from flowapp.engine.condition import references as condition_references
from flowapp.engine.expression import check as check_expressions
from flowapp.engine.expression import has_expression, references
from flowapp.engine.graph import Graph
from flowapp.errors import FlowError, InvalidError, Problem

if TYPE_CHECKING:  # definition uses the first half of this file
    from flowapp.engine.definition import Definition, StepDef

MAX_PARAMS_BYTES = 1 << 20
MAX_PROBLEMS = 100  # of one kind: more help nobody, and each costs a search for the nearest name
MAX_COMPARED = 200
Findings = Iterator[Problem]

# What an expression may begin with (DESIGN §4 and §8); other names are looked for in the input.
ROOTS = frozenset(
    {"input", "variables", "steps", "form_data", "context", "timestamp", "now", "item", "index", "contact", "company",
     "organisation", "deal", "task", "contact_id", "contact_name", "contact_email", "owner_id", "deal_id", "deal_title",
     "old_stage", "new_stage"}
)  # fmt: skip


def check_params(model: type[Params], params: dict[str, Any], path: str) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with a step's params: (refused, doubtful).

    A wrong type is no problem where the value holds an expression, because it has its real type only when the step
    runs. Doubtful: the model as a whole objects, and it may be only because an expression stands for the value.
    """
    if len(json.dumps(params, ensure_ascii=False).encode()) > MAX_PARAMS_BYTES:
        return [Problem(path, "This is larger than 1 MiB: keep large data in a table or file.", code="too_large")], []
    refused: list[Problem] = []
    for name, value in params.items():
        shown = name in model.model_fields and ui_of(model, name).get("widget") == "conditions"
        refused += (check_conditions if shown else check_expressions)(value, f"{path}.{name}")
    doubtful: list[Problem] = []
    try:
        model.model_validate(params)
    except ValidationError as error:
        refused += plain_problems(error, params, model, path, excused=_excused)
        doubtful = plain_problems(error, params, model, path, excused=lambda e: not (_excused(e) and _of_whole(e)))
    except FlowError as error:
        (doubtful if has_expression(params) else refused).extend(as_problems(error, path))
    return refused, doubtful


def _excused(error: Any) -> bool:
    return error["type"] not in ("missing", "extra_forbidden") and has_expression(error["input"])


def _of_whole(error: Any) -> bool:
    return error["type"] == "value_error" and isinstance(error["input"], dict)


_WORDS = {
    "missing": "This field is required.",
    "string_type": "Write text here.",
    "string_too_long": "Write at most {max_length} characters.",
    "string_too_short": "This must not be empty.",
    "too_long": "At most {max_length} entries are possible, here are {actual_length}.",
    "too_short": "At least {min_length} entries are needed.",
    "literal_error": "Choose one of: {expected}.",
    "greater_than_equal": "Write {ge} or more.",
    "greater_than": "Write more than {gt}.",
    "less_than_equal": "Write {le} or less.",
    "less_than": "Write less than {lt}.",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "Write a whole number."),
    **dict.fromkeys(
        ("float_type", "float_parsing", "finite_number", "decimal_type", "decimal_parsing"), "Write a number."
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), "Choose yes or no (true or false)."),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "Write a list: […]."),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "Write an object with named fields: {{…}}."),
}


def plain_problems(
    error: ValidationError,
    data: Any,
    model: type[BaseModel],
    path: str = "",
    excused: Callable[[Any], bool] = lambda _: False,
) -> list[Problem]:
    """Pydantic's errors about `data`, which lies at `path`, in plain words; errors that are `excused` are left out.

    The alternatives of a union complain one by one: they become one problem at one path.
    """
    found: dict[str, dict[str, str]] = {}
    for detail in error.errors(include_url=False)[:MAX_PROBLEMS]:
        if not excused(detail):
            where = ".".join(filter(None, (path, _place(detail, data))))
            found.setdefault(where, {})[_message(detail, model)] = detail["type"]
    codes = {"missing": "missing", "extra_forbidden": "unknown_field"}
    return [
        Problem(where, " Or: ".join(messages), code=codes.get(next(iter(messages.values())), "invalid"))
        for where, messages in found.items()
    ]


def _place(detail: Any, data: Any) -> str:
    """The error's place as the sender sees it, without pydantic's own steps such as the name of a union's arm."""
    parts: list[str] = []
    for at, part in enumerate(detail["loc"], start=1):
        absent = detail["type"] == "missing" and at == len(detail["loc"])
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
        elif not absent:
            continue
        parts.append(str(part))
    return ".".join(parts)


def _message(detail: Any, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        name, owner = str(detail["loc"][-1]), _model_at(model, detail["loc"][:-1])
        known = {f.alias or n for n, f in owner.model_fields.items()} if owner else set()
        return f"There is no field “{name}” here.{nearest(name, known)}" + known_list(known)
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"This must match the pattern {context['pattern']}."
    return _WORDS[kind].format(**context) if kind in _WORDS else f"{detail['msg']}."


def _model_at(model: type[BaseModel] | None, loc: tuple[Any, ...]) -> type[BaseModel] | None:
    for part in loc:
        if model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """“ Did you mean …?” where a known name is near, else nothing; nothing too where comparing would take long."""
    names = sorted(known)
    close = get_close_matches(name.lower(), names, n=1) if max(len(name), len(names)) <= MAX_COMPARED else []
    return f" Did you mean “{close[0]}”?" if close else ""


def known_list(known: Iterable[str]) -> str:
    return f" Known: {', '.join(sorted(known))}." if known else ""


def as_problems(error: FlowError, path: str) -> list[Problem]:
    if not isinstance(error, InvalidError):
        return [Problem(path, error.message)]
    return [Problem(".".join(filter(None, (path, p.path))), p.message, code=p.code) for p in error.problems]


@dataclass(frozen=True, slots=True)
class Known:
    """What the project has, each under every name that a step may call it by. None: not checked."""

    integrations: frozenset[str] | None = None
    tables: frozenset[str] | None = None
    forms: frozenset[str] | None = None
    schemas: frozenset[str] | None = None


_THINGS = {"integration": "integration", "table": "data table", "form": "form", "schema": "validation schema"}


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
        yield Problem("steps", "This workflow does nothing yet: add a step.", code="no_steps")
    for step in scene.definition.steps:
        if step.step_id not in scene.reachable:
            message = f"“{step.name}” is never reached: connect a step to it, or delete it."
            yield scene.problem(step, "step_id", message, "unreachable")


def _wrong_references(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        before = scene.graph.before(step.step_id)
        for name, value, ui in scene.fields(step):
            for step_id in dict.fromkeys(ref[1] for ref in _names(value, ui) if ref[0] == "steps" and ref[1:]):
                if step_id not in scene.place:
                    message = f"There is no step “{step_id}”.{nearest(step_id, scene.place)}"
                    yield scene.problem(step, f"params.{name}", message, "unknown_step")
                elif step_id not in before and step.step_id in scene.reachable:
                    message = f"“{step_id}” has not run before this step, so it has no result here."
                    yield scene.problem(step, f"params.{name}", message, "not_before")
    for at, trigger in enumerate(scene.definition.triggers):
        if any(ref[0] == "steps" for ref in _names(trigger.conditions, {"widget": "conditions"})):
            message = "No step has run when a trigger fires: use the input here."
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
        return f"There is no step “{value}”.{nearest(value, scene.place)}"
    known: frozenset[str] | None = getattr(scene.known, f"{widget}s") if widget in _THINGS else None
    if known is None or value.casefold() in {name.casefold() for name in known}:
        return ""
    return (
        f"There is no {_THINGS[widget]} “{value}” in this project.{nearest(value, known)} Make it, or choose another."
    )


def _lost_edges(scene: _Scene) -> Findings:
    steps = {step.step_id: step for step in scene.definition.steps}
    for at, edge in enumerate(scene.definition.edges):
        spec = ACTIONS.get(steps[edge.source].action_type)
        if spec and edge.branch not in (*spec.branches, "error") and "*" not in spec.branches:
            ways = " or ".join(f"“{b}”" for b in spec.branches)
            message = f"“{steps[edge.source].name}” never ends on “{edge.branch}”: it goes on along {ways}."
            yield Problem(f"edges.{at}.branch", message, edge.source, "unknown_branch")


def _own_gotos(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        if step.step_id in step.targets():
            yield scene.problem(step, "goto_step", "An error cannot go to its own step: choose retry.", "goto_self")


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
            message = f"The loop that begins at “{step.name}” never ends: add a condition with a way out of it."
            yield scene.problem(step, "step_id", message, "endless_loop")


def _odd_loops(scene: _Scene) -> Findings:
    for endless, waiting, fault in (
        (True, True, "has no way out: it ends only when it is cancelled."),
        (False, False, "repeats without a pause: consider a wait in it."),
    ):
        for step, waits in _loops(scene, endless=endless):
            if waits is waiting:
                message = f"The loop that begins at “{step.name}” {fault}"
                yield scene.problem(step, "step_id", message, "odd_loop")


def _no_trigger(scene: _Scene) -> Findings:
    triggers = scene.definition.triggers
    if not triggers:
        yield Problem("triggers", "Nothing starts this workflow but a person: add a trigger.", code="no_trigger")
    elif not any(trigger.is_active for trigger in triggers):
        yield Problem("triggers", "Every trigger is switched off: only a person starts it.", code="no_trigger")


def _several_starts(scene: _Scene) -> Findings:
    for step_id in scene.graph.start[1:]:
        step = scene.graph.steps[step_id]
        message = f"Nothing leads to “{step.name}”: it starts at the same time as the first step."
        yield scene.problem(step, "step_id", message, "parallel_start")


def _open_branches(scene: _Scene) -> Findings:
    for step in scene.definition.steps if scene.definition.edges else ():
        branches = scene.branches(step)
        for branch in branches if len(branches) > 1 and step.step_id in scene.reachable else ():
            if not scene.graph.next(step.step_id, branch):
                message = f"Nothing follows when “{step.name}” ends on “{branch}”: the flow ends there."
                yield scene.problem(step, "step_id", message, "open_branch")


def _idle_settings(scene: _Scene) -> Findings:
    for step in scene.definition.steps:
        spec = ACTIONS.get(step.action_type)
        retries = step.on_error == "retry"
        if retries and step.retry_count == 0:
            yield scene.problem(step, "retry_count", "With 0 retries the step is not tried again.", "idle")
        if retries and spec and spec.effect == "pure":
            yield scene.problem(step, "on_error", "This step only computes: again gives the same error.", "idle")
        if not retries and step.on_exhausted != "stop":
            yield scene.problem(step, "on_exhausted", "This counts only where “on error” is retry.", "idle")
        if step.goto_step and not step.targets():
            yield scene.problem(step, "goto_step", "This step is never gone to: “on error” is not goto.", "idle")
        if step.on_error != "stop" and "error" in scene.graph.branches(step.step_id):
            message = f"The edge for errors is followed; “{step.on_error}” has no effect."
            yield scene.problem(step, "on_error", message, "idle")


def _unknown_names(scene: _Scene) -> Findings:
    specs = [TRIGGERS[t.trigger_type] for t in scene.definition.triggers if t.trigger_type in TRIGGERS]
    known = ROOTS.union(*(spec.sample for spec in specs))
    variables = scene.definition.variables
    for step in scene.definition.steps:
        for name, value, ui in scene.fields(step):
            for ref in dict.fromkeys(ref[:2] for ref in _names(value, ui)):
                message = ""
                if ref[0] == "variables" and ref[1:] and ref[1] not in variables:
                    message = f"This workflow has no variable “{ref[1]}”.{nearest(ref[1], variables)}"
                elif ref[0] not in known and ref[0] not in variables and not ui.get("raw"):
                    message = f"“{ref[0]}” is looked for in the input, and must be there.{nearest(ref[0], known)}"
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
            yield scene.problem(step, "action_type", f"There is no step type “{step.action_type}”.", "unknown_type")


_Find = Callable[[_Scene], Findings]
_ERRORS: tuple[_Find, ...] = (
    _what_never_runs, partial(_params, doubtful=False), _wrong_references, _missing_things, _lost_edges, _own_gotos, _endless_loops,
)  # fmt: skip
_WARNINGS: tuple[_Find, ...] = (
    _no_trigger, _several_starts, _open_branches, _odd_loops, _idle_settings, _unknown_names,
    partial(_params, doubtful=True),
)  # fmt: skip
