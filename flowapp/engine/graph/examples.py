"""Examples: what a trigger may bring, and what steps that have not run yet may give, as they are declared or as their params say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from flowapp.catalog import ACTIONS, TRIGGERS, StepContext
from flowapp.engine.language.conditions import Explanation, evaluate
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.scope import Scope
from flowapp.errors import FlowError
from flowapp.models.definitions import DefinitionJson, StepJson
from flowapp.values.conventions import UNSTATED, Conventions

ENTRIES = 3  # of a list, where an example is made of known values
_BY_TYPE = {"email": "ada@example.com", "number": 42, "boolean": True, "date": "2026-03-31", "select": "…"}


def sample_input(
    definition: DefinitionJson, form_fields: Mapping[str, Sequence[Mapping[str, object]]] | None = None
) -> dict[str, object]:
    """An input as the first trigger would give it. `form_fields` has each form's fields by its slug."""
    for trigger in definition["triggers"]:
        spec = TRIGGERS.get(trigger["trigger_type"])
        if spec is None or not trigger.get("is_active", True):
            continue
        form_id = trigger["config"].get("form_id", "")
        fields = (form_fields or {}).get(str(form_id)) if spec.source == "form" else None
        if fields:
            answers = {
                entry["key"]: _BY_TYPE.get(str(entry.get("type", "")), entry.get("label", "…")) for entry in fields
            }
            return {"form_id": form_id, "form_data": answers}
        return dict(spec.sample)
    return {}


def with_examples(
    steps: Iterable[StepJson], input_data: object, variables: Mapping[str, object], results: Mapping[str, object]
) -> dict[str, object]:
    """The known results by step_id, and an example for each of `steps`, in the order of the flow, that has none.

    A step whose result nobody can tell before it runs is left out.
    """
    known = dict(results)
    given = _shortened(input_data)
    for step in steps:
        if known.get(step["step_id"]) is None:
            views = {key: {"result": _shortened(value), "status": "completed"} for key, value in known.items()}
            example = _example(step, Scope(input=given, variables=variables, steps=views))
            if example is not None:
                known[step["step_id"]] = example
    return known


def _example(step: StepJson, scope: Scope) -> object:
    spec = ACTIONS.get(step["action_type"])
    if spec is None or spec.sample_of is None:
        return spec.sample if spec else None
    try:
        params = {
            name: value if name in spec.raw else compile_value(value).evaluate(scope, lenient=True)
            for name, value in step["params"].items()
        }
        return spec.sample_of(_context(step, scope), spec.params.model_validate(params))
    except (FlowError, ValidationError, ArithmeticError):
        return None


class _NoServices:
    """What an example may use beside values: how the organization writes numbers and dates is not known."""

    def conventions(self) -> Conventions:
        return UNSTATED


def _context(step: StepJson, scope: Scope) -> StepContext:
    def within(names: Mapping[str, object]) -> Scope:
        return scope.extended(names) if names else scope

    def render(value: object, **names: object) -> object:
        return compile_value(value).evaluate(within(names), lenient=True)

    def test(conditions: object, **names: object) -> tuple[bool, Sequence[Explanation]]:
        return evaluate(conditions, within(names))

    def silent(*_message: object, **_data: object) -> None:
        return

    return StepContext(  # type: ignore[abstract] # what it does not have itself is the services'
        services=_NoServices(),  # type: ignore[arg-type] # an example reaches nothing
        execution_id="", workflow_id="", organization_id="", project_id="", idempotency_key="", step_id=step["step_id"], step_name=step["name"], attempt=1, iteration=0, timeout=1.0,
        now=lambda: datetime.now(UTC), timezone="UTC", log=silent, render=render, test=test,
    )  # fmt: skip


def _shortened(value: object) -> object:
    """The value with the beginning of its lists only."""
    if isinstance(value, dict):
        return {key: _shortened(entry) for key, entry in value.items()}
    return [_shortened(entry) for entry in value[:ENTRIES]] if isinstance(value, list) else value
