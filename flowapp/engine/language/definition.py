"""The definition of a workflow: its canonical shape, and `parse`, which refuses everything else in plain words.

A field that later features need is added to the model here, with a default that means "as before": stored versions
then stay readable, and the JSON Schema, the API and the canonical form follow.
`Definition.model_validate(stored)` reads a stored version by its shape alone; `parse` is for what people send, and
also looks every step and trigger up in the catalog.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid5

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from flowapp.catalog import ACTIONS, N_, TRIGGERS, canonical_type, get_action, get_trigger
from flowapp.engine.language.conditions import check_conditions, normalize
from flowapp.engine.language.expression import check
from flowapp.engine.language.validation_messages import (
    MAX_PROBLEMS,
    as_problems,
    check_params,
    known_list,
    nearest,
    no_step,
    plain_problems,
)
from flowapp.engine.language.workflow_config import Model, Whole, WorkflowConfig, matching
from flowapp.errors import FlowError, InvalidError, NotFoundError, Problem
from flowapp.exact_json import Json
from flowapp.models.definitions import DefinitionJson, OnError, OnExhausted, StepJson
from flowapp.texts import say

MAX_DEPTH = 32
MAX_INT_BITS = 1024
STEP_ID = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"


_ID_WORDS = say("Start with a letter or _, followed by letters, digits, _ or -; at most 64 characters.")
StepId = Annotated[str, matching(STEP_ID, _ID_WORDS), Field(json_schema_extra={"pattern": STEP_ID})]
ActionType = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(lambda t: canonical_type("action", t))]
TriggerType = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(lambda t: canonical_type("trigger", t))
]


class Position(Model):
    """Where a person put the step on the canvas."""

    x: float
    y: float


class TriggerDef(Model):
    """What starts the workflow. `key` stays the same when the trigger is edited; absent, it is made: webhook_1."""

    key: StepId
    trigger_type: TriggerType
    config: Json = Field(default_factory=dict)
    conditions: object = None
    is_active: bool = True


class StepDef(Model):
    """One step. `retry_delay` and `timeout` are seconds; `order` counts where there are no edges."""

    step_id: StepId
    name: str = Field(default="", max_length=200)
    action_type: ActionType
    params: Json = Field(default_factory=dict)
    order: Whole = Field(default=0, ge=0, le=1_000_000)
    on_error: OnError = "stop"
    on_exhausted: OnExhausted = "stop"
    goto_step: StepId | None = None
    retry_count: Whole = Field(default=3, ge=0, le=20)
    retry_delay: Whole = Field(default=60, ge=0, le=86_400)
    timeout: Whole = Field(default=30, ge=1, le=3600)
    position: Position | None = None

    def targets(self) -> tuple[str, ...]:
        """The step that an error may send the flow to, if any."""
        uses_goto = self.on_error == "goto" or (self.on_error == "retry" and self.on_exhausted == "goto")
        return (self.goto_step,) if uses_goto and self.goto_step else ()


class EdgeDef(Model):
    """From step to step, followed when the source ends on `branch` and the `conditions`, if any, hold then."""

    source: StepId
    target: StepId
    branch: str = Field(default="next", min_length=1, max_length=64)
    label: str = Field(default="", max_length=200)
    conditions: object = None

    @property
    def key(self) -> str:
        """What tells this edge from the others of its workflow (ids contain no “>”)."""
        return f"{self.source}>{self.target}>{self.branch}"


Conditional = TypeVar("Conditional", TriggerDef, EdgeDef)


class Definition(Model):
    """A whole workflow in canonical form. `language`: the meaning of values that it was written for (docs/values.md)."""

    language: Literal[1, 2, 3] = 1
    name: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=10_000)
    variables: Json = Field(default_factory=dict)
    config: WorkflowConfig = Field(default_factory=WorkflowConfig)
    triggers: list[TriggerDef] = Field(default_factory=list, max_length=100)
    steps: list[StepDef] = Field(default_factory=list, max_length=500)
    edges: list[EdgeDef] = Field(default_factory=list, max_length=2000)

    @field_validator("name")
    @classmethod
    def _not_blank(cls, name: str) -> str:
        if not name.strip():
            raise ValueError(say("This must not be empty."))
        return name

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: object) -> object:
        """Fills in what follows from the place in the list: order and name of steps, keys of triggers."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        if isinstance(data.get("steps"), list):
            filled["steps"] = [_complete_step(step, at) for at, step in enumerate(data["steps"], start=1)]
        if isinstance(data.get("triggers"), list):
            filled["triggers"] = _complete_triggers(data["triggers"])
        return filled

    def canonical(self) -> DefinitionJson:
        """The stable JSON form: every default written out, but for what came later and few definitions have.

        Those are `position`, the `label` and `conditions` of edges, and the first language: without them, a definition
        of before has the form and the fingerprint that it had.
        """
        dumped: Any = self.model_dump()
        if self.language == 1:
            del dumped["language"]
        for step in dumped["steps"]:
            if step["position"] is None:
                del step["position"]
        dumped["edges"] = [
            {name: value for name, value in edge.items() if value or name == "branch"} for edge in dumped["edges"]
        ]
        written: DefinitionJson = dumped
        return written

    def fingerprint(self) -> str:
        """Sha256 (hex) of the canonical JSON: equal fingerprints mean equal definitions."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def stored_step(step: StepDef) -> StepJson:
    """A step as definitions hold it."""
    dumped: Any = step.model_dump(exclude_none=True) | {"goto_step": step.goto_step}
    written: StepJson = dumped
    return written


def _complete_step(step: object, at: int) -> object:
    if not isinstance(step, dict):
        return step
    name = step.get("name", "")
    return {"order": at, **step, "name": step.get("step_id", "") if name == "" else name}


def _complete_triggers(triggers: Sequence[object]) -> list[object]:
    taken = {t["key"] for t in triggers if isinstance(t, dict) and isinstance(t.get("key"), str)}
    filled = []
    for trigger in triggers:
        if isinstance(trigger, dict) and trigger.get("key") is None:
            kind = trigger.get("trigger_type")
            key = free_key(canonical_type("trigger", kind) if isinstance(kind, str) else "trigger", taken)
            taken.add(key)
            trigger = {**trigger, "key": key}  # noqa: PLW2901 - the completed copy takes its place
        filled.append(trigger)
    return filled


def free_key(kind: str, taken: set[str]) -> str:
    """The first of kind_1, kind_2 … that is not taken."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in kind)[:50]
    stem = stem if stem[:1].isalpha() else f"_{stem}"
    return next(key for n in range(1, len(taken) + 2) if (key := f"{stem}_{n}") not in taken)


