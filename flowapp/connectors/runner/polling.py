"""Polls as manifests declare them, and what functions of connectors' folders need for theirs: which entries of a list are new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from flowapp.catalog import Item, PollContext, Polled
from flowapp.catalog.manifests import ConnectorParams, ManifestTrigger
from flowapp.catalog.manifests.manifest import Poll
from flowapp.connectors.runner.answers import at
from flowapp.connectors.runner.filling import Values, as_text, is_empty
from flowapp.connectors.runner.service import Service
from flowapp.connectors.runner.signing import function_of
from flowapp.errors import StepError
from flowapp.texts import say

REMEMBERED = 2000  # entries that are known after they have left the list
_DIGEST = 16  # hexadecimal digits of what is remembered of an entry's id


def poll(
    service: Service, trigger: ManifestTrigger, ctx: PollContext, params: ConnectorParams, cursor: object
) -> Polled:
    """What is new since the cursor."""
    values = params.model_dump(by_alias=True)
    del values["integration"]
    if trigger.poll.function:
        function = function_of(service.manifest, trigger.poll.function)
        return cast(Polled, function(ctx, service, values, cursor))
    return _listed(service, trigger, values, cursor)


def _listed(service: Service, trigger: ManifestTrigger, values: Values, cursor: object) -> Polled:
    declared, known = trigger.poll, cursor if isinstance(cursor, Mapping) else {}
    assert declared.call is not None  # noqa: S101 - the manifest has one where it has no function
    sent = {}
    if declared.cursor and not is_empty(known.get("next")):
        sent[declared.cursor.parameter] = known["next"]
    answer = service.call(declared.call, trigger.label, values, action=trigger, more=sent)
    entries = list_at(answer.json, declared.items)
    fresh, seen = unseen(entries, declared.id, known.get("seen"))
    items = [Item(one, {named.name: at(entry, named.source) for named in trigger.result}) for one, entry in fresh]
    following = _next(declared, answer.json, known)
    more = bool(declared.more and at(answer.json, declared.more)) and following != known.get("next")
    return Polled(items, {"next": following, "seen": seen}, more)


def _next(declared: Poll, body: object, known: Mapping[str, object]) -> object:
    """Where the next poll goes on; where the answer says nothing of it, as this one did."""
    found = at(body, declared.cursor.next) if declared.cursor else None
    return known.get("next") if is_empty(found) else found


def list_at(body: object, path: str) -> list[object]:
    """The list at a dotted path of an answer. StepError (permanent) where there is none."""
    found = at(body, path)
    if isinstance(found, list):
        return found
    if path:
        message = say("There is no list at “%(path)s” in the answer.", path=path)
    else:
        message = say("The answer is no list. Name the place in it where the list stands.")
    raise StepError(message, permanent=True)


def unseen(entries: Sequence[object], path: str, seen: object) -> tuple[list[tuple[str, object]], list[str]]:
    """The entries that were not there before, each with its id, and what to remember for the next poll.

    `path`: where an entry's id stands; empty: the entry is its own. StepError (permanent) where one has none.
    """
    before = [str(one) for one in seen] if isinstance(seen, list) else []
    known, fresh, marks = set(before), [], []
    for entry in entries:
        one = _id_of(entry, path)
        mark = hashlib.sha256(one.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
        marks.append(mark)
        if mark not in known:
            known.add(mark)
            fresh.append((one, entry))
    return fresh, list(dict.fromkeys(marks)) + list(_forgotten_last(before, marks))


def _forgotten_last(before: Iterable[str], marks: Sequence[str]) -> list[str]:
    """Of those that were known, the ones that have left the list, as many as are remembered."""
    here = set(marks)
    return [mark for mark in before if mark not in here][:REMEMBERED]


def _id_of(entry: object, path: str) -> str:
    found = at(entry, path)
    if not isinstance(found, str | int | float) or isinstance(found, bool) or found == "":
        message = say("An entry of the list has no “%(path)s”, so it cannot be told whether it is new.", path=path)
        raise StepError(message, permanent=True)
    return as_text(found)
