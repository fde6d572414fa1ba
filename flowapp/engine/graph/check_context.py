"""A definition with what every check of it asks (engine.graph.checks)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowapp.catalog import ACTIONS, ActionSpec, Trait, TriggerSpec, stored_value
from flowapp.catalog.params import Hints, hints_of, resource_named, written_value
from flowapp.catalog.resources import Lookup
from flowapp.engine.graph.graph import Graph, goals
from flowapp.engine.graph.loop_bodies import bodies
from flowapp.engine.language.conditions import check_conditions
from flowapp.engine.language.conditions import references as condition_references
from flowapp.engine.language.expression import references
from flowapp.errors import Problem

if TYPE_CHECKING:
    from flowapp.engine.language.definition import Definition, StepDef

Findings = Iterator[Problem]
_NESTED: Hints = {"widget": "conditions", "raw": True}


@dataclass(frozen=True, slots=True)
class Known:
    """What the project has. None: not checked.

    `resources` looks up what params name. `sql(query, parameters)` says why a query cannot run, or nothing. `unpublished`
    are the workflows that no step can run yet, under every name; `columns` has those of each table, by its names in lower
    case, `fields` those of each form. `roles` are those that somebody has.
    """

    resources: Lookup | None = None
    roles: frozenset[str] | None = None
    unpublished: frozenset[str] = frozenset()
    columns: Mapping[str, frozenset[str]] | None = None
    fields: Mapping[str, frozenset[str]] | None = None
    sql: Callable[[str, dict[str, object]], str] | None = None


class CheckContext:
    """A definition, what the project has, and the graph. `bodies`: by loop, the steps inside it."""

    def __init__(self, definition: Definition, known: Known) -> None:
        self.definition = definition
        self.known = known
        self.graph = Graph(definition)
        self.bodies = bodies(self.graph)
        self.jumps = goals(definition)
        self.reachable = self.graph.reachable().union(*({goal} | self._after(goal) for goal in self.jumps))
        self.position = {step.step_id: at for at, step in enumerate(definition.steps)}

    def _after(self, goal: str) -> set[str]:
        return {step_id for step_id in self.graph.steps if self.graph.leads(goal, step_id)}

    def problem(self, step: StepDef, field: str, message: str, code: str) -> Problem:
        return Problem(f"steps.{self.position[step.step_id]}.{field}", message, step.step_id, code)

    def branches(self, step: StepDef) -> list[str]:
        """The branches that the step can end on, an error left out; names of its own params' making included."""
        spec = ACTIONS.get(step.action_type)
        own = spec.branches_of(step.params) if spec else ["next"]
        return list(dict.fromkeys([*own, *(b for b in self.graph.branches(step.step_id) if b != "error")]))

    def fields(self, step: StepDef) -> Iterator[tuple[str, object, Hints]]:
        """Name, value and form hints of every param that is set, of conditions in its rows too."""
        yield from with_hints(ACTIONS.get(step.action_type), step.params)

    def has(self, step: StepDef, trait: Trait) -> bool:
        """Whether the step's type has it."""
        spec = ACTIONS.get(step.action_type)
        return spec is not None and trait in spec.traits

    def around(self, step_id: str) -> set[str]:
        """The loops that a step is inside of."""
        return {loop for loop, body in self.bodies.items() if step_id in body}


def with_hints(
    spec: ActionSpec | TriggerSpec | None, values: Mapping[str, object]
) -> Iterator[tuple[str, object, Hints]]:
    """Name, value and form hints of params."""
    for name, value in values.items():
        hints: Hints = hints_of(spec.params, name) if spec else {}
        if spec and hints.get("resource"):
            meant = resource_named(hints["resource"], lambda field: written_value(spec.params, values, field))
            hints = {**hints, "resource": meant}
        yield name, value, hints
        if hints.get("widget") == "rows" and isinstance(value, list):
            for at, row in enumerate(value):
                if isinstance(row, dict) and isinstance(row.get("conditions"), dict | list):
                    yield f"{name}.{at}.conditions", row["conditions"], _NESTED


def is_shown(spec: ActionSpec | TriggerSpec, values: Mapping[str, object], ui: Hints) -> bool:
    """Whether a param counts with the choices made. One that was left out hides nothing: a query alone means that there is one."""
    chosen = ui.get("show_if") or {}
    return all(stored_value(spec.params, values, at) in ways for at, ways in chosen.items() if at in values)


def names(value: object, hints: Hints) -> list[tuple[str, ...]]:
    """The paths that a param names; none where conditions in rows are not well formed, which is a finding of its own."""
    if hints is _NESTED and check_conditions(value):
        return []
    conditions = hints.get("widget") == "conditions" and isinstance(value, dict | list)
    return condition_references(value) if conditions else references(value)
