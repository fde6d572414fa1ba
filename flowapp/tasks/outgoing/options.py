"""Choices of a step's or a trigger's field, asked of the service through a connection, and kept for a moment."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import Final, NamedTuple

from flowapp.catalog import CONNECTORS
from flowapp.catalog.resources import Choice, FieldOptions, Offered, OptionsContext
from flowapp.errors import NotFoundError, StepError
from flowapp.exact_json import dump_json
from flowapp.integrations import service as integrations
from flowapp.models import Integration
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
_MOST_KEPT: Final = 16 * 2**20  # bytes of memory
_OVERHEAD: Final = 1000  # bytes of an entry besides its texts
_LONGEST_VALUE, _LONGEST_LABEL = 2000, 300  # characters
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
        self._options: dict[Key, _Entry] = {}  # those that end first come first
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Offered | None:
        with self._lock:
            self._make_room(0)
            found = self._options.get(key)
        return found.offered if found else None

    def put(self, key: Key, offered: Offered) -> None:
        size = _size(key, offered)
        if size > _MOST_KEPT:
            return
        with self._lock:
            if key in self._options:
                self._forget(key)
            self._make_room(size)
            self._options[key] = _Entry(time.monotonic() + _KEPT_FOR, size, offered)
            self._size += size

    def _make_room(self, size: int) -> None:
        """Forgets what has ended, and the oldest of the others where they would not fit."""
        now = time.monotonic()
        while self._options:
            key, entry = next(iter(self._options.items()))
            if entry.until > now and self._size + size <= _MOST_KEPT:
                return
            self._forget(key)

    def _forget(self, key: Key) -> None:
        self._size -= self._options.pop(key).size


class _Entry(NamedTuple):
    until: float
    size: int
    offered: Offered


def _size(key: Key, offered: Offered) -> int:
    """Bytes of memory, about."""
    texts = sum(getsizeof(one) + getsizeof(one.value) + getsizeof(one.label) for one in offered.choices)
    return _OVERHEAD + getsizeof(str(key)) + texts


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
        key: Key = (organization_id, row.id, _account(row), *place, *sorted(values.items()))
        handle = opened(current, row)
    if place[0] not in CONNECTORS[handle.integration_type].options:
        raise StepError(say("“%(name)s” is a connection to another service.", name=handle.name), permanent=True)
    if (kept := _kept.get(key)) is not None:
        return kept
    http = StepConnections(current.outgoing, organization_id)
    tokens = access_tokens(current, http, organization_id)
    ctx = OptionsContext(http, current.usage.of, lambda handle, refused="": tokens.get(handle.id, refused), TIMEOUT)
    found = _bounded(declared.load(ctx, handle, values))
    _kept.put(key, found)
    return found


def _account(row: Integration) -> str:
    """A fingerprint of whom is asked. `updated_at` is no help: each minute its use is written into the row."""
    parts = (row.credentials, row.oauth_tokens or b"", dump_json(row.config).encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _bounded(offered: Offered) -> Offered:
    """Without values that nobody could store; labels are cut."""
    fitting = [one for one in offered.choices if len(one.value) <= _LONGEST_VALUE]
    choices = [replace(one, label=one.label[:_LONGEST_LABEL]) for one in fitting]
    return Offered(choices, offered.more or len(fitting) < len(offered.choices))
