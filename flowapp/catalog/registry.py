"""The registry: @action, @trigger and @connector fill it, `load()` imports every room that may declare one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, Unpack

from flowapp.catalog.aliases import Kinds, ParamAliases
from flowapp.catalog.context import IntegrationHandle
from flowapp.catalog.explanations import Explain, Question
from flowapp.catalog.params import raw_fields
from flowapp.catalog.resources import Choices, as_name, is_among
from flowapp.catalog.rows import RowSamples, SampleFunction
from flowapp.catalog.specs import (
    ActionFunction,
    ActionSpec,
    ConnectorSpec,
    Effect,
    ParamsClass,
    Trait,
    TriggerSpec,
)
from flowapp.errors import NotFoundError, StepError
from flowapp.texts import say

_CONNECTORS_ROOM = "flowapp.connectors."
ROOMS = (
    "flowapp.actions", "flowapp.triggers", "flowapp.connectors", "flowapp.crm", "flowapp.accounts.resources",
    "flowapp.data.resources", "flowapp.integrations.resources", "flowapp.marketing.resources", "flowapp.template_library.demo_year.seeding",
    "flowapp.workflows.resources",
)  # fmt: skip
ACTIONS: dict[str, ActionSpec] = {}
TRIGGERS: dict[str, TriggerSpec] = {}
CONNECTORS: dict[str, ConnectorSpec] = {}
_ALIASES: dict[str, dict[str, str]] = {"action": {}, "trigger": {}}
ReadDeclarations = Callable[[Path, str], None]
_READERS: dict[str, ReadDeclarations] = {}  # of files that are not Python, by their names


class _Declared(TypedDict, total=False):
    """What `@action` takes: ActionSpec says what each means."""

    label: Required[str]
    description: Required[str]
    group: Required[str]
    icon: Required[str]
    effect: Required[Effect]
    params: Required[ParamsClass]
    synonyms: str
    aliases: tuple[str, ...]
    branches: tuple[str, ...]
    result: Mapping[str, str]
    branch_if: Mapping[str, tuple[str, object]]
    own_branches: Callable[[Mapping[str, object]], list[str]] | None
    counted: bool
    destination: Callable[[Mapping[str, object]], str] | None
    param_aliases: ParamAliases
    kinds: Kinds
    traits: frozenset[Trait]
    sample: object
    sample_of: SampleFunction
    row_samples: RowSamples
    runs: str
    goal: Callable[[Mapping[str, object]], object]
    items: Callable[[Mapping[str, object]], list[object]]
    question: Callable[[Any], Question | None]
    takes_calls: Callable[[Any], bool]
    explain: Explain
    unready: Callable[[Mapping[str, object]], str]
    ended_as: Callable[[Mapping[str, object]], str]


def action(
    type: str,  # noqa: A002 - the word of the definition language
    **declared: Unpack[_Declared],
) -> Callable[[ActionFunction], ActionFunction]:
    """Declares a step type; the decorated function runs one attempt of it."""

    def register(function: ActionFunction) -> ActionFunction:
        spec = ActionSpec(
            type, run=function, raw=raw_fields(declared["params"]), home=_home(function.__module__), **declared
        )
        add_action(spec)
        return function

    return register


def add_action(spec: ActionSpec) -> None:
    """Declares a step type that was made elsewhere."""
    ACTIONS[spec.type] = spec
    _ALIASES["action"].update(dict.fromkeys(spec.aliases, spec.type))


def trigger(spec: TriggerSpec) -> TriggerSpec:
    """Declares a trigger type."""
    TRIGGERS[spec.type] = spec
    _ALIASES["trigger"].update(dict.fromkeys(spec.aliases, spec.type))
    return spec


def connector(spec: ConnectorSpec) -> ConnectorSpec:
    """Declares an integration type."""
    spec = CONNECTORS[spec.type] = spec if spec.home else replace(spec, home=_home(spec.test.__module__))
    return spec


def reads(file_name: str) -> Callable[[ReadDeclarations], ReadDeclarations]:
    """The decorated function declares what files of that name say: it gets each file and the package it lies in."""

    def register(read: ReadDeclarations) -> ReadDeclarations:
        _READERS[file_name] = read
        return read

    return register


def _home(module: str) -> str:
    """The folder of connectors/ that a module lies in, or its one file; empty outside of them."""
    folder, inside = _CONNECTORS_ROOM, module.removeprefix(_CONNECTORS_ROOM)
    return folder + inside.partition(".")[0] if inside != module else ""


def connector_named(name: str) -> ConnectorSpec | None:
    """The integration type of that name, or the one that a provider of that name belongs to."""
    wanted = name.strip().lower()
    return next((spec for spec in CONNECTORS.values() if wanted in (spec.type, *spec.providers)), None)


def connector_meant(connected: Choices, reference: str) -> ConnectorSpec | None:
    """The type of what a step means by the id or name of one that is `connected`, by a type or by a provider."""
    wanted = as_name(reference)
    called = (
        one for one in connected if wanted in (as_name(one.value), as_name(one.label))
    )  # before others of its type
    found = next(called, None) or next((one for one in connected if is_among([one], reference)), None)
    return CONNECTORS.get(found.kind) if found else connector_named(reference)


def actions_of(spec: ConnectorSpec) -> dict[str, ActionSpec]:
    """What can be done with an integration of this type, by step type: its own actions, and its default one."""
    own = {name: found for name, found in ACTIONS.items() if spec.home and found.home == spec.home}
    return own | ({spec.default_action: ACTIONS[spec.default_action]} if spec.default_action else {})


def integration_action(spec: ConnectorSpec, name: str = "") -> ActionSpec:
    """The action of a connector: the default one where no name is given. `create_customer` also means stripe_create_customer.

    NotFoundError where it has none of that name, or no default.
    """
    name, known = name.strip().lower(), actions_of(spec)
    for wanted in (name or spec.default_action, f"{spec.type}_{name}"):
        if (meant := canonical_type("action", wanted)) in known:
            return known[meant]
    for found in known.values():
        if name in found.call_names:
            return found
    raise NotFoundError(
        say("“%(connector)s” has no action “%(name)s”. Available: %(known)s.", connector=spec.label, name=name,
            known=", ".join(sorted(known)))
    )  # fmt: skip


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
    config: Mapping[str, object],
    credentials: Mapping[str, object],
) -> IntegrationHandle:
    """An integration as steps see it; `config` and `credentials` (opened) as they are stored. StepError (permanent)."""
    spec = CONNECTORS.get(integration_type)
    if spec is None:
        raise StepError(
            say(
                "The integration “%(name)s” has an unknown type: %(integration_type)s.",
                name=name,
                integration_type=integration_type,
            ),
            permanent=True,
        )
    try:
        read = spec.read(config, credentials)
    except StepError as error:
        raise StepError(
            say("The integration “%(name)s” cannot be used. %(message)s", name=name, message=error.message),
            permanent=True,
        ) from None
    return IntegrationHandle(id, name, integration_type, read[0].model_dump(), read[1].model_dump())


def load(*rooms: str) -> None:
    """Imports every file of these packages and of the folders inside them, and these modules, so that each declares itself.

    By default flowapp's own rooms. Files are looked for rather than packages: a folder without `__init__.py` counts too.
    Files that somebody `reads` are read after the Python beside them.
    """
    for room in rooms or ROOMS:
        folders = [Path(path) for path in getattr(importlib.import_module(room), "__path__", ())]
        for folder in folders:
            for file in sorted(folder.rglob("*.py")):
                importlib.import_module(_module_of(room, file.relative_to(folder).with_suffix("")))
        for folder in folders:
            for name, read in _READERS.items():
                for file in sorted(folder.rglob(name)):
                    read(file, _module_of(room, file.relative_to(folder).parent))


def _module_of(room: str, inside: Path) -> str:
    return ".".join((room, *(part for part in inside.parts if part != "__init__")))
