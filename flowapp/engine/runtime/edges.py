"""Edges with conditions: tested when the token that came along one is about to run its step."""

from __future__ import annotations

from flowapp.engine.language.conditions import evaluate
from flowapp.engine.machine.types import Token
from flowapp.engine.runtime.visit_context import Results, VisitContext
from flowapp.errors import FlowError
from flowapp.texts import say


def refusal(context: VisitContext, results: Results, token: Token) -> tuple[str, str] | None:
    """Why the edge that the token came along is not followed (level and message of a line); None where it is.

    Its conditions see what the step sees that it leads to. Ones that cannot be evaluated do not hold.
    """
    program = context.program
    conditions = program.guarded(token["from"], token["edge"])[token["step"]]
    name = program.step(token["step"]).definition.name
    try:
        holds, _why = evaluate(conditions, context.scope(results, token.get("frame", "")))
    except FlowError as error:
        words = say(
            "The conditions of the edge to “%(name)s” cannot be evaluated: %(error)s", name=name, error=error.message
        )
        return "warning", words
    return None if holds else ("info", say("The conditions of the edge to “%(name)s” are not met.", name=name))
