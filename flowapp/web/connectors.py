"""What can be connected, in the catalogue's order: by what it is for, and found by names, descriptions and actions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask_babel import gettext as _

from flowapp.catalog import CONNECTORS, N_, ConnectorSpec, actions_of
from flowapp.values.text import folded, without_accents

CATEGORIES = {
    "communication": N_("Communication"),
    "payments": N_("Payments"),
    "data": N_("Data"),
    "files": N_("Files"),
    "ai": N_("Artificial intelligence"),
    "marketing": N_("Marketing"),
    "productivity": N_("Productivity"),
    "developer": N_("Web services"),
    "other": N_("Other"),
}
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Group:
    """Connectors of one category."""

    heading: str
    specs: list[ConnectorSpec]


def found_connectors(search: str = "", category: str = "") -> list[Group]:
    """Those that all words of the search fit, by category."""
    words = _words(search)
    specs = sorted(CONNECTORS.values(), key=lambda spec: str(_(spec.label)).lower())
    found = [spec for spec in specs if category in ("", _category(spec)) and _fits(spec, words)]
    groups = [
        Group(_(label), [spec for spec in found if _category(spec) == name]) for name, label in CATEGORIES.items()
    ]
    return [group for group in groups if group.specs]


def used_categories() -> dict[str, str]:
    """The categories that something is in."""
    used = {_category(spec) for spec in CONNECTORS.values()}
    return {name: label for name, label in CATEGORIES.items() if name in used}


def _category(spec: ConnectorSpec) -> str:
    return spec.category if spec.category in CATEGORIES else "other"


def _fits(spec: ConnectorSpec, words: set[str]) -> bool:
    does = " ".join(f"{_(action.label)} {action.label}" for action in actions_of(spec).values())
    named = (
        f"{_(spec.label)} {spec.label} {_(spec.description)} {spec.description} {spec.type} {' '.join(spec.providers)}"
    )
    known = _words(f"{named} {does}")
    return all(any(other.startswith(word) for other in known) for word in words)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(without_accents(folded(text)).replace("_", " ")))
