"""Choices of a field, asked of the service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

from flowapp.catalog import HttpResponse
from flowapp.catalog.manifests import ActionField, Call, OptionsOf
from flowapp.catalog.resources import MOST_OFFERED, Choice, Offered
from flowapp.connectors.runner.answers import at
from flowapp.connectors.runner.filling import as_text
from flowapp.connectors.runner.paging import Listing
from flowapp.connectors.runner.paging import Values as Sent
from flowapp.connectors.runner.sending import Request
from flowapp.connectors.runner.service import Service
from flowapp.connectors.runner.signing import function_of
from flowapp.errors import StepError
from flowapp.texts import say

_PLACE = re.compile(r"\{([\w.]+)\}")
Values = Mapping[str, object]


def options(service: Service, field: ActionField, values: Values) -> Offered:
    """The choices of a field, at most MOST_OFFERED. StepError where the service refuses."""
    declared = cast(OptionsOf, field.options)
    if declared.function:
        function = function_of(service.manifest, declared.function)
        found = [Choice(*pair) for pair in cast(Iterable[tuple[str, str]], function(service, values))]
        return Offered(found[:MOST_OFFERED], len(found) > MOST_OFFERED)
    call = cast(Call, declared.call)
    place = declared.paging.items if declared.paging else declared.items

    def fetch(more: Sent, link: str) -> tuple[HttpResponse, list[object]]:
        name = field.label
        answer = service.send(Request("GET", link), name) if link else service.call(call, name, values, more=more)
        entries = at(answer.json, place)
        if not isinstance(entries, list):
            message = say(
                "The answer of %(service)s cannot be read: it has no list to choose from.",
                service=service.manifest.label,
            )
            raise StepError(message, permanent=True)
        return answer, entries

    if not declared.paging:
        entries = fetch({}, "")[1]
        return Offered(_read(declared, entries[:MOST_OFFERED]), len(entries) > MOST_OFFERED)
    listing = Listing.begun(declared.paging, MOST_OFFERED, None)
    listing.fetch_all(declared.paging, fetch, service.base, MOST_OFFERED, service.timeout)  # somebody waits
    return Offered(_read(declared, listing.entries), listing.more)


def _read(declared: OptionsOf, entries: Iterable[object]) -> list[Choice]:
    """Those that have a value; where nothing stands at the label, the value is read."""
    pairs = ((as_text(at(entry, declared.value)), _label(declared.label, entry)) for entry in entries)
    return [Choice(value, label or value) for value, label in pairs if value]


def _label(template: str, entry: object) -> str:
    if "{" not in template:
        return as_text(at(entry, template))
    return _PLACE.sub(lambda found: as_text(at(entry, found[1])), template)
