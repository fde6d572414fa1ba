"""Secrets in the params of steps: sealed where they are stored, opened only where the step runs.

A secret is what stands in a field with the widget "secret", and in the dicts that their model marks `secret_keys`
each text under a name such as Authorization. An expression is none: it only says where the secret is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypedDict, TypeGuard

from flowapp.catalog import ACTIONS, secret_fields, secret_key_fields
from flowapp.engine.language.definition import StepDef
from flowapp.engine.language.dialects import type_name
from flowapp.errors import Problem
from flowapp.logs import is_secret_name
from flowapp.security.credentials import SHOWN, Vault, is_sealed
from flowapp.texts import say

Places = dict[tuple[str, str], dict[str, object]]  # stored params, by the id and the type of their step
Turn = Callable[[object, object, str], object]  # a value, what is stored in its place, and its path in the params

_OPENING = re.compile(r"\s*([A-Za-z]{1,16}(\s*[=:]|\s)\s*)?")  # “Bearer ”, “session=”


class Configured(TypedDict):
    """What of a step, stored or sent, tells its secrets."""

    step_id: str
    action_type: str
    params: dict[str, object]


def opened(steps: object, before: Sequence[Configured], vault: Vault) -> object:
    """`steps` as they were sent, with what they keep from the stored ones filled in, in clear.

    SHOWN keeps what is stored in its place; a sealed form is taken from whichever step of `before` it stands in. Neither
    follows a step to another destination: somebody who may not read a secret could have it sent to themselves.
    """
    if not isinstance(steps, list):
        return steps
    stored = _by_id(before)
    known = {
        (value["$secret"], _destination(step))
        for step in before
        for _, value in _leaves(step["params"], "")
        if is_sealed(value)
    }

    def opened_of(step: Configured) -> dict[str, object]:
        destination = _destination(step)

        def open_(value: object, old: object, _path: str) -> object:
            if value == SHOWN and is_sealed(old):
                value = old
            return vault.open(value) if is_sealed(value) and (value["$secret"], destination) in known else value

        return {**step, "params": _turned(step, stored, open_)}

    return [opened_of(step) if _is_step(step) else step for step in steps]  # parse complains of the others


def unknown(step: StepDef, path: str, before: Sequence[Configured]) -> list[Problem]:
    """The sealed forms and SHOWN that are left once the stored secrets were opened: nobody knows what they mean."""
    old = _by_id(before).get((step.step_id, step.action_type), {})
    kept = {where for where, value in _leaves(old, f"{path}.params") if is_sealed(value)}
    moved = say("The address has changed. Enter this again to confirm that it may be sent there.")
    none = say("Enter the secret itself. None is stored for this step yet.")
    return [
        Problem(where, moved if where in kept else none, step.step_id)
        for where, value in _leaves(step.params, f"{path}.params")
        if is_sealed(value) or value == SHOWN
    ]


def adrift(steps: list[StepDef], before: Sequence[Configured], vault: Vault) -> list[Problem]:
    """New secrets in steps that call whatever address an expression gives: it may come from anybody."""
    message = say(
        "A secret cannot be sent to an address that is known only when the step runs. Write out the scheme "
        "and host (the rest may contain expressions), or choose an integration."
    )
    stored, problems = _by_id(before), []
    for at, step in enumerate(steps):
        if "{{" not in _destination(_configured(step)):
            continue

        def judge(value: object, old: object, path: str, at: int = at, step: StepDef = step) -> object:
            if _is_secret(value) and not (is_sealed(old) and vault.open(old) == value):
                problems.append(Problem(f"steps.{at}.params.{path}", message, step.step_id))
            return value

        _turned(_configured(step), stored, judge)
    return problems


def _configured(step: StepDef) -> Configured:
    return {"step_id": step.step_id, "action_type": step.action_type, "params": step.params}


def _destination(step: Configured) -> str:
    """Where the step's secrets go, as its action says; empty where they go nowhere."""
    spec = ACTIONS.get(type_name("action", step["action_type"]))
    return spec.destination(step["params"]) if spec and spec.destination else ""


def sealed(steps: list[StepDef], before: Sequence[Configured], vault: Vault) -> list[StepDef]:
    """The steps with their secrets sealed; a secret that did not change keeps its sealed form."""
    stored = _by_id(before)

    def seal(value: object, old: object, _path: str) -> object:
        if not _is_secret(value):
            return value
        return old if is_sealed(old) and vault.open(old) == value else vault.sealed(value)

    return [step.model_copy(update={"params": _turned(_configured(step), stored, seal)}) for step in steps]


def _is_secret(value: object) -> TypeGuard[str]:
    """Whether a value in a secret's place is one."""
    return isinstance(value, str) and value != "" and not _only_names(value)


def _only_names(text: str) -> bool:
    """Whether expressions give all of it, but for a word in front."""
    opening, *pieces = text.split("{{")
    parted = [piece.partition("}}") for piece in pieces]
    if not parted or not all(closed for _, closed, _ in parted):
        return False
    return _OPENING.fullmatch(opening + "".join(after for _, _, after in parted)) is not None


def _is_step(step: object) -> TypeGuard[Configured]:
    return (
        isinstance(step, dict)
        and isinstance(step.get("action_type"), str)
        and isinstance(step.get("step_id"), str)
        and isinstance(step.get("params"), dict)
    )


def _by_id(steps: Sequence[Configured]) -> Places:
    return {(step["step_id"], step["action_type"]): step["params"] for step in steps}


def _turned(step: Configured, stored: Places, turn: Turn) -> dict[str, object]:
    """The step's params with `turn` applied to each place of a secret."""
    kind, params = type_name("action", step["action_type"]), step["params"]
    spec, old = ACTIONS.get(kind), stored.get((step["step_id"], kind), {})
    if spec is None:
        return dict(params)
    whole, keyed = secret_fields(spec.params), secret_key_fields(spec.params)
    done: dict[str, object] = {}
    for name, value in params.items():
        if name in whole:
            done[name] = turn(value, old.get(name), name)
        else:
            done[name] = _turned_keys(value, old.get(name), turn, name) if name in keyed else value
    return done


def _turned_keys(value: object, old: object, turn: Turn, path: str) -> object:
    if not isinstance(value, dict):
        return value
    old = old if isinstance(old, dict) else {}
    done = {}
    for key, entry in value.items():
        secret = is_secret_name(key) or is_sealed(old.get(key))  # it may be sealed by a release that took it for one
        if secret and (isinstance(entry, str) or is_sealed(entry)):
            done[key] = turn(entry, old.get(key), f"{path}.{key}")
        else:
            done[key] = _turned_keys(entry, old.get(key), turn, f"{path}.{key}")
    return done


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value that holds no others, and every sealed form, with its path."""
    if isinstance(value, dict | list) and not is_sealed(value):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(entry, f"{path}.{key}")
    else:
        yield path, value
