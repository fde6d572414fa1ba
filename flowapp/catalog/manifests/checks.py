"""What is wrong with a manifest whose parts are right each by themselves: names that nothing has, or two things have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from flowapp.catalog.manifests.manifest import Action, ActionField, Auth, Call, Manifest, ManifestTrigger, Setting
from flowapp.catalog.manifests.words import placeholders
from flowapp.catalog.polling import PACE

Place = tuple[str | int, ...]
Finding = tuple[Place, str]
_OTHER_HOSTS = ("evil.example/", "evil.example?", "evil.example#", "x@evil.example:1")
BUILT_IN = frozenset({"idempotency_key"})  # what a call may name besides fields, config and credentials
RESERVED = frozenset({"integration", "limit"})
RESERVED_OF_TRIGGERS = frozenset({"integration", *PACE})


def findings(manifest: Manifest) -> Iterator[Finding]:
    """(where, what) of each thing that is wrong."""
    yield from _twice(("config",), [one.name for one in (*manifest.config, *manifest.credentials)])
    yield from _twice(("actions",), [action.name for action in manifest.actions])
    for part in ("config", "credentials"):  # a form of its own each
        fields = getattr(manifest, part)
        for at, field in enumerate(fields):
            known = fields[:at] if field.required else fields  # whether it must be filled in is asked with those before
            yield from _unknown((part, at, "show_if"), field.show_if, [one.name for one in known])
            yield from _of_limits((part, at), field)
    yield from _unknown(("needs_one_of",), manifest.needs_one_of, [one.name for one in manifest.credentials])
    for at, auth in enumerate(manifest.auth):
        yield from _unknown(("auth", at), _of_auth(auth), manifest.settings)
    yield from _unknown(("base_url",), placeholders(manifest.base_url), manifest.settings)
    yield from _of_host(manifest)
    yield from _unknown(("destination",), placeholders(manifest.destination), manifest.settings)
    if manifest.test.call:
        yield from _unknown(("test", "call"), manifest.test.call.named, manifest.settings)
    if not manifest.test.call and not manifest.test.function:
        yield ("test",), "say call or function"
    names = {action.name for action in manifest.actions} | ({"custom_call"} if manifest.custom_call else set())
    if manifest.default_action not in names:
        yield ("default_action",), f"there is no action “{manifest.default_action}”"
    for at, action in enumerate(manifest.actions):
        yield from _of_action(manifest, action, ("actions", at))
    yield from _twice(("triggers",), [trigger.name for trigger in manifest.triggers])
    for at, trigger in enumerate(manifest.triggers):
        yield from _of_trigger(manifest, trigger, ("triggers", at))


def _of_limits(place: Place, field: Setting) -> Iterator[Finding]:
    if field.pattern and not field.pattern_help:
        yield place, "say in pattern_help what the pattern wants: people read that, never the pattern"
    if field.kind != "integer" and (field.minimum, field.maximum) != (None, None):
        yield place, "only a field of kind integer has minimum and maximum"


def _of_host(manifest: Manifest) -> Iterator[Finding]:
    """A part of the host that may hold more than a part leads the secret to another host."""
    scheme, _, rest = manifest.base_url.partition("://")
    named = {*placeholders(rest.partition("/")[0]), *placeholders(scheme if rest else "")}
    for part, fields in (("config", manifest.config), ("credentials", manifest.credentials)):
        for at, field in enumerate(fields):
            bounded = field.kind == "choice" or (
                field.pattern and not any(re.search(field.pattern, text) for text in _OTHER_HOSTS)
            )
            if field.name in named and not bounded:
                yield (
                    (part, at),
                    "it is a part of the host: give it choices, or a pattern that takes no “/”, “?”, “#” and “@”",
                )


def _of_auth(auth: Auth) -> list[str]:
    return [
        name
        for text in (auth.token, auth.user, auth.password, auth.name, auth.value, auth.authorize_url, auth.token_url)
        for name in placeholders(text)
    ]  # fmt: skip


def _of_action(manifest: Manifest, action: Action, place: Place) -> Iterator[Finding]:
    yield from _of_fields(manifest, action.fields, RESERVED, place)
    if action.call:
        known = {field.name for field in action.fields} | manifest.settings | BUILT_IN
        yield from _unknown((*place, "call"), action.call.named, known)
        yield from _of_call(manifest, action.call, (*place, "call"))
    yield from _twice((*place, "result"), [one.name for one in action.result])


def _of_trigger(manifest: Manifest, trigger: ManifestTrigger, place: Place) -> Iterator[Finding]:
    yield from _of_fields(manifest, trigger.fields, RESERVED_OF_TRIGGERS, place)
    if call := trigger.poll.call:
        known = {field.name for field in trigger.fields} | manifest.settings
        yield from _unknown((*place, "poll", "call"), call.named, known)
        yield from _of_call(manifest, call, (*place, "poll", "call"))
    yield from _twice((*place, "result"), [one.name for one in trigger.result])


def _of_fields(
    manifest: Manifest, fields: list[ActionField], reserved: frozenset[str], place: Place
) -> Iterator[Finding]:
    names = [field.name for field in fields]
    yield from _twice((*place, "fields"), [*names, *(alias for field in fields for alias in field.aliases)])
    for at, field in enumerate(fields):
        if field.name in reserved or field.name in manifest.settings:
            yield (*place, "fields", at, "name"), f"“{field.name}” has another meaning; choose another name, and `as`"
        if (field.kind == "choice") != bool(field.choices):
            yield (*place, "fields", at), "choices and kind choice belong together"
        yield from _unknown((*place, "fields", at, "show_if"), field.show_if, names)
    yield from _of_options(manifest, fields, place)


def _of_options(manifest: Manifest, fields: list[ActionField], place: Place) -> Iterator[Finding]:
    names = {field.name for field in fields}
    for at, field in enumerate(fields):
        if options := field.options:
            yield from _unknown((*place, "fields", at, "options"), options.needs, names)
            if field.kind != "text":
                yield (*place, "fields", at, "options"), "only a field of kind text has options"
            if options.call:
                yield from _unknown((*place, "fields", at, "options"), options.call.named, names | manifest.settings)
                yield from _of_call(manifest, options.call, (*place, "fields", at, "options"))


def _of_call(manifest: Manifest, call: Call, place: Place) -> Iterator[Finding]:
    if not call.url and not manifest.base_url:
        yield place, "there is no base_url: say url"
    foreign = set(placeholders(call.url)) - manifest.settings
    if foreign:
        yield (*place, "url"), "only config and credentials may be part of an address that is not under base_url"


def _unknown(place: Place, names: object, known: object) -> Iterator[Finding]:
    for name in sorted(set(names) - set(known)):  # type: ignore[call-overload]
        yield place, f"there is no field “{name}”"


def _twice(place: Place, names: list[str]) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1:
            yield place, f"“{name}” is there twice"
