"""The registry: @action, @trigger and @connector fill it, `load()` imports every room that may declare one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from flowapp.catalog.context import IntegrationHandle, StepContext
from flowapp.catalog.outcome import Outcome
from flowapp.catalog.params import Params, raw_fields, stored_value
from flowapp.errors import NotFoundError, StepError
from flowapp.texts import say

Effect = Literal["pure", "idempotent", "once"]
ROOMS = ("flowapp.actions", "flowapp.triggers", "flowapp.connectors")
Source = Literal["person", "hook", "form", "clock", "api", "event"]
ActionFunction = Callable[[StepContext, Any], Outcome]
ParamsClass = type[Params]  # a name of its own: the specs have a field called type


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One step type. `branches` are the edge names it may follow; `result` describes what later steps can use.

    `branch_if` names the param and the value without which a step never ends on that branch (None: any value).
    `own_branches` reads the names of branches out of stored params, which may hold anything (cases, variants); "*"
    stands for them in `branches`.
    `counted`: how often each branch was taken is kept for each version.
    `destination` says where the secrets in stored params go: the same text for the same place, one with `{{` where only
    an expression knows. A secret stays in its step while that stays as it is.
    """

    type: str
    label: str
    description: str
    group: str
    icon: str
    effect: Effect
    params: ParamsClass
    run: ActionFunction
    aliases: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("next",)
    result: Mapping[str, str] = field(default_factory=dict)
    raw: frozenset[str] = frozenset()
    branch_if: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    own_branches: Callable[[Mapping[str, Any]], list[str]] | None = None
    counted: bool = False
    destination: Callable[[Mapping[str, Any]], str] | None = None

    def branches_of(self, params: Mapping[str, Any]) -> list[str]:
        """The branches that a step with these params can end on: its own first, then the fixed ones."""
        own = [name for name in self.own_branches(params) if name] if self.own_branches else []
        fixed = [branch for branch in self.branches if branch != "*" and self._is_open(branch, params)]
        return list(dict.fromkeys([*own, *fixed]))

    def _is_open(self, branch: str, params: Mapping[str, Any]) -> bool:
        if branch not in self.branch_if:
            return True
        name, wanted = self.branch_if[branch]
        given = stored_value(self.params, params, name)
        if wanted is None:
            return given not in (None, "")
        return bool(given == wanted) or (isinstance(given, str) and "{{" in given)