def entity_id(workflow_id: str, kind: Literal["step", "edge", "trigger"], key: str) -> str:
    """The id of a step, edge or trigger: uuid5 of its workflow and its key, the same whichever way it came."""
    return str(uuid5(UUID(workflow_id), f"{kind}:{key}"))


def json_schema() -> Json:
    """JSON Schema (2020-12) of the canonical form."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Definition.model_json_schema()}


def parse(data: object) -> Definition:
    """Reads the canonical form as a person or a client sent it. InvalidError carries every problem (100 of a kind)."""
    problems = json_problems(data)
    if problems:
        raise InvalidError(problems)
    definition = None
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        problems = plain_problems(error, data, Definition)
    if isinstance(data, dict):
        for find in (_config_problems, _trigger_problems, _step_problems, _edge_problems):
            problems += islice(find(data), MAX_PROBLEMS)
    if definition is None or problems:
        raise InvalidError([_with_step(problem, data) for problem in problems])
    triggers, edges = map(_normal, definition.triggers), map(_normal, definition.edges)
    return definition.model_copy(update={"triggers": list(triggers), "edges": list(edges)})


def _normal(part: Conditional) -> Conditional:
    """The same with its conditions as they are written by us."""
    return part.model_copy(update={"conditions": normalize(part.conditions) or None})


def _entries(data: Json, name: str) -> Iterator[tuple[str, Json]]:
    """Path and value of each entry that has the right shape; the others are the model's to complain about."""
    entries = data.get(name)
    for at, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield f"{name}.{at}", entry


def _with_step(problem: Problem, data: object) -> Problem:
    """The problem with the id of the step that it lies in."""
    for path, step in _entries(data, "steps") if isinstance(data, dict) else ():
        step_id = step.get("step_id")
        if f"{problem.path}.".startswith(f"{path}.") and isinstance(step_id, str):
            return Problem(problem.path, problem.message, step_id, problem.code)
    return problem


