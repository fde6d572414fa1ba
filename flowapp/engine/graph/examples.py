"""Examples: what a trigger may bring, and what steps that have not run yet may give, as they are declared or as their params say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from flowapp.catalog import ACTIONS, TRIGGERS, ActionSpec, Outcome, StepContext, is_raw, ui_of
from flowapp.catalog.rows import SampleFunction
from flowapp.engine.graph.example_services import BY_TYPE, ExampleServices, Shapes
from flowapp.engine.language.conditions import Explanation, evaluate
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.scope import Scope
from flowapp.errors import FlowError, StepError
from flowapp.models.definitions import DefinitionJson, StepJson
from flowapp.texts import say

ENTRIES = 3  # of a list, where an example is made of known values
UNKNOWN = Shapes()
ROWS = 30  # that are looked at, each with those before it


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
                entry["key"]: BY_TYPE.get(str(entry.get("type", "")), entry.get("label", "…")) for entry in fields
            }
            return {"form_id": form_id, "form_data": answers}
        return dict(spec.sample)
    return {}


def with_examples(
    steps: Iterable[StepJson],
    input_data: object,
    variables: Mapping[str, object],
    results: Mapping[str, object],
    shapes: Shapes = UNKNOWN,
) -> dict[str, object]:
    """The known results by step_id, and an example for each of `steps`, in the order of the flow, that has none.

    A step whose result nobody can tell before it runs is left out.
    """
    known = dict(results)
    given = shortened(input_data)
    for step in steps:
        if known.get(step["step_id"]) is None:
            views = {key: {"result": shortened(value), "status": "completed"} for key, value in known.items()}
            example = _example(step, Scope(input=given, variables=variables, steps=views), shapes)
            if example is not None:
                known[step["step_id"]] = example
    return known


def _example(step: StepJson, scope: Scope, shapes: Shapes) -> object:
    """Made of the params where that can be told, else as it is declared."""
    spec = ACTIONS.get(step["action_type"])
    if spec is None:
        return None
    try:
        params = _evaluated(spec, step, scope)
        if spec.runs and isinstance(spec.sample, dict):
            return {**spec.sample, "output": shapes.output(str(params.get(spec.runs, "")))}
        if spec.sample_of:
            return spec.sample_of(_context(step, scope, shapes), spec.params.model_validate(params))
    except (FlowError, ValidationError, ArithmeticError):
        pass
    return spec.sample


class RowExample(NamedTuple):
    """What a row is `given` of the examples, after those before it, and what it would make of that; or why it would not."""

    given: object
    made: object = None
    error: str = ""


def row_examples(step: StepJson, scope: Scope, shapes: Shapes = UNKNOWN) -> dict[str, list[RowExample]]:
    """For each parameter that has rows, what is known of each, up to one that is not complete."""
    spec = ACTIONS.get(step["action_type"])
    if spec is None or spec.row_samples is None:
        return {}
    try:
        given = spec.row_samples.given(_context(step, scope, shapes), _evaluated(spec, step, scope))
    except FlowError:
        return {}
    found: dict[str, list[RowExample]] = {}
    for name in spec.params.model_fields:
        rows = step["params"].get(name)
        if ui_of(spec.params, name).get("widget") == "rows" and isinstance(rows, list):
            made = spec.row_samples.made
            fixed = [RowExample(given)] * len(rows)
            found[name] = list(_rows_made(spec, made, step, scope, name, given)) if made else fixed
    return found


def _rows_made(
    spec: ActionSpec, make: SampleFunction, step: StepJson, scope: Scope, name: str, given: object
) -> Iterator[RowExample]:
    rows: Any = step["params"][name]
    for count in range(1, len(rows[:ROWS]) + 1):
        try:
            evaluated = _evaluated(spec, {**step, "params": {**step["params"], name: rows[:count]}}, scope)
            made = make(_context(step, scope, UNKNOWN), spec.params.model_validate(evaluated))
        except ValidationError:
            yield RowExample(given)
            return
        except (FlowError, ArithmeticError) as error:
            yield RowExample(given, None, str(error))
            return
        yield RowExample(given, made)
        given = made


def _evaluated(spec: ActionSpec, step: StepJson, scope: Scope) -> dict[str, object]:
    """The step's params as its action would get them."""
    return {
        name: value if is_raw(spec, name) else compile_value(value).evaluate(scope, lenient=True)
        for name, value in step["params"].items()
    }


def _context(step: StepJson, scope: Scope, shapes: Shapes) -> StepContext:
    def within(names: Mapping[str, object]) -> Scope:
        return scope.extended(names) if names else scope

    def render(value: object, **names: object) -> object:
        return compile_value(value).evaluate(within(names), lenient=True)

    def test(conditions: object, **names: object) -> tuple[bool, Sequence[Explanation]]:
        return evaluate(conditions, within(names))

    def silent(*_message: object, **_data: object) -> None:
        return

    return StepContext(  # type: ignore[abstract] # what it does not have itself is the services'
        services=ExampleServices(shapes),  # type: ignore[arg-type] # an example reaches nothing
        execution_id="", workflow_id="", organization_id="", project_id="", idempotency_key="", step_id=step["step_id"], step_name=step["name"], attempt=1, iteration=0, timeout=1.0,
        now=lambda: datetime.now(UTC), timezone="UTC", log=silent, render=render, test=test, perform=_reaches_nothing,
    )  # fmt: skip


def _reaches_nothing(action_type: str, params: Mapping[str, object]) -> Outcome:  # noqa: ARG001
    raise StepError(say("An example does nothing."))


def shortened(value: object) -> object:
    """The value with the beginning of its lists only: an example need not be long."""
    if isinstance(value, dict):
        return {key: shortened(entry) for key, entry in value.items()}
    return [shortened(entry) for entry in value[:ENTRIES]] if isinstance(value, list) else value


def field_names(value: object, depth: int = 2) -> list[str]:
    """The dotted names of a record's fields, or of those of a list's first one."""
    record = value[0] if isinstance(value, list) and value else value
    names: list[str] = []
    for key, entry in record.items() if isinstance(record, dict) else ():
        inner = field_names(entry, depth - 1) if depth > 1 and isinstance(entry, dict) else []
        names += [key, *(f"{key}.{name}" for name in inner)]
    return names
