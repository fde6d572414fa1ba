"""The ways to write a workflow that are read besides the canonical form (DESIGN §4 and §8), mixed key by key.

(a) `trigger: {"type", ...}` with `steps: [{"id", "action", "integration", "params"}]`; (b) `trigger_type`, `trigger_config`,
`conditions` and `actions: [{"type", "config"}]`; (c) `nodes` and `edges` of a canvas, with `configuration`. What was decided:

- Keys of a trigger that it does not have itself (`form_id`, `cron_expression` …) belong to its config.
- `conditions` of the body hold for every trigger, besides the trigger's own.
- Entries of `actions` without an id are called after their type: send_email_1. A `label` is the name of a step.
- More than one of `steps`, `nodes` and `actions` is read only where `edges` say how they follow each other.
- The `id` beside a `step_id` or `node_id` is the row's id: edges may use it, nothing else is read from it.
- The `condition_config` of an edge is its conditions; those of the `yes` of a conditional step without its own are the
  step's.
- Entries of `actions` go on where they fail: `on_error` is `continue` unless they say otherwise.
- Two spellings of one key are fine while they say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, overload

from pydantic import AliasChoices

from flowapp.catalog import ACTIONS, TRIGGERS, ActionSpec, Amount, Params, TriggerSpec, canonical_type
from flowapp.engine.language.definition import Definition, free_key, json_problems, parse
from flowapp.errors import InvalidError, Problem
from flowapp.exact_json import Json
from flowapp.texts import say

_TOP = ("language", "name", "description", "variables", "config")
_STEP_LISTS = ("steps", "nodes", "actions")
NEVER_NULL = ("name", "variables", "config", "edges", "triggers", *_STEP_LISTS)
_KEYS = frozenset({*_TOP, *_STEP_LISTS, "edges", "triggers", "trigger", "trigger_type", "trigger_config", "conditions"})
_OF_THE_ROW = frozenset({"id", "workflow", "organization", "created_at", "updated_at"})

# canonical key: its spellings, the one that is named in a complaint about a missing key first
_STEP = {
    "step_id": ("step_id", "node_id", "id"),
    "action_type": ("action_type", "action", "type", "node_type"),
    "params": ("params", "config", "configuration"),
    "name": ("name", "label"),
}
_IN_ACTIONS = {
    "step_id": ("id", "step_id", "node_id"),
    "action_type": ("type", "action_type", "action", "node_type"),
    "params": ("config", "params", "configuration"),
    "name": ("name", "label"),
}
_IN_NODES = {
    "step_id": ("node_id", "step_id", "id"),
    "action_type": ("node_type", "action_type", "action", "type"),
    "params": ("configuration", "params", "config"),
    "name": ("label", "name"),
}
_SPELLINGS = {"steps": _STEP, "nodes": _IN_NODES, "actions": _IN_ACTIONS}
_TRIGGER = {"trigger_type": ("trigger_type", "type"), "config": ("config", "configuration", "trigger_config")}
_TRIGGER_OWN = frozenset({"key", "trigger_type", "config", "conditions", "is_active"})
_EDGE = {
    "source": ("source", "source_node"),
    "target": ("target", "target_node"),
    "branch": ("branch", "condition_type"),
    "conditions": ("conditions", "condition_config"),
}
_BRANCHES = frozenset(
    {"next", "yes", "no", "each", "done", "error", "timeout", "default", "approved", "rejected", "invalid"}
)  # fmt: skip


def read(body: object) -> tuple[Json, Json, dict[str, str]]:
    """(definition, rest, paths) of a request body in any dialect.

    `definition` has the canonical keys that the body speaks of, for `parse` (or to be laid over a draft: PATCH); `rest`
    has the keys that belong to the API (status, project, canvas_data …); `paths` lead from canonical paths to the
    body's own, for `at_source`. InvalidError, at the body's paths, where two things that were said do not agree.
    """
    reader = _Reader(body)
    if reader.problems:
        raise InvalidError(reader.problems)
    return reader.definition, reader.rest, reader.paths


def parse_body(body: object) -> tuple[Definition, Json]:
    """Reads and parses a whole body: (definition, rest). InvalidError has all problems, at the body's own paths."""
    reader = _Reader(body)
    try:
        definition = parse(reader.definition)
    except InvalidError as error:
        reader.problems += at_source(error.problems, reader.paths)
    if reader.problems:
        raise InvalidError(reader.problems)
    return definition, reader.rest


