"""What can be done with a value before it is inserted: the filters that suit it, each with what it makes of the sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flowapp.catalog.entities import ENTITIES
from flowapp.engine.graph.example_services import Shapes
from flowapp.engine.graph.examples import UNKNOWN, with_examples
from flowapp.engine.graph.sample import before, loop_names
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.filters import FILTERS, Example, Filter
from flowapp.engine.language.scope import Scope
from flowapp.engine.language.values import kind, to_json, to_text
from flowapp.errors import ExpressionError
from flowapp.logs import mask
from flowapp.models.definitions import DefinitionJson

ENTRIES = 50  # of a list that is only looked at
LONGEST = 200  # characters of a value that is shown
TRIED = 5  # fields of the entries that a filter is tried with


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A filter for a value. `usage` is what follows the bar; `result` what comes out, as text, None: not known."""

    usage: str
    label: str
    help: str
    example: Example
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A value that can be inserted: what it is now, if that is known."""

    known: bool
    value: object = None

    @property
    def shown(self) -> str:
        """As text, its beginning."""
        return brief(self.value)

    @property
    def whole(self) -> str:
        """The word for a list or an object, of which text makes JSON; empty for everything else."""
        return kind(self.value) if isinstance(self.value, list | dict) else ""


def scope_of(
    definition: DefinitionJson,
    step_id: str | None,
    input_data: object,
    results: Mapping[str, object],
    shapes: Shapes = UNKNOWN,
) -> Scope:
    """What expressions of a step (None: of a trigger's condition) find, with an example where nothing has run yet."""
    variables = definition.get("variables") or {}
    names: dict[str, object] = {}
    if step_id:
        earlier = set(before(definition, step_id))
        steps = sorted((step for step in definition["steps"] if step["step_id"] in earlier), key=lambda s: s["order"])
        results = with_examples(steps, input_data, variables, results, shapes)
        names = loop_names(definition, step_id, input_data, results)
    views = {key: {"result": value, "status": "completed", "error": ""} for key, value in results.items()}
    context = {one.name: {**one.sample, **shapes.own(one.name)} for one in ENTITIES.values() if one.read}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Scope(input_data, variables, views, context, now, names)


def look_up(path: str, scope: Scope) -> Known:
    """The value at a path, as pages may show it. Unknown where nothing is there, or the path is none."""
    try:
        value = compile_value(f"{{{{ {path} }}}}").evaluate(scope)
    except ExpressionError:
        return Known(known=False)
    name = re.split(r"[.\[]", path)[-1]
    masked: object = mask({name: _shortened(value)})[name]
    return Known(known=value is not None, value=masked)


def suggestions(found: Known) -> Iterator[Suggestion]:
    """The filters that suit a value; all of them where it is not known."""
    for known in FILTERS.values():
        if not found.known:
            yield Suggestion(known.usage, known.label, known.help, known.example)
        elif {"any", *_kinds(found.value)} & set(known.suits):
            yield from _tried(known, found.value)


def brief(value: object) -> str:
    """A value as one reads it, its beginning."""
    text = to_json(value) if isinstance(value, list | dict) else to_text(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _tried(known: Filter, value: object) -> Iterator[Suggestion]:
    """The filter as it works on this value: none where it does not."""
    for usage in _usages(known, value):
        try:
            made = compile_value(f"{{{{ value | {usage} }}}}").evaluate(Scope(extra={"value": value}))
        except ExpressionError:
            continue
        yield Suggestion(usage, known.label, known.help, known.example, brief(made))
        return


def _usages(known: Filter, value: object) -> Iterator[str]:
    if isinstance(value, dict) and known.suits == ("object",) and "(" in known.usage:
        yield from (f"{known.usage.partition('(')[0]}({key!r})" for key in list(value)[:TRIED])
    elif known.of_entries and "records" in _kinds(value):
        entry = value[0] if isinstance(value, list) else {}
        yield from (known.usage_of(key) for key in list(entry)[:TRIED])
    else:
        yield known.plain_usage


def _kinds(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return ("list", "records") if value and isinstance(value[0], dict) and value[0] else ("list",)
    if isinstance(value, dict):
        return ("object",)
    if isinstance(value, bool):
        return ("boolean",)
    return ("text",) if isinstance(value, str) else ("number",)


def _shortened(value: object) -> object:
    """A long list is not worked through whole for a page that is only looked at."""
    return value[:ENTRIES] if isinstance(value, list) else value
