"""What is wrong with the meaning of a definition: refused at publish, where its shape is refused at every save."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.engine.graph import checks_flow as flow
from flowapp.engine.graph import checks_names as named
from flowapp.engine.graph import checks_resources as resources
from flowapp.engine.graph.check_context import CheckContext, Findings, Known, is_shown, names
from flowapp.engine.graph.checks_integrations import unfit_actions
from flowapp.engine.graph.checks_people import unheld_roles
from flowapp.engine.language.conditions import check_conditions
from flowapp.engine.language.validation_messages import MAX_PROBLEMS, check_params, no_step
from flowapp.errors import Problem
from flowapp.texts import say

if TYPE_CHECKING:
    from flowapp.engine.language.definition import Definition, StepDef

__all__ = ["Known", "check"]


def check(definition: Definition, known: Known | None = None) -> tuple[list[Problem], list[Problem]]:
    """(errors, warnings) of a definition that `parse` accepted: the errors keep it from being published."""
    context = CheckContext(definition, known or Known())
    errors = [problem for find in _ERRORS for problem in islice(find(context), MAX_PROBLEMS)]
    return errors, [problem for find in _WARNINGS for problem in islice(find(context), MAX_PROBLEMS)]


def _wrong_references(context: CheckContext) -> Findings:
    for step in context.definition.steps:
        before = context.graph.before(step.step_id)
        for name, value, ui in context.fields(step):
            for step_id in dict.fromkeys(ref[1] for ref in names(value, ui) if ref[0] == "steps" and ref[1:]):
                if step_id not in context.position:
                    message = no_step(step_id, context.position)
                    yield context.problem(step, f"params.{name}", message, "unknown_step")
                elif not before & {step_id, *context.around(step_id)} and step.step_id in context.reachable:
                    message = say("“%(step)s” has not run before this step, so it has no result here.", step=step_id)
                    yield context.problem(step, f"params.{name}", message, "not_before")
    for at, trigger in enumerate(context.definition.triggers):
        if any(ref[0] == "steps" for ref in names(trigger.conditions, {"widget": "conditions"})):
            message = say("No step has run yet when a trigger fires. Use the input here.")
            yield Problem(f"triggers.{at}.conditions", message, code="not_before")


def _wrong_edges(context: CheckContext) -> Findings:
    for at, edge in enumerate(context.definition.edges):
        for ref in names(edge.conditions, {"widget": "conditions"}):
            if ref[0] == "steps" and ref[1:] and ref[1] not in context.position:
                message = no_step(ref[1], context.position)
                yield Problem(f"edges.{at}.conditions", message, edge.source, "unknown_step")


def _unpublished(context: CheckContext) -> Findings:
    """Workflows that a step is to run, and that cannot run yet."""
    waiting = {name.casefold() for name in context.known.unpublished}
    for step in context.definition.steps:
        for name, value, ui in context.fields(step):
            if ui.get("widget") == "workflow" and isinstance(value, str) and value.casefold() in waiting:
                message = say("The workflow “%(name)s” has not been published yet. Publish it first.", name=value)
                yield context.problem(step, f"params.{name}", message, "unpublished")


def _unready(context: CheckContext) -> Findings:
    for step in context.definition.steps:
        spec = ACTIONS.get(step.action_type)
        if spec and spec.unready and (message := spec.unready(step.params)):
            yield context.problem(step, "params", message, "unready")
    for at, trigger in enumerate(context.definition.triggers):
        starter = TRIGGERS.get(trigger.trigger_type)
        if trigger.is_active and starter and starter.unready and (message := starter.unready(trigger.config)):
            yield Problem(f"triggers.{at}.config", message, code="unready")


def _wrong_sql(context: CheckContext) -> Findings:
    """Of what is asked of the project's own tables; a connector's step asks a database of its own."""
    fault_of = context.known.sql
    for step in context.definition.steps if fault_of else ():
        for name, value, ui in context.fields(step):
            if ui.get("widget") != "sql" or not isinstance(value, str) or not value.strip():
                continue
            if ACTIONS[step.action_type].home or not is_shown(ACTIONS[step.action_type], step.params, ui):
                continue
            given = step.params.get("params")
            fault = fault_of(value, given if isinstance(given, dict) else {}) if fault_of else ""
            if fault:
                yield context.problem(step, f"params.{name}", fault, "wrong_sql")


def _wrong_conditions(context: CheckContext) -> Findings:
    """Conditions in rows, which the shape of the params does not tell."""
    for step in context.definition.steps:
        for name, value, hints in context.fields(step):
            if "." in name and hints.get("widget") == "conditions":
                for problem in check_conditions(value, f"params.{name}"):
                    yield context.problem(step, problem.path, problem.message, problem.code)


def _wrong_config(context: CheckContext) -> Findings:
    config = context.definition.config
    for field in ("concurrency_key", "debounce_key"):
        value = getattr(config, field)
        if any(ref[0] == "steps" for ref in names(value, {})):
            message = say("No step has run yet when an execution starts. Use the input here.")
            yield Problem(f"config.{field}", message, code="not_before")


def _from_inside_loops(context: CheckContext) -> Findings:
    """References to steps that run once for each item, seen from outside of the loop."""
    for step in context.definition.steps:
        around = context.around(step.step_id)
        for name, value, hints in context.fields(step):
            for step_id in dict.fromkeys(ref[1] for ref in names(value, hints) if ref[0] == "steps" and ref[1:]):
                hidden = context.around(step_id) - around
                for loop in [one for one in hidden if not context.around(one) & hidden]:
                    message = say(
                        "“%(step)s” runs for each item of “%(loop)s”. Outside the loop, use steps.%(loop)s.results.",
                        step=step_id,
                        loop=loop,
                    )
                    yield context.problem(step, f"params.{name}", message, "inside_loop")


def _no_trigger(context: CheckContext) -> Findings:
    triggers = context.definition.triggers
    if not triggers:
        message = say("This workflow can only be started by hand. Add a trigger.")
        yield Problem("triggers", message, code="no_trigger")
    elif not any(trigger.is_active for trigger in triggers):
        message = say("Every trigger is switched off, so this workflow can only be started by hand.")
        yield Problem("triggers", message, code="no_trigger")


def _idle_settings(context: CheckContext) -> Findings:
    for step in context.definition.steps:
        for field, message in _idle(context, step):
            yield context.problem(step, field, message, "idle")


def _idle(context: CheckContext, step: StepDef) -> Iterator[tuple[str, str]]:
    spec = ACTIONS.get(step.action_type)
    retries = step.on_error == "retry"
    if retries and step.retry_count == 0:
        yield "retry_count", say("With 0 retries, the step is not tried again.")
    if retries and spec and spec.effect == "pure":
        yield "on_error", say("This step only computes, so a retry gives the same error.")
    if not retries and step.on_exhausted != "stop":
        yield "on_exhausted", say("This applies only if “on error” is retry.")
    if step.goto_step and not step.targets():
        yield "goto_step", say("This step is never used, because “on error” is not goto.")
    if step.on_error != "stop" and "error" in context.graph.branches(step.step_id):
        yield "on_error", say("The error branch is taken, so “%(choice)s” has no effect.", choice=step.on_error)


def _params(context: CheckContext, *, doubtful: bool) -> Findings:
    """Of a definition that was stored, since types and their params may have changed."""
    for step in context.definition.steps:
        spec = ACTIONS.get(step.action_type)
        if spec:
            path = f"steps.{context.position[step.step_id]}.params"
            for problem in check_params(spec.params, step.params, path)[doubtful]:
                yield Problem(problem.path, problem.message, step.step_id, "doubtful" if doubtful else problem.code)
        elif not doubtful:
            message = say("There is no step type “%(name)s”.", name=step.action_type)
            yield context.problem(step, "action_type", message, "unknown_type")


_Find = Callable[[CheckContext], Findings]
_ERRORS: tuple[_Find, ...] = (
    flow.what_never_runs, partial(_params, doubtful=False), _wrong_conditions, _wrong_references, _wrong_edges,
    resources.missing_things, resources.missing_columns, _unpublished, _unready, unfit_actions,
    _wrong_sql, _wrong_config, flow.lost_edges, flow.own_gotos, flow.without_body, flow.endless_loops,
)  # fmt: skip
_WARNINGS: tuple[_Find, ...] = (
    _no_trigger, flow.several_starts, flow.open_branches, flow.odd_loops, flow.inside_and_after, flow.lonely_merges,
    flow.unanswered, flow.nobody_waits, unheld_roles, _from_inside_loops, _idle_settings, named.unknown_names, named.unknown_fields, named.unknown_events,
    resources.doubtful_things, partial(_params, doubtful=True),
)  # fmt: skip
