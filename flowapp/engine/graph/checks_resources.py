"""Checks of what params name and the project has (catalog.resources): stages, members, data tables and their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.catalog.params import Hints
from flowapp.catalog.resources import RESOURCES
from flowapp.engine.graph.check_context import CheckContext, Findings, is_shown, with_hints
from flowapp.engine.language.expression import has_expression
from flowapp.engine.language.validation_messages import nearest, no_step
from flowapp.errors import Problem
from flowapp.models import read_id
from flowapp.texts import say
from flowapp.values.text import folded

_MANY = ("lines", "members", "keyvalue")  # widgets of params that name several


class _Param(NamedTuple):
    """A param of a step or a trigger, and where it stands."""

    values: Mapping[str, object]
    path: str
    value: object
    hints: Hints
    step_id: str | None


def missing_things(context: CheckContext) -> Findings:
    """Names that cannot be right."""
    for param in _params(context):
        if param.hints.get("widget") == "step":
            if message := _missing_step(context, param.value):
                yield Problem(param.path, message, param.step_id, "missing_thing")
        elif param.hints.get("others") == "wrong":
            for message in _missing(context, param.value, param.hints):
                yield Problem(param.path, message, param.step_id, "missing_thing")
    for message in _missing(context, context.definition.config.error_workflow, {"resource": "workflow"}):
        yield Problem("config.error_workflow", message, code="missing_thing")


def doubtful_things(context: CheckContext) -> Findings:
    """Names that nothing has, or has yet, where that may be right."""
    for param in _params(context):
        for message in _missing(context, param.value, param.hints) if param.hints.get("others") == "doubtful" else ():
            yield Problem(param.path, message, param.step_id, "doubtful_thing")


def missing_columns(context: CheckContext) -> Findings:
    """Columns that are named of a table that has none such."""
    for param in _params(context) if context.known.columns is not None else ():
        table = param.values.get(param.hints.get("depends_on", "") or "")
        known = (context.known.columns or {}).get(table.strip().casefold()) if isinstance(table, str) else None
        for column in _columns(param.value) if known is not None else ():
            if column not in (known or ()) and not has_expression(column):
                message = say(
                    "The data table “%(table)s” has no column “%(name)s”.%(near)s",
                    table=table, name=column, near=nearest(column, known or ()),
                )  # fmt: skip
                yield Problem(param.path, message, param.step_id, "missing_column")


def _params(context: CheckContext) -> Iterator[_Param]:
    """Every param that counts with the choices made beside it."""
    for at, step in enumerate(context.definition.steps):
        if action := ACTIONS.get(step.action_type):
            for name, value, hints in context.fields(step):
                if is_shown(action, step.params, hints):
                    yield _Param(step.params, f"steps.{at}.params.{name}", value, hints, step.step_id)
    for at, trigger in enumerate(context.definition.triggers):
        if spec := TRIGGERS.get(trigger.trigger_type):
            for name, value, hints in with_hints(spec, trigger.config):
                if is_shown(spec, trigger.config, hints):
                    yield _Param(trigger.config, f"triggers.{at}.config.{name}", value, hints, None)


def _missing_step(context: CheckContext, value: object) -> str:
    if not isinstance(value, str) or not value or has_expression(value) or value in context.position:
        return ""
    return no_step(value, context.position)


def _missing(context: CheckContext, value: object, hints: Hints) -> Iterator[str]:
    """A message for each name that nothing has; what an expression gives is known in the execution only."""
    known, resource = context.known.resources, RESOURCES.get(hints.get("resource", ""))
    if known is None or resource is None:
        return
    fixed = [word for word, _label in hints.get("choices") or ()] + list(hints.get("words") or ())
    known_words = set(map(folded, fixed))
    for name in _named(value, several=hints.get("widget") in _MANY):
        if has_expression(name) or folded(name) in known_words or known.has(resource.name, name):
            continue
        if read_id(name):
            yield say("What was chosen here is no longer available. Choose another.")
            continue
        there = known.choices(resource.name)
        near = nearest(name, [*(one.value for one in there), *fixed])
        near = near or nearest(name, [called for one in there for called in one.also])
        yield say(resource.missing, name=name, near=near)


def _named(value: object, *, several: bool) -> list[str]:
    """The names in a param: one, those of a list, or the keys of rows."""
    if isinstance(value, dict):
        return list(map(str, value)) if several else []
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # by its number
    names = listed(value) if several else [value.strip()] if isinstance(value, str) else []
    return [name for name in dict.fromkeys(names) if name]


def _columns(value: object) -> list[str]:
    """The names of columns in a param: those of a record, of several, of a list, or one."""
    if isinstance(value, dict):
        return [str(name) for name in value]
    if isinstance(value, list):
        return list(dict.fromkeys(name for entry in value for name in _columns(entry)))
    return listed(value) if isinstance(value, str) else []


def listed(value: object) -> list[str]:
    """A list of names as params may hold it: also as text with commas or line breaks between."""
    if isinstance(value, str) and has_expression(value):
        return [value]
    entries = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    return [entry.strip() for entry in entries if isinstance(entry, str)] if isinstance(entries, list) else []
