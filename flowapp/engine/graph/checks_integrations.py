"""Checks of a step that does an action of an integration: that there is such an action, and that it takes the params given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flowapp.catalog import ACTIONS, ActionSpec, connector_meant, integration_action, stored_value, ui_of
from flowapp.engine.graph.check_context import CheckContext, Findings
from flowapp.engine.language.expression import has_expression
from flowapp.engine.language.validation_messages import check_params
from flowapp.errors import NotFoundError, Problem

_CODES = ("unknown_field", "missing")  # what fails every run, whatever expressions give


class _Names(NamedTuple):
    """The fields of a step type that say which action is meant, of which integration, with which params."""

    params: str
    action: str
    integration: str


def unfit_actions(context: CheckContext) -> Findings:
    """Actions that the integration does not have, and params that the action does not take or lacks."""
    for step in context.definition.steps:
        spec = ACTIONS.get(step.action_type)
        names = _names_of(spec) if spec else None
        if spec is None or names is None:
            continue
        try:
            meant = _meant(context, spec, names, step.params)
        except NotFoundError as error:
            yield context.problem(step, f"params.{names.action}", error.message, "unready")
            continue
        for problem in _unfit(spec, names, meant, step.params) if meant else ():
            yield context.problem(step, f"params.{problem.path}", problem.message, problem.code)


def _names_of(spec: ActionSpec) -> _Names | None:
    for name in spec.params.model_fields:
        hints = ui_of(spec.params, name)
        if hints.get("widget") == "action_params":
            action = hints["depends_on"]
            return _Names(name, action, ui_of(spec.params, action)["depends_on"])
    return None


def _meant(context: CheckContext, spec: ActionSpec, names: _Names, params: Mapping[str, object]) -> ActionSpec | None:
    """None where an expression decides, or where nobody knows the integration. NotFoundError."""
    reference, name = params.get(names.integration), stored_value(spec.params, params, names.action)
    if not isinstance(reference, str) or not isinstance(name, str) or has_expression([reference, name]):
        return None
    known = context.known.resources
    service = connector_meant(known.choices("integration") if known else (), reference)
    return integration_action(service, name) if service else None


def _unfit(spec: ActionSpec, names: _Names, meant: ActionSpec, params: Mapping[str, object]) -> Iterator[Problem]:
    beside = {name: value for name, value in params.items() if name not in spec.params.model_fields}
    given = stored_value(spec.params, params, names.params)
    whole = not isinstance(given, dict)  # one expression for all of them
    values = {**(given if isinstance(given, dict) else {}), **beside, names.integration: params[names.integration]}
    for problem in check_params(meant.params, values, "")[0]:
        path = problem.path.removeprefix(".")
        if problem.code in _CODES and not (whole and problem.code == "missing"):
            here = path if path.partition(".")[0] in beside else f"{names.params}.{path}"
            yield Problem(here, problem.message, code=problem.code)
