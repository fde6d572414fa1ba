"""Definitions between what is sent and what is stored: secrets sealed, hook keys stable and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS, ui_of
from flowapp.engine.language.definition import Definition, TriggerDef, entity_id, free_key, parse
from flowapp.engine.language.dialects import type_name
from flowapp.errors import InvalidError, Problem
from flowapp.models import Trigger
from flowapp.models.definitions import DefinitionJson, StepJson, TriggerJson
from flowapp.models.tenancy import system_session
from flowapp.security.credentials import SHOWN, Vault
from flowapp.texts import say
from flowapp.workflows import step_secrets

_HOOK_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@lru_cache(maxsize=4)
def _vault_of(keys: tuple[str, ...]) -> Vault:
    return Vault(keys)


def vault() -> Vault:
    """The vault of this installation; needs the application's context. Processes without one do not load Flask."""
    from flowapp.extensions import current_settings

    return _vault_of(current_settings().encryption_keys)


def settle(session: Session, workflow_id: str, data: Mapping[str, object], before: DefinitionJson | None) -> Definition:
    """Parses a definition as it was sent, and returns it as it is stored.

    A secret that comes as SHOWN, and a hook's key that does not come at all, stay what they were in the draft `before`.
    InvalidError carries every problem, at canonical paths.
    """
    stored = {trigger["key"]: trigger for trigger in before["triggers"]} if before else {}
    steps = before["steps"] if before else []
    if "steps" in data:
        data = {**data, "steps": step_secrets.opened(data["steps"], steps, vault())}
    definition = parse(_opened(data, stored))
    _refuse_sealed(definition, steps)
    triggers = [_prepared(trigger, stored.get(trigger.key)) for trigger in definition.triggers]
    problems = _key_problems(session, workflow_id, triggers)
    if problems:
        raise InvalidError(problems)
    changed = {"triggers": triggers, "steps": step_secrets.sealed(definition.steps, steps, vault())}
    return definition.model_copy(update=changed)


def _opened(data: Mapping[str, object], stored: Mapping[str, TriggerJson]) -> Mapping[str, object]:
    """`data` with the triggers' keys made, and what they keep from the stored ones filled in, in clear."""
    triggers = data.get("triggers")
    if not isinstance(triggers, list):
        return data
    taken = {t["key"] for t in triggers if isinstance(t, dict) and isinstance(t.get("key"), str)}
    opened = []
    for trigger in triggers:
        written = trigger.get("trigger_type") if isinstance(trigger, dict) else None
        if not isinstance(written, str) or not isinstance(trigger.get("config", {}), dict):
            opened.append(trigger)
            continue
        kind = type_name("trigger", written)
        key = trigger["key"] if trigger.get("key") is not None else free_key(kind, taken)
        if isinstance(key, str):
            taken.add(key)
        opened.append({**trigger, "key": key, "config": _kept(trigger.get("config") or {}, kind, stored.get(str(key)))})
    return {**data, "triggers": opened}


def _kept(sent: Mapping[str, object], kind: str, old: TriggerJson | None) -> dict[str, object]:
    config = dict(sent)
    if old is None or old["trigger_type"] != kind:
        return config
    for name in secret_fields(kind):
        if name in config and config[name] in (SHOWN, old["config"].get(name)):
            config[name] = vault().open(old["config"].get(name, ""))
    made = TRIGGERS[kind].made if kind in TRIGGERS else ()
    return config | {name: old["config"][name] for name in made if not config.get(name) and old["config"].get(name)}


def _refuse_sealed(definition: Definition, before: list[StepJson]) -> None:
    """A sealed form, and SHOWN, mean the secret that is stored: where none is, it must be sent in clear.

    Nor is a secret stored for a step that calls any address.
    """
    problems = [
        Problem(f"triggers.{at}.config.{name}", say("Enter the secret itself. None is stored for this trigger yet."))
        for at, trigger in enumerate(definition.triggers)
        for name in secret_fields(trigger.trigger_type)
        if trigger.config.get(name, "") == SHOWN or not isinstance(trigger.config.get(name, ""), str)
    ]
    for at, step in enumerate(definition.steps):
        problems += step_secrets.unknown(step, f"steps.{at}", before)
    problems += step_secrets.adrift(definition.steps, before, vault())
    if problems:
        raise InvalidError(problems)


def secret_fields(trigger_type: str) -> list[str]:
    """Names of the config fields of a trigger type that are stored encrypted."""
    spec = TRIGGERS.get(trigger_type)
    return [n for n in spec.params.model_fields if ui_of(spec.params, n).get("widget") == "secret"] if spec else []


def _is_hook(trigger_type: str) -> bool:
    spec = TRIGGERS.get(trigger_type)
    return spec is not None and spec.source == "hook"


def _prepared(trigger: TriggerDef, old: TriggerJson | None) -> TriggerDef:
    """The trigger with its config completed and sealed; a secret that did not change keeps its sealed form."""
    spec = TRIGGERS[trigger.trigger_type]
    config = spec.prepare(dict(trigger.config)) if spec.prepare else trigger.config
    names = secret_fields(spec.type)
    sealed = vault().seal(config, names)
    for name in names:
        before = old["config"].get(name) if old else None
        if isinstance(before, dict) and vault().open(before) == config.get(name):
            sealed[name] = before
    return trigger.model_copy(update={"config": sealed})


def _key_problems(session: Session, workflow_id: str, triggers: list[TriggerDef]) -> list[Problem]:
    problems, own = [], {}
    for at, trigger in enumerate(triggers):
        key, path = hook_key(trigger), f"triggers.{at}.config.key"
        if key is None:
            continue
        if not _HOOK_KEY.fullmatch(key):
            problems.append(
                Problem(path, say("Use 16 to 64 letters, digits, - or _, or leave it out to get a new one."))
            )
        elif key in own:
            problems.append(Problem(path, say("Another trigger of this workflow has the same key."), code="duplicate"))
        own[key] = (path, entity_id(workflow_id, "trigger", trigger.key))
    return problems + _foreign_keys(session, own)


def _foreign_keys(session: Session, own: dict[str, tuple[str, str]]) -> list[Problem]:
    """Keys that lead to somebody else's hook: they are unique in the whole installation."""
    if not own:
        return []
    with system_session(session.get_bind()) as system:  # type: ignore[arg-type] # our sessions are bound to engines
        rows = system.execute(select(Trigger.hook_key, Trigger.id).where(Trigger.hook_key.in_(own))).all()
    message = say("This key belongs to another workflow. Leave it out to get a new one.")
    return [Problem(own[key][0], message, code="duplicate") for key, row_id in rows if key and row_id != own[key][1]]


def hook_key(trigger: TriggerDef) -> str | None:
    """The public key of a trigger that is a hook."""
    key = trigger.config.get("key") if _is_hook(trigger.trigger_type) else None
    return key if isinstance(key, str) and key else None


def without_hook_keys(definition: DefinitionJson) -> DefinitionJson:
    """A copy of a definition whose hooks will get keys of their own."""
    return {**definition, "triggers": [_without_key(trigger) for trigger in definition["triggers"]]}


def _without_key(trigger: TriggerJson) -> TriggerJson:
    if not _is_hook(trigger["trigger_type"]):
        return trigger
    return {**trigger, "config": {name: value for name, value in trigger["config"].items() if name != "key"}}
