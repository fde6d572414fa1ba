"""A version made ready to run: its graph, and each step's parameters compiled. Made once per version and process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from flowapp.catalog import ActionSpec, Params, get_action, is_raw, secret_texts
from flowapp.engine.graph.graph import Graph, goals
from flowapp.engine.graph.loop_bodies import passed_by_each
from flowapp.engine.language.definition import Definition, StepDef
from flowapp.engine.language.expression import Compiled, has_expression
from flowapp.engine.language.insertion import compile_params
from flowapp.engine.language.scope import Scope
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.engine.machine.types import Policy
from flowapp.errors import InvalidError, StepError
from flowapp.texts import say

_KEPT = 256


class HasScope(Protocol):
    """A visit, which makes its scope when it is asked for."""

    @property
    def scope(self) -> Scope: ...


@dataclass(slots=True)
class Step:
    """A step ready to run. `fixed` is its validated parameters where they hold no expression; `secrets` are in clear."""

    definition: StepDef
    spec: ActionSpec
    compiled: Compiled
    raw: dict[str, object]
    fixed: Params | None
    secrets: tuple[str, ...] = ()

    def params(self, visit: HasScope) -> tuple[Params, dict[str, object]]:
        """The parameters of this visit, validated, and as plain JSON for the record."""
        if self.fixed is not None:
            return self.fixed, self.definition.params
        evaluated = self.compiled.evaluate(visit.scope)
        values = {**(evaluated if isinstance(evaluated, dict) else {}), **self.raw}
        return validate(self.spec, values), values


def validate(spec: ActionSpec, values: dict[str, object]) -> Params:
    """The parameters as their model. StepError (permanent) names each one that does not fit."""
    try:
        return spec.params.model_validate(values)
    except ValidationError as error:
        details = {p.path: p.message for p in plain_problems(error, values, spec.params)}
        text = "; ".join(f"{path}: {message}" if path else message for path, message in details.items())
        raise StepError(
            say("The parameters are not valid: %(text)s", text=text), permanent=True, details={"params": details}
        ) from None


class Program:
    """The graph of a version and its steps, compiled when first visited."""

    def __init__(self, definition: Definition, project_id: str) -> None:
        self.definition = definition
        self.project_id = project_id
        self.graph = Graph(definition)
        self.start = self.graph.start
        self._steps: dict[str, Step] = {}
        self._targets: dict[tuple[str, str], list[str]] = {}
        self._passed: dict[str, int] = {}
        self._policies: dict[str, Policy] = {}
        self.timeout = definition.config.timeout
        self.max_visits = definition.config.max_visits
        # The conditions of edges that have some, by source and branch, then by target.
        self._guards: dict[tuple[str, str], dict[str, object]] = {}
        for edge in definition.edges:
            if edge.conditions:
                self._guards.setdefault((edge.source, edge.branch), {})[edge.target] = edge.conditions
        self.goals = goals(definition)
        self.asks_resume_url = any("resume_url" in str(step.params) for step in definition.steps)
        hours = definition.config.business_hours
        self.business_hours = hours.model_dump() if hours else None

    def next(self, step_id: str, branch: str) -> list[str]:
        """Where the flow goes from a step along a branch."""
        targets = self._targets.get((step_id, branch))
        if targets is None:
            targets = self._targets[step_id, branch] = self.graph.next(step_id, branch)
        return targets

    def guarded(self, step_id: str, branch: str) -> dict[str, object]:
        """The conditions of the edges on a branch that have some, by their target."""
        return self._guards.get((step_id, branch), {})

    def leads(self, step_id: str, target: str, around: frozenset[str]) -> bool:
        """Whether the flow can come from a step to another without leaving the items of the loops `around` it."""
        return self.graph.leads(step_id, target, around)

    def passed_by_each(self, loop: str) -> int:
        """How many steps every item of a loop passes where nothing fails (engine.graph.loop_bodies)."""
        if loop not in self._passed:
            self._passed[loop] = passed_by_each(self.graph, loop, self.guarded)
        return self._passed[loop]

    def policy(self, step_id: str) -> Policy:
        """What to do when the step fails."""
        if step_id not in self._policies:
            step = self.graph.steps[step_id]
            self._policies[step_id] = {
                "on_error": step.on_error,
                "on_exhausted": step.on_exhausted,
                "goto_step": step.goto_step,
                "retry_count": step.retry_count,
                "retry_delay": step.retry_delay,
            }
        return self._policies[step_id]

    def step(self, step_id: str) -> Step:
        """The step, compiled."""
        found = self._steps.get(step_id)
        if found is None:
            found = self._steps[step_id] = _compile(self.graph.steps[step_id])
        return found


def _compile(step: StepDef) -> Step:
    spec = get_action(step.action_type)
    raw = {k: v for k, v in step.params.items() if is_raw(spec, k)}
    rest = {k: v for k, v in step.params.items() if k not in raw}
    fixed = None
    if not has_expression(rest):
        with suppress(StepError):  # what this release no longer takes fails the attempt, not the execution
            fixed = validate(spec, step.params)
    compiled = compile_params(spec.params, rest)
    return Step(step, spec, compiled, raw, fixed, tuple(secret_texts(spec.params, step.params)))


class Programs:
    """The programs of this process, by version id: versions never change, so a program is never stale.

    `open_secrets` gives a copy of stored JSON with its sealed secrets in clear.
    """

    def __init__(self, open_secrets: Callable[[Any], Any] = lambda stored: stored) -> None:
        self._open = open_secrets
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version_id: str) -> Program | None:
        """The program of a version, if it was made before."""
        with self._lock:
            program = self._programs.get(version_id)
            if program is not None:
                self._programs.move_to_end(version_id)
            return program

    def make(self, version_id: str, definition: Mapping[str, object], project_id: str) -> Program:
        """Makes and keeps the program of a version. InvalidError where this release cannot read it."""
        opened = {**definition, "steps": self._open(definition.get("steps", []))}
        try:
            program = Program(Definition.model_validate(opened), project_id)
        except ValidationError as error:
            raise InvalidError(plain_problems(error, opened, Definition)) from None
        with self._lock:
            self._programs[version_id] = program
            if len(self._programs) > _KEPT:
                self._programs.popitem(last=False)
        return program