class NextFire(Protocol):
    """The first time after `after` (aware, UTC) at which a clock trigger fires; None: never again."""

    def __call__(self, config: Any, after: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """One way to start a workflow.

    `source` says who fires it; `sample` is an input to try steps with; `prepare` completes a config when the trigger
    is saved (for instance a webhook's key); `event_type` is the bus event of a `form` or `event` trigger;
    `summary` says in one line what a config means.
    """

    type: str
    label: str
    description: str
    group: str
    icon: str
    source: Source
    params: ParamsClass
    sample: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    next_fire: NextFire | None = None
    prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    check: Callable[[Any], None] | None = None
    matches: Callable[[Any, Mapping[str, Any]], bool] | None = None
    event_type: str = ""
    summary: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """The code behind one integration type. `test` raises StepError when the service cannot be used.

    `test` receives the validated config and credentials models and a StepContext-like object with `http` and `mail`.
    `destination` says where the credentials go with a config: where it changes, they are asked for again.
    """

    type: str
    label: str
    description: str
    icon: str
    config: ParamsClass
    credentials: ParamsClass
    test: Callable[[Any, Any, Any], str]
    providers: tuple[str, ...] = ()
    default_action: str = ""
    actions: Mapping[str, ActionFunction] = field(default_factory=dict)
    destination: Callable[[Any], Any] = lambda _config: None

    def read(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> tuple[Params, Params]:
        """What is stored of an integration, through its models: what they leave out has its default.

        StepError (permanent) where this release cannot use it any more.
        """
        try:
            return self.config.model_validate(config), self.credentials.model_validate(credentials)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise StepError(
                f"Its settings are no longer complete: {reason} Open it and save it again.", permanent=True
            ) from None


ACTIONS: dict[str, ActionSpec] = {}
TRIGGERS: dict[str, TriggerSpec] = {}
CONNECTORS: dict[str, ConnectorSpec] = {}
_ALIASES: dict[str, dict[str, str]] = {"action": {}, "trigger": {}}


def action(
    type: str,  # noqa: A002 - the word of the definition language
    *,
    label: str,
    description: str,
    group: str,
    icon: str,
    effect: Effect,
    params: ParamsClass,
    aliases: tuple[str, ...] = (),
    branches: tuple[str, ...] = ("next",),
    result: Mapping[str, str] | None = None,
    branch_if: Mapping[str, tuple[str, Any]] | None = None,
    own_branches: Callable[[Mapping[str, Any]], list[str]] | None = None,
    counted: bool = False,
    destination: Callable[[Mapping[str, Any]], str] | None = None,
) -> Callable[[ActionFunction], ActionFunction]:
    """Declares a step type; the decorated function runs one attempt of it."""

    def register(function: ActionFunction) -> ActionFunction:
        ACTIONS[type] = ActionSpec(
            type, label, description, group, icon, effect, params, function, aliases, branches, result or {},
            raw_fields(params), branch_if or {}, own_branches, counted, destination,
        )  # fmt: skip
        _ALIASES["action"].update(dict.fromkeys(aliases, type))
        return function

    return register


def trigger(spec: TriggerSpec) -> TriggerSpec:
    """Declares a trigger type."""
    TRIGGERS[spec.type] = spec
    _ALIASES["trigger"].update(dict.fromkeys(spec.aliases, spec.type))
    return spec


def connector(spec: ConnectorSpec) -> ConnectorSpec:
    """Declares an integration type."""
    CONNECTORS[spec.type] = spec
    return spec


def canonical_type(kind: Literal["action", "trigger"], name: str) -> str:
    """The lower-case name of a type, aliases resolved; unknown names come back as they are, in lower case."""
    name = name.strip().lower()
    return _ALIASES[kind].get(name, name)


def get_action(name: str) -> ActionSpec:
    """The step type called `name` or one of its aliases. NotFoundError where there is none."""
    try:
        return ACTIONS[canonical_type("action", name)]
    except KeyError:
        known = ", ".join(sorted(ACTIONS))
        raise NotFoundError(
            say("There is no step type “%(name)s”. Available: %(known)s.", name=name, known=known)
        ) from None


def get_trigger(name: str) -> TriggerSpec:
    """The trigger type called `name` or one of its aliases. NotFoundError where there is none."""
    try:
        return TRIGGERS[canonical_type("trigger", name)]
    except KeyError:
        known = ", ".join(sorted(TRIGGERS))
        raise NotFoundError(
            say("There is no trigger type “%(name)s”. Available: %(known)s.", name=name, known=known)
        ) from None


def open_integration(
    integration_type: str,
    *,
    id: str,  # noqa: A002 - the handle's name for it
    name: str,
    config: Mapping[str, Any],
    credentials: Mapping[str, Any],
) -> IntegrationHandle:
    """An integration as steps see it; `config` and `credentials` (opened) as they are stored. StepError (permanent)."""
    spec = CONNECTORS.get(integration_type)
    if spec is None:
        raise StepError(f"The integration “{name}” has an unknown type: {integration_type}.", permanent=True)
    try:
        read = spec.read(config, credentials)
    except StepError as error:
        raise StepError(f"The integration “{name}” cannot be used. {error.message}", permanent=True) from None
    return IntegrationHandle(id, name, integration_type, read[0].model_dump(), read[1].model_dump())


def load(*rooms: str) -> None:
    """Imports every file of these packages and of the folders inside them, so that each declares itself.

    By default flowapp's own rooms. Files are looked for rather than packages: a folder without `__init__.py` counts too.
    """
    for room in rooms or ROOMS:
        for folder in map(Path, importlib.import_module(room).__path__):
            for file in sorted(folder.rglob("*.py")):
                inner = file.relative_to(folder).with_suffix("").parts
                importlib.import_module(".".join((room, *(part for part in inner if part != "__init__"))))
