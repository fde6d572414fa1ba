"""The main navigation, made of what the pages declare: a page module has `NAV = Nav(...)`, and that is all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, g, request, url_for
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.security.roles import Role
from flowapp.web.access import runs_installation


@dataclass(frozen=True, slots=True)
class Nav:
    """One entry: its place, its label (a msgid), its icon, where it leads, and whose role shows it.

    `prefix` is the path under which it counts as the current section. `group` "settings" lists it on the settings page;
    `installation`: it is for those who run the installation.
    """

    order: int
    label: str
    icon: str
    endpoint: str
    prefix: str
    role: Role = Role.VIEWER
    group: str = "main"
    installation: bool = False


ENTRIES: list[Nav] = []
# The sections of the main navigation by the least `order` of their entries.
SECTIONS = ((0, ""), (11, N_("Customers")), (20, N_("Automation")), (40, N_("Content")), (70, ""))


def add(declared: Nav | list[Nav] | None) -> None:
    """Takes up what a page module declares."""
    for entry in declared if isinstance(declared, list) else [declared]:
        if entry is not None and entry not in ENTRIES:
            ENTRIES.append(entry)


def entries(group: str) -> list[dict[str, object]]:
    """The entries of a group as the templates draw them."""
    actor = g.get("actor")
    return [
        {
            "order": entry.order,
            "label": _(entry.label),
            "icon": entry.icon,
            "url": url_for(entry.endpoint),
            "active": request.path == entry.prefix
            or (entry.prefix != "/" and request.path.startswith(entry.prefix.rstrip("/") + "/")),
        }
        for entry in sorted(ENTRIES, key=lambda e: e.order)
        if entry.group == group
        and actor is not None
        and actor.role >= entry.role
        and (not entry.installation or runs_installation())
    ]


def sections() -> list[dict[str, object]]:
    """The main navigation in its sections; one without a label has no heading."""
    listed = entries("main")
    parts = [
        {"label": _(label) if label else "", "entries": [entry for entry in listed if _section_of(entry) == first]}
        for first, label in SECTIONS
    ]
    return [part for part in parts if part["entries"]]


def _section_of(entry: dict[str, object]) -> int:
    return max(first for first, _label in SECTIONS if first <= cast(int, entry["order"]))


def _context() -> dict[str, object]:
    return {"nav": sections() if g.get("actor") else []}


def init_app(app: Flask) -> None:
    """Gives the templates `nav` and `settings_nav()`."""
    app.context_processor(_context)
    app.jinja_env.globals["settings_nav"] = lambda: entries("settings")