def _twice(entries: Iterator[tuple[str, Json]], field: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, entry in entries:
        value = entry.get(field)
        if isinstance(value, str):
            if value in seen:
                message = say("“%(value)s” is used twice: each must be unique.", value=value)
                yield Problem(f"{path}.{field}", message, code="duplicate")
            seen.add(value)


def _config_problems(data: Json) -> Iterator[Problem]:
    config = data.get("config")
    if isinstance(config, dict):
        for field in ("concurrency_key", "debounce_key"):
            yield from check(config.get(field), f"config.{field}")


def _trigger_problems(data: Json) -> Iterator[Problem]:
    yield from _twice(_entries(data, "triggers"), "key")
    for path, trigger in _entries(data, "triggers"):
        yield from check_conditions(trigger.get("conditions"), f"{path}.conditions")
        name, config = trigger.get("trigger_type"), trigger.get("config", {})
        if not isinstance(name, str) or not name:
            continue
        try:
            spec = get_trigger(name)
        except NotFoundError:
            yield _unknown(f"{path}.trigger_type", "trigger", name, set(TRIGGERS))
            continue
        if isinstance(config, dict):
            yield from check_trigger_config(spec.type, config, f"{path}.config")


def _step_problems(data: Json) -> Iterator[Problem]:
    yield from _twice(_entries(data, "steps"), "step_id")
    known = _step_ids(data)
    for path, step in _entries(data, "steps"):
        goto, jumps = step.get("goto_step"), "goto" in (step.get("on_error"), step.get("on_exhausted"))
        if goto is None and jumps:
            yield Problem(f"{path}.goto_step", say("Choose the step to go to."), code="missing")
        elif isinstance(goto, str) and goto not in known:
            yield _no_step(f"{path}.goto_step", goto, known)
        name, params = step.get("action_type"), step.get("params", {})
        if not isinstance(name, str) or not name:
            continue
        try:
            spec = get_action(name)
        except NotFoundError:
            yield _unknown(f"{path}.action_type", "step", name, set(ACTIONS))
            continue
        if isinstance(params, dict):
            yield from check_params(spec.params, params, f"{path}.params")[0]


def _edge_problems(data: Json) -> Iterator[Problem]:
    known, seen = _step_ids(data), set()
    for path, edge in _entries(data, "edges"):
        ends = [edge.get("source"), edge.get("target"), edge.get("branch", "next")]
        for field, step_id in zip(("source", "target"), ends, strict=False):
            if isinstance(step_id, str) and step_id not in known:
                yield _no_step(f"{path}.{field}", step_id, known)
        key = json.dumps(ends)
        if key in seen:
            message = say("This edge already exists: remove one of the two.")
            yield Problem(path, message, code="duplicate")
        seen.add(key)
        yield from check_conditions(edge.get("conditions"), f"{path}.conditions")


def _step_ids(data: Json) -> set[str]:
    return {step_id for _, step in _entries(data, "steps") if isinstance(step_id := step.get("step_id"), str)}


def _no_step(path: str, step_id: str, known: set[str]) -> Problem:
    return Problem(path, no_step(step_id, known), code="unknown_step")


_UNKNOWN = {
    "step": N_("There is no step type “%(name)s”.%(near)s%(known)s"),
    "trigger": N_("There is no trigger type “%(name)s”.%(near)s%(known)s"),
}


def _unknown(path: str, kind: Literal["step", "trigger"], name: str, known: set[str]) -> Problem:
    message = say(_UNKNOWN[kind], name=name, near=nearest(name, known), known=known_list(known))
    return Problem(path, message, code="unknown_type")


def check_trigger_config(trigger_type: str, config: Json, path: str) -> list[Problem]:
    """What is wrong with a trigger's config. Nothing is evaluated there, so an expression excuses no wrong type."""
    spec = get_trigger(trigger_type)
    problems = check(config, path)
    try:
        model = spec.params.model_validate(config)
        if spec.check is not None:
            spec.check(model)
    except ValidationError as error:
        problems += plain_problems(error, config, spec.params, path)
    except FlowError as error:
        problems += as_problems(error, path)
    return problems


def json_problems(value: object, path: str = "", depth: int = MAX_DEPTH + 3) -> list[Problem]:
    """What keeps `value` from being stored as JSON: depth, foreign types, NaN, text that is not Unicode."""
    inner = partial(json_problems, depth=depth - 1)
    wrong = ""
    if isinstance(value, dict | list):
        if depth == 0:
            message = say("This is nested more than %(max)s levels deep.", max=MAX_DEPTH)
            return [Problem(path, message, code="too_deep")]
        if isinstance(value, list):
            return [p for at, v in enumerate(value) for p in inner(v, f"{path}.{at}".lstrip("."))]
        if any(not isinstance(key, str) or json_problems(key) for key in value):
            return [Problem(path, say("Every name must be text that can be stored."))]
        return [p for key, v in value.items() for p in inner(v, f"{path}.{key}".lstrip("."))]
    if isinstance(value, str):
        if "\0" in value or not _is_unicode(value):
            wrong = say("This text contains a character that cannot be stored (NUL or half a surrogate pair).")
    elif isinstance(value, float) and not math.isfinite(value):
        wrong = say("This is not a finite number.")
    elif isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        wrong = say("This number is too large.")
    elif value is not None and not isinstance(value, bool | int | float):
        wrong = say("Only text, numbers, true, false, null, lists and objects are allowed.")
    return [Problem(path, wrong)] if wrong else []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
