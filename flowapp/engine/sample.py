"""What a step can use: the values that are there before it runs, with examples, for the picker and for trying it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.engine.definition import Definition
from flowapp.engine.graph import Graph
from flowapp.engine.outline import with_edges

Json = dict[str, Any]
MOST = 40  # values of one group
MAX_DEPTH = 4
_BY_TYPE = {"email": "ada@example.com", "number": 42, "boolean": True, "date": "2026-03-31", "select": "…"}


@dataclass(slots=True)
class Group:
    """Values that come from one place: the input, a step (`name`), the variables, or anywhere (general).

    `items`: {"path", "label", "sample"}; labels are English msgids or names that a person gave.
    """

    kind: Literal["input", "step", "variables", "general"]
    name: str = ""
    items: list[Json] = field(default_factory=list)


def sample_input(definition: Json, form_fields: Mapping[str, list[Json]] | None = None) -> Json:
    """An input as the first trigger would give it. `form_fields` has each form's fields by its slug."""
    for trigger in definition["triggers"]:
        spec = TRIGGERS.get(trigger["trigger_type"])
        if spec is None or not trigger.get("is_active", True):
            continue
        fields = (form_fields or {}).get(trigger["config"].get("form_id", "")) if spec.source == "form" else None
        if fields:
            answers = {entry["key"]: _BY_TYPE.get(entry.get("type", ""), entry.get("label", "…")) for entry in fields}
            return {"form_id": trigger["config"]["form_id"], "form_data": answers}
        return dict(spec.sample)
    return {}


def values(definition: Json, step_id: str | None, input_data: Any, results: Mapping[str, Any]) -> list[Group]:
    """The values that `step_id` (None: a trigger's condition) can use; `results` are known results by step_id."""
    groups = [Group("input", items=list(_input(input_data)))]
    earlier = _before(definition, step_id) if step_id else []
    groups += [Group("step", step["name"], list(_step(step, results.get(step["step_id"])))) for step in earlier]
    groups.append(Group("variables", items=list(_flat("variables", definition.get("variables") or {}, 2))))
    now = datetime.now(UTC)
    general = [("now", now.isoformat(timespec="seconds")), ("timestamp", now.strftime("%Y%m%dT%H%M%SZ"))]
    groups.append(Group("general", items=[_item(path, example) for path, example in general]))
    return [Group(g.kind, g.name, g.items[:MOST]) for g in groups if g.items]


def before(definition: Json, step_id: str) -> list[str]:
    """The steps that can run before this one, in the order of the flow."""
    return [step["step_id"] for step in _before(definition, step_id)]


def _before(definition: Json, step_id: str) -> list[Json]:
    edges = [{"source": s, "target": t, "branch": b} for s, t, b in with_edges(definition)]
    graph = Graph(Definition.model_validate({**definition, "edges": edges}))
    found = graph.before(step_id)
    return [step for step in sorted(definition["steps"], key=lambda s: s["order"]) if step["step_id"] in found]


def _input(data: Any) -> Iterator[Json]:
    if isinstance(data, dict) and isinstance(data.get("form_data"), dict):
        yield from _flat("form_data", data["form_data"])
        data = {key: value for key, value in data.items() if key != "form_data"}
    yield from _flat("input", data)


def _step(step: Json, result: Any) -> Iterator[Json]:
    path = _dotted("steps", step["step_id"])
    spec = ACTIONS.get(step["action_type"])
    documented = spec.result if spec else {}
    known = result if isinstance(result, dict) else {}
    for name, text in documented.items():
        yield _item(_dotted(path, name) if name else path, known.get(name) if name else result, text)
    rest = {key: value for key, value in known.items() if key not in documented}
    yield from _flat(path, rest)
    for name in documented:
        if isinstance(known.get(name), dict | list):
            yield from _flat(_dotted(path, name), known[name], 2)


def _flat(path: str, value: Any, depth: int = MAX_DEPTH) -> Iterator[Json]:
    """The paths inside a value: of an object its fields, of a list its first entry."""
    if depth and isinstance(value, dict):
        for key, entry in value.items():
            inner = _dotted(path, str(key))
            nested = isinstance(entry, dict | list) and entry and depth > 1
            yield from _flat(inner, entry, depth - 1) if nested else iter([_item(inner, entry)])
    elif depth and isinstance(value, list) and value:
        yield _item(path, f"({len(value)})")
        yield from _flat(f"{path}[0]", value[0], depth - 1)
    elif value is not None and not isinstance(value, dict | list):
        yield _item(path, value)


def _item(path: str, example: Any = None, label: str = "") -> Json:
    plain = example if isinstance(example, str | int | float) else None
    return {"path": path, "label": label, "sample": plain}


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
