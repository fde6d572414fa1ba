"""Choices of a step's or a trigger's field, asked of the service through a connection, and kept for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flowapp.catalog import CONNECTORS
from flowapp.catalog.resources import Choice, FieldOptions, Offered, OptionsContext
from flowapp.errors import NotFoundError, StepError
from flowapp.integrations import service as integrations
from flowapp.models.tenancy import tenant_session
from flowapp.security.opened import Opened, collecting
from flowapp.tasks.mail import opened, unknown_integration
from flowapp.tasks.outgoing import StepConnections
from flowapp.tasks.runtime import runtime
from flowapp.tasks.services import access_tokens
from flowapp.texts import say
from flowapp.values.text import folded, without_accents

SHOWN: Final = 50  # at once; a search finds the others
TIMEOUT: Final = 10.0  # seconds: somebody waits before the form
_KEPT_FOR: Final = 30.0  # seconds
_MOST_KEPT: Final = 200
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The first choices that fit a search, and how many do; `more`: the service has more than were fetched."""

    choices: Sequence[Choice]
    count: int
    more: bool


class _Kept:
    """What services gave a moment ago, in this process. A key begins with the organization and the integration."""

    def __init__(self) -> None:
        self._options: dict[Key, tuple[float, Offered]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Offered | None:
        with self._lock:
            until, options = self._options.get(key, (0.0, None))
        return options if time.monotonic() < until else None

    def put(self, key: Key, offered: Offered) -> None:
        with self._lock:
            self._options.pop(key, None)
            while len(self._options) >= _MOST_KEPT:
                del self._options[next(iter(self._options))]
            self._options[key] = time.monotonic() + _KEPT_FOR, offered


_kept = _Kept()


def find_options(
    organization_id: str, reference: str, step_type: str, field: str, params: Mapping[str, object], search: str = ""
) -> Found:
    """The choices of a field of a step or trigger type. `reference`: an integration's id, name or type.

    StepError says why there are none to be had; NotFoundError where the field has none that a service gives.
    """
    declared = _declared(step_type, field)
    runtime().pause.refuse()
    secrets = Opened()
    try:
        with collecting(secrets):
            found = _load(organization_id, reference, (step_type, field), declared, _needed(declared, params))
    except StepError as error:
        raise StepError(secrets.mask(error.message), permanent=error.permanent) from None
    words = _as_searched(search).split()
    fitting = [one for one in found.choices if all(word in _as_searched(f"{one.label} {one.value}") for word in words)]
    return Found(fitting[:SHOWN], len(fitting), found.more)


def _as_searched(text: str) -> str:
    return without_accents(folded(text))


def _declared(step_type: str, field: str) -> FieldOptions:
    known = (spec.options.get(step_type, {}) for spec in CONNECTORS.values())
    found = next((fields[field] for fields in known if field in fields), None)
    if found is None:
        raise NotFoundError(say("There is nothing to choose from for this field."))
    return found


def _needed(declared: FieldOptions, params: Mapping[str, object]) -> dict[str, str]:
    values = {name: str(params.get(name) or "").strip() for name in declared.needs}
    for name, value in values.items():
        if not value:
            message = say("Fill in “%(field)s” first: the choices depend on it.", field=declared.needs[name])
            raise StepError(message, permanent=True)
        _refuse_expression(value, declared.needs[name])
    return values


def _refuse_expression(value: str, field: str) -> None:
    if "{{" in value:
        message = say(
            "“%(field)s” is known only when the workflow runs, so nothing can be listed yet. Type the value.",
            field=field,
        )
        raise StepError(message, permanent=True)


def _load(
    organization_id: str, reference: str, place: tuple[str, str], declared: FieldOptions, values: dict[str, str]
) -> Offered:
    current = runtime()
    if not reference.strip():
        raise StepError(say("Choose a connection first."), permanent=True)
    _refuse_expression(reference, "Connection")
    with tenant_session(current.engine, organization_id) as session:
        row = integrations.find(session, reference.strip())
        if row is None:
            raise unknown_integration(reference)
        key: Key = (organization_id, row.id, row.updated_at, *place, *sorted(values.items()))
        handle = opened(current, row)
    if place[0] not in CONNECTORS[handle.integration_type].options:
        raise StepError(say("“%(name)s” is a connection to another service.", name=handle.name), permanent=True)
    if (kept := _kept.get(key)) is not None:
        return kept
    http = StepConnections(current.outgoing, organization_id)
    tokens = access_tokens(current, http, organization_id)
    ctx = OptionsContext(http, current.usage.of, lambda handle, refused="": tokens.get(handle.id, refused), TIMEOUT)
    found = declared.load(ctx, handle, values)
    _kept.put(key, found)
    return found