def at_source(problems: list[Problem], paths: Mapping[str, str]) -> list[Problem]:
    """The same problems at the paths that the sender used."""
    return [Problem(_source(p.path, paths), p.message, p.step_id, p.code) for p in problems]


def _source(path: str, paths: Mapping[str, str]) -> str:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        known = paths.get(".".join(parts[:length]))
        if known is not None:
            return ".".join([known, *parts[length:]])
    return path


@overload
def type_name(kind: Literal["action", "trigger"], name: str) -> str: ...
@overload
def type_name(kind: Literal["action", "trigger"], name: object) -> object: ...
def type_name(kind: Literal["action", "trigger"], name: object) -> object:
    """The canonical name of a step or trigger type, however it is written; what is not text is left as it is."""
    if not isinstance(name, str):
        return name
    return canonical_type(kind, name)


class _Reader:
    """One reading of one body: collects the definition, the way back of every renamed path, and the problems."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise InvalidError.at("", "Send a workflow as a JSON object: {…}.")
        if wrong := json_problems(body):
            raise InvalidError(wrong)
        self.body: Json = body
        self.problems: list[Problem] = []
        self.paths: dict[str, str] = {}
        self.steps: dict[str, tuple[str, Json]] = {}  # by step_id: canonical path and step
        self.rows: dict[str, str] = {}  # a row's id: its step_id
        self.rest = {key: value for key, value in body.items() if key not in _KEYS}
        for name in NEVER_NULL:
            if name in body and body[name] is None:
                self._wrong(name, say("This cannot be null. Leave it out to keep what is there, or send it empty."))
        self.definition: Json = {key: body[key] for key in _TOP if body.get(key) is not None}
        if "description" in body and body["description"] is None:
            self.definition["description"] = ""
        if isinstance(body.get("config"), dict):
            self.definition["config"] = _lowered(body["config"], "reentry")
        self._read_triggers()
        self._read_steps()
        self._read_edges()

    def _wrong(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message, code="contradiction"))

    def _rename(self, entry: Json, spellings: Mapping[str, tuple[str, ...]], at: str, to: str) -> Json:
        """`entry`, which lies `at` in the body, with canonical keys; its place in the definition is `to`."""
        self.paths[to] = at
        known = {spelling for names in spellings.values() for spelling in names}
        result = {key: value for key, value in entry.items() if key not in known | _OF_THE_ROW}
        for key, names in spellings.items():
            given = [name for name in names if entry.get(name) is not None]
            if "id" in given and len(given) > 1:
                given.remove("id")
            if given:
                result[key] = entry[given[0]]
            self.paths[f"{to}.{key}"] = f"{at}.{(given or names)[0]}"
            for other in given[1:]:
                if entry[other] != entry[given[0]]:
                    self._wrong(
                        f"{at}.{other}", f"“{other}” and “{given[0]}” say the same thing differently: keep one."
                    )
        return result

    # triggers

    def _read_triggers(self) -> None:
        listed = self.body.get("triggers")
        if listed is not None and not isinstance(listed, list):
            self.definition["triggers"] = listed
            return
        triggers = [self._trigger(entry, at, n) for n, (entry, at) in enumerate(self._trigger_entries())]
        if triggers or listed is not None:
            self.definition["triggers"] = triggers
        if self.body.get("conditions"):
            self._conditions_for_all(triggers)

    def _trigger_entries(self) -> Iterator[tuple[object, str]]:
        listed = self.body.get("triggers")
        for at, entry in enumerate(listed if isinstance(listed, list) else ()):
            yield entry, f"triggers.{at}"
        if self.body.get("trigger") is not None:
            yield self.body["trigger"], "trigger"
        kind, config = self.body.get("trigger_type"), self.body.get("trigger_config")
        if kind is not None or config:
            yield {"trigger_type": kind, "trigger_config": config}, ""

    def _trigger(self, entry: object, at: str, index: int) -> object:
        to = f"triggers.{index}"
        self.paths[to] = at
        if not isinstance(entry, dict):
            return entry
        trigger = self._rename(entry, _TRIGGER, at, to)
        if not at:
            self.paths.update(
                {to: "trigger_type", f"{to}.trigger_type": "trigger_type", f"{to}.config": "trigger_config"}
            )
        config = trigger.get("config", {})
        flat = {key: trigger.pop(key) for key in list(trigger) if key not in _TRIGGER_OWN}
        if isinstance(config, dict):
            for key, value in flat.items():
                if config.get(key, value) != value:
                    self._wrong(
                        f"{at}.{key}", f"“{key}” is in the trigger and in its config with another value: keep one."
                    )
                self.paths.setdefault(f"{to}.config.{key}", f"{at}.{key}")
            trigger["config"] = {**flat, **config}
        if "trigger_type" in trigger:
            trigger["trigger_type"] = type_name("trigger", trigger["trigger_type"])
            self._rename_params(TRIGGERS.get(str(trigger["trigger_type"])), trigger.get("config"), f"{to}.config")
        return trigger

    def _conditions_for_all(self, triggers: list[object]) -> None:
        if not triggers:
            self._wrong(
                "conditions", "Conditions belong to a trigger: say with “trigger_type” what starts the workflow."
            )
        for index, trigger in enumerate(triggers):
            if isinstance(trigger, dict):
                path, own = f"triggers.{index}.conditions", trigger.get("conditions")
                trigger["conditions"] = {"all": [own, self.body["conditions"]]} if own else self.body["conditions"]
                if own:
                    self.paths[f"{path}.all.0"] = _source(path, self.paths)
                self.paths[f"{path}.all.1" if own else path] = "conditions"

    # steps

    def _read_steps(self) -> None:
        given = [name for name in _STEP_LISTS if self.body.get(name) is not None]
        filled = [name for name in given if self.body[name] != []]
        steps: list[object] = []
        if given:
            self.paths["steps"] = (filled or given)[0]
            self.definition["steps"] = steps
        if len(filled) == 1 and not isinstance(self.body[filled[0]], list):
            self.definition["steps"] = self.body[filled[0]]
            return
        if len(filled) > 1 and not self.body.get("edges"):
            self._wrong(
                filled[1], f"Steps are in “{filled[0]}” too: say with “edges” how they follow, or keep one list."
            )
        taken: set[str] = set()
        for name in filled:
            entries = self.body[name]
            if not isinstance(entries, list):
                self._wrong(name, "Enter a list: […].")
                continue
            for at, entry in enumerate(entries):
                step = self._step(entry, name, f"{name}.{at}", f"steps.{len(steps)}")
                steps.append(step)
                taken.update(s for s in (self._id_of(step),) if s)
        self._name_actions(steps, taken)

    @staticmethod
    def _id_of(step: object) -> str | None:
        step_id = step.get("step_id") if isinstance(step, dict) else None
        return step_id if isinstance(step_id, str) else None

    def _name_actions(self, steps: list[object], taken: set[str]) -> None:
        for index, step in enumerate(steps):
            to = f"steps.{index}"
            if self.paths[to].startswith("actions.") and isinstance(step, dict):
                kind = step.get("action_type")
                if "step_id" not in step and isinstance(kind, str):
                    step["step_id"] = free_key(kind, taken)
                    taken.add(step["step_id"])
            if isinstance(step, dict) and (step_id := self._id_of(step)):
                self.steps.setdefault(step_id, (to, step))

    def _step(self, entry: object, container: str, at: str, to: str) -> object:
        self.paths[to] = at
        if not isinstance(entry, dict):
            return entry
        step = _lowered(self._rename(entry, _SPELLINGS[container], at, to), "on_error", "on_exhausted")
        if isinstance(entry.get("id"), str) and (step_id := self._id_of(step)):
            self.rows[entry["id"]] = step_id
        position = {axis: step.pop(f"position_{axis}") for axis in "xy" if step.get(f"position_{axis}") is not None}
        if position:
            step["position"] = position
            self.paths.update({f"{to}.position.{axis}": f"{at}.position_{axis}" for axis in "xy"})
        if container == "actions":
            step.setdefault("on_error", "continue")
        self._step_params(step, at, to)
        return step

    def _step_params(self, step: Json, at: str, to: str) -> None:
        written, params = step.get("action_type"), step.get("params", {})
        if "action_type" in step:
            step["action_type"] = type_name("action", written)
        if not isinstance(params, dict):
            return
        step["params"] = params = dict(params)
        if step.get("integration") is not None:
            self._move(params, "integration", step.pop("integration"), f"{at}.integration", f"{to}.params")
        step.pop("integration", None)
        self._read_kind(step, params, str(written).strip().lower(), to)
        self._rename_params(ACTIONS.get(str(step.get("action_type"))), params, f"{to}.params")

    def _read_kind(self, step: Json, params: Json, written: str, to: str) -> None:
        """A param that says which type of a family is meant becomes the type."""
        spec = ACTIONS.get(str(step.get("action_type")))
        kinds = spec.kinds if spec else None
        if spec is None or kinds is None or kinds.param not in params or _takes(spec.params, kinds.param):
            return
        kind, source = params.pop(kinds.param), _source(f"{to}.params.{kinds.param}", self.paths)
        meant = kinds.types.get(kind.strip().lower()) if isinstance(kind, str) else None
        if meant is not None:
            step["action_type"] = meant
            if written not in kinds.general and meant != type_name("action", written):
                self._wrong(source, f"This is not what the type “{written}” says.")
        elif kind is not None:
            self._wrong(source, f"Write one of: {', '.join(kinds.types)}.")

    def _move(self, params: Json, name: str, value: object, source: str, path: str) -> None:
        if params.get(name, value) != value:
            self._wrong(source, f"“{name}” is given already with another value: keep one of the two.")
        params[name] = value
        self.paths[f"{path}.{name}"] = source

    def _rename_params(self, spec: ActionSpec | TriggerSpec | None, params: object, path: str) -> None:
        if spec is None or not isinstance(params, dict):
            return
        for old, new in spec.param_aliases.items():
            name = new.name if isinstance(new, Amount) else new
            if old not in params or _takes(spec.params, old) or not _takes(spec.params, name):
                continue
            value = params.pop(old)
            if isinstance(new, Amount):
                value = new.text(value) if value is not None else None
            elif old.endswith("_id") and isinstance(value, int):
                value = str(value)  # an id is text
            if value is not None or not isinstance(new, Amount):
                self._move(params, name, value, _source(f"{path}.{old}", self.paths), path)

    # edges

    def _read_edges(self) -> None:
        edges = self.body.get("edges")
        if edges is not None:
            self.definition["edges"] = (
                [self._edge(edge, f"edges.{n}") for n, edge in enumerate(edges)] if isinstance(edges, list) else edges
            )

    def _edge(self, entry: object, at: str) -> object:
        if not isinstance(entry, dict):
            return entry
        edge = self._rename(entry, _EDGE, at, at)
        for end in ("source", "target"):
            named = edge.get(end)
            if isinstance(named, str) and named not in self.steps:
                edge[end] = self.rows.get(named, named)
        branch = edge.get("branch")
        if branch == "":
            del edge["branch"]
        elif isinstance(branch, str) and branch.strip().lower() in _BRANCHES:
            edge["branch"] = branch.strip().lower()
        if edge.get("label") is None:
            edge.pop("label", None)
        if edge.get("conditions"):
            self._edge_conditions(edge, at)
        else:
            edge.pop("conditions", None)
        return edge

    def _edge_conditions(self, edge: Json, at: str) -> None:
        """What the `yes` of a conditional step asks for is the step's own condition, where it has none."""
        start = edge.get("source")
        to, step = self.steps.get(start, ("", {})) if isinstance(start, str) else ("", {})
        params = step.get("params")
        if not _decides(step.get("action_type")) or not isinstance(params, dict):
            return
        if edge.get("branch") == "yes" and not params.get("conditions"):
            params["conditions"] = edge["conditions"]
            self.paths[f"{to}.params.conditions"] = self.paths[f"{at}.conditions"]
        if params.get("conditions") == edge["conditions"]:
            del edge["conditions"]


def _decides(kind: object) -> bool:
    """Whether a type of step goes along yes or no by its conditions."""
    spec = ACTIONS.get(kind) if isinstance(kind, str) else None
    return spec is not None and "yes" in spec.branches and "conditions" in spec.params.model_fields


def _lowered(entry: Json, *keys: str) -> Json:
    words = {key: word.strip().lower() for key in keys if isinstance(word := entry.get(key), str)}
    return {**entry, **words}


def _takes(model: type[Params], name: str) -> bool:
    for field, info in model.model_fields.items():
        alias = info.validation_alias
        if name in (field, info.alias, *(alias.choices if isinstance(alias, AliasChoices) else (alias,))):
            return True
    return False
