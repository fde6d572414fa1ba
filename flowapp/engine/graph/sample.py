"""What a step can use: the values that are there before it runs, with examples, for the picker and for trying it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypedDict

from flowapp.catalog import ACTIONS, N_
from flowapp.catalog.entities import ENTITIES
from flowapp.engine.graph.example_services import Shapes
from flowapp.engine.graph.examples import UNKNOWN, with_examples
from flowapp.engine.graph.graph import Graph
from flowapp.engine.graph.loop_bodies import bodies
from flowapp.engine.graph.outline import with_edges
from flowapp.engine.language.definition import Definition, StepDef
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.scope import OF_STEPS, Scope
from flowapp.errors import FlowError
from flowapp.logs import mask
from flowapp.models.definitions import DefinitionJson, StepJson

MOST = 40  # values of one group
MAX_DEPTH = 4


class Example(TypedDict):
    """A value that can be used: its path, what it is, and one as it may be. `whole`: it is a list or an object."""

    path: str
    label: str
    sample: object
    whole: bool


@dataclass(slots=True)
class ValueGroup:
    """Values that come from one place. `kind`: input, step or loop (with its `name`), variables, general, or an entity.

    The labels of `items` are English msgids or names that a person gave.
    """

    kind: str
    name: str = ""
    items: list[Example] = field(default_factory=list)


def values(
    definition: DefinitionJson,
    step_id: str | None,
    input_data: object,
    results: Mapping[str, object],
    shapes: Shapes = UNKNOWN,
) -> list[ValueGroup]:
    """The values that `step_id` (None: a trigger's condition) can use; `results` are known results by step_id."""
    groups = [ValueGroup("input", items=list(_input(input_data)))]
    if step_id:
        graph = _graph(definition)
        earlier = _before(definition, graph, step_id)
        results = with_examples(earlier, input_data, definition.get("variables") or {}, results, shapes)
        groups = [*_loops(definition, graph, step_id, input_data, results), *groups]
        groups += [
            ValueGroup("step", step["name"], list(_step(step, results.get(step["step_id"])))) for step in earlier
        ]
    groups += [
        ValueGroup(one.name, items=list(_flat(one.name, {**one.sample, **shapes.own(one.name)})))
        for one in ENTITIES.values()
        if one.read
    ]
    groups.append(ValueGroup("variables", items=list(_flat("variables", definition.get("variables") or {}, 2))))
    groups.append(ValueGroup("general", items=list(_general(step_id is not None))))
    return [ValueGroup(g.kind, g.name, g.items[:MOST]) for g in groups if g.items]


def _general(in_step: bool) -> Iterator[Example]:
    now = datetime.now(UTC)
    yield _item("now", now.isoformat(timespec="seconds"))
    yield _item("timestamp", now.strftime("%Y%m%dT%H%M%SZ"))
    if in_step:
        yield _item("resume_url", None, N_("URL to call to continue a waiting step"))


def before(definition: DefinitionJson, step_id: str) -> list[str]:
    """The steps that can run before this one, in the order of the flow."""
    return [step["step_id"] for step in _before(definition, _graph(definition), step_id)]


def _graph(definition: DefinitionJson) -> Graph:
    edges = [{"source": s, "target": t, "branch": b} for s, t, b in with_edges(definition)]
    return Graph(Definition.model_validate({**definition, "edges": edges}))


def _before(definition: DefinitionJson, graph: Graph, step_id: str) -> list[StepJson]:
    """Those inside a loop are left out where the step is outside of it: they have no result there."""
    hidden = frozenset[str]().union(*(body for body in bodies(graph).values() if step_id not in body))
    earlier = graph.before(step_id) - hidden
    return [step for step in sorted(definition["steps"], key=lambda s: s["order"]) if step["step_id"] in earlier]


def loop_names(
    definition: DefinitionJson, step_id: str, data: object, results: Mapping[str, object]
) -> dict[str, object]:
    """The names that a step in a loop knows beside all others, as they are for the first item."""
    names: dict[str, object] = {}
    for _loop, items in _around(definition, _graph(definition), step_id, data, results):
        first = items[0] if items else None
        parent = {"parent_item": names["item"]} if names else {}
        names = {"item": first, "index": 0, "items": items, **parent}
    return names


def _loops(
    definition: DefinitionJson, graph: Graph, step_id: str, data: object, results: Mapping[str, object]
) -> Iterator[ValueGroup]:
    """The item of the loop around the step, with the first one as the example; of the one around that, its item."""
    around = list(_around(definition, graph, step_id, data, results))
    for depth, (name, items) in enumerate(around):
        first = items[0] if items else None
        if depth == len(around) - 1:
            rest = [_item("index", 0, N_("Its number, starting at 0")), _item("items", items, N_("The whole list"))]
            yield ValueGroup("loop", name, [*_named("item", first), *rest])
        elif depth == len(around) - 2:
            yield ValueGroup("loop", name, list(_named("parent_item", first)))


def _around(
    definition: DefinitionJson, graph: Graph, step_id: str, data: object, results: Mapping[str, object]
) -> Iterator[tuple[str, list[object]]]:
    """The loops around a step, the outermost first: their names and what is known of their items."""
    inner = bodies(graph)
    around = [loop for loop in inner if step_id in inner[loop]]
    around = sorted(around, key=lambda loop: sum(loop in inner[other] for other in around))
    known = {key: {"result": value, "status": "completed", "error": ""} for key, value in results.items()}
    scope = Scope(input=data, variables=definition.get("variables") or {}, steps=known)
    for loop in around:
        step = graph.steps[loop]
        items = _items(step, scope)
        scope = scope.extended({"item": items[0] if items else None})
        yield step.name, items


def _named(path: str, value: object) -> Iterator[Example]:
    """An item, and what is in it."""
    yield _item(path, value, N_("The item"))
    yield from (item for item in _flat(path, value) if item["path"] != path)


def _items(step: StepDef, scope: Scope) -> list[object]:
    """The items of a loop, as far as they are known before it runs."""
    spec = ACTIONS.get(step.action_type)
    if spec is None or spec.items is None:
        return []
    try:
        evaluated = compile_value(step.params).evaluate(scope, lenient=True)
        return spec.items(evaluated) if isinstance(evaluated, dict) else []
    except FlowError:
        return []


def _input(data: object) -> Iterator[Example]:
    if isinstance(data, dict) and isinstance(data.get("form_data"), dict):
        yield from _flat("form_data", data["form_data"])
        data = {key: value for key, value in data.items() if key != "form_data"}
    yield from _flat("input", data)


def _step(step: StepJson, result: object) -> Iterator[Example]:
    """The fields of a result by their short way, the whole and what a list holds by `.result`."""
    path = _dotted("steps", step["step_id"])
    spec = ACTIONS.get(step["action_type"])
    documented = spec.result if spec else {}
    known = result if isinstance(result, dict) else {}
    for name, text in documented.items():
        yield _item(_of_result(path, name) if name else f"{path}.result", known.get(name) if name else result, text)
    for name, value in known.items():
        if name not in documented:
            yield from _field(_of_result(path, name), value)
    if not isinstance(result, dict):
        told = {f"{path}.result"} if "" in documented else set[str]()
        yield from (item for item in _flat(f"{path}.result", result) if item["path"] not in told)
    for name in documented:
        if isinstance(known.get(name), dict | list):
            whole = _of_result(path, name)
            yield from (item for item in _flat(whole, known[name], 2) if item["path"] != whole)


def _of_result(path: str, name: str) -> str:
    """A field of a step's result; its name alone where the step's status and error do not have it."""
    return _dotted(f"{path}.result" if name in OF_STEPS else path, name)


def _flat(path: str, value: object, depth: int = MAX_DEPTH) -> Iterator[Example]:
    """The paths inside a value: of an object its fields, of a list its first entry."""
    if depth and isinstance(value, dict):
        for key, entry in value.items():
            yield from _field(_dotted(path, str(key)), entry, depth)
    elif depth and isinstance(value, list) and value:
        yield _item(path, value)
        yield from _flat(f"{path}[0]", value[0], depth - 1)
    elif value is not None and not isinstance(value, dict | list):
        yield _item(path, value)


def _field(path: str, value: object, depth: int = MAX_DEPTH) -> Iterator[Example]:
    """A field: itself, or what is inside."""
    nested = isinstance(value, dict | list) and value and depth > 1
    yield from _flat(path, value, depth - 1) if nested else iter([_item(path, value)])


def _item(path: str, example: object = None, label: str = "") -> Example:
    name, whole = path.rpartition(".")[2], isinstance(example, dict | list)
    shown = f"({len(example)})" if isinstance(example, list) and example else None if whole else example
    return {"path": path, "label": label, "sample": mask({name: shown})[name] if isinstance(shown, str) else shown,
            "whole": whole}  # fmt: skip


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
