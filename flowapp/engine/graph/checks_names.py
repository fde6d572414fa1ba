"""Checks of the names that a definition uses: of fields, variables, events, and what is read from the input."""

from __future__ import annotations

from flowapp.catalog import TRIGGERS
from flowapp.catalog.entities import known_names
from flowapp.engine.graph.check_context import CheckContext, Findings, names
from flowapp.engine.graph.checks_resources import listed
from flowapp.engine.language.expression import has_expression
from flowapp.engine.language.validation_messages import nearest
from flowapp.events.types import EVENT_TYPES, is_known
from flowapp.texts import say

# What an expression may begin with (DESIGN §4 and §8), besides the names of entities; others are looked for in the input.
ROOTS = frozenset(
    {"input", "variables", "steps", "form_data", "context", "timestamp", "now", "resume_url", "event"}
)  # fmt: skip
IN_LOOPS = frozenset({"item", "index", "items", "parent_item"})


def unknown_names(context: CheckContext) -> Findings:
    specs = [TRIGGERS[t.trigger_type] for t in context.definition.triggers if t.trigger_type in TRIGGERS]
    anywhere = ROOTS.union(known_names(), *(spec.sample for spec in specs))
    for step in context.definition.steps:
        known = anywhere | IN_LOOPS if context.around(step.step_id) else anywhere
        for name, value, hints in context.fields(step):
            for ref in dict.fromkeys(ref[:2] for ref in names(value, hints)):
                if message := _unknown(context, ref, known, raw=bool(hints.get("raw"))):
                    yield context.problem(step, f"params.{name}", message, "unknown_name")


def _unknown(context: CheckContext, ref: tuple[str, ...], known: frozenset[str], *, raw: bool) -> str:
    variables = context.definition.variables
    if ref[0] == "variables" and ref[1:] and ref[1] not in variables:
        return say("This workflow has no variable “%(name)s”.%(near)s", name=ref[1], near=nearest(ref[1], variables))
    if ref[0] in known or ref[0] in variables or raw:
        return ""
    if ref[0] in IN_LOOPS:
        return say("“%(name)s” exists only inside a loop; elsewhere it is read from the input.", name=ref[0])
    near = nearest(ref[0], known)
    return say("“%(name)s” is read from the input and must be there.%(near)s", name=ref[0], near=near)


def unknown_fields(context: CheckContext) -> Findings:
    """Answers that none of the forms which start the workflow asks for, where nothing else starts it."""
    answers = _answers(context)
    for step in context.definition.steps if answers else ():
        for name, value, hints in context.fields(step):
            refs = (ref[1:] if ref[:2] == ("input", "form_data") else ref for ref in names(value, hints))
            for field in dict.fromkeys(ref[1] for ref in refs if ref[0] == "form_data" and ref[1:]):
                if field not in answers:
                    message = say("The form has no field “%(name)s”.%(near)s", name=field, near=nearest(field, answers))
                    yield context.problem(step, f"params.{name}", message, "unknown_field")


def _answers(context: CheckContext) -> frozenset[str]:
    """The fields of all forms that start the workflow; none where they, or what else starts it, cannot be told."""
    triggers = [trigger for trigger in context.definition.triggers if trigger.is_active]
    of_form = [TRIGGERS.get(trigger.trigger_type) for trigger in triggers]
    known = context.known.fields or {}
    forms = [known.get(str(trigger.config.get("form_id", "")).casefold()) for trigger in triggers]
    if not all(spec and spec.source == "form" for spec in of_form) or not all(forms):
        return frozenset()
    return frozenset().union(*(form for form in forms if form))


def unknown_events(context: CheckContext) -> Findings:
    """Types of events that begin like ours and are none: they never come."""
    for step in context.definition.steps:
        for name, value, hints in context.fields(step):
            for pattern in listed(value) if hints.get("suggest") == "events" else ():
                if not has_expression(pattern) and not is_known(pattern):
                    near = nearest(pattern, EVENT_TYPES)
                    message = say("There is no event “%(name)s”.%(near)s", name=pattern, near=near)
                    yield context.problem(step, f"params.{name}", message, "unknown_event")
