"""Whom steps ask: roles that nobody has."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from flowapp.catalog import ACTIONS, Question
from flowapp.engine.graph.check_context import CheckContext, Findings
from flowapp.engine.language.definition import StepDef
from flowapp.engine.language.expression import has_expression
from flowapp.texts import say


def unheld_roles(context: CheckContext) -> Findings:
    """A role that nobody has: only higher ones are asked."""
    held = context.known.roles
    for step, asked in _questions(context) if held is not None else ():
        if not asked.members and not has_expression(asked.role) and asked.role not in (held or ()):
            message = say(
                "Nobody has the role %(role)s now, so only members with a higher role will be asked.",
                role=say(asked.role),
            )
            yield context.problem(step, "params.role", message, "unheld_role")


def _questions(context: CheckContext) -> Iterator[tuple[StepDef, Question]]:
    for step in context.definition.steps:
        spec = ACTIONS.get(step.action_type)
        try:
            asked = spec.question(spec.params.model_validate(step.params)) if spec and spec.question else None
        except ValidationError:
            continue  # said elsewhere, or an expression whose value nobody knows yet
        if asked:
            yield step, asked
