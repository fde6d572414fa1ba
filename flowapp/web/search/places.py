"""Pages and commands by their names in the reader's language, and by what people also call them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, url_for
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.crm.search.words import asked_of, text_of
from flowapp.security.roles import Role
from flowapp.web import nav
from flowapp.web.search.hits import Hit

SHOWN = 6
# Other words for pages, by the address of each.
ALSO = {
    "/": N_("home start overview"),
    "/contacts": N_("people customers clients leads address book"),
    "/companies": N_("organisations accounts customers"),
    "/deals": N_("opportunities sales pipeline board kanban"),
    "/tasks": N_("to-do activities reminders calls"),
    "/workflows": N_("automations flows"),
    "/executions": N_("runs history log errors"),
    "/approvals": N_("questions decisions"),
    "/forms": N_("surveys submissions answers"),
    "/tables": N_("database records rows"),
    "/schemas": N_("validation rules"),
    "/settings": N_("preferences configuration"),
    "/settings/profile": N_("password account language time zone"),
    "/settings/members": N_("users team roles invite"),
    "/settings/tokens": N_("keys access developer"),
    "/settings/organization": N_("name logo currency time zone"),
    "/settings/audit": N_("security log changes"),
    "/settings/pipelines": N_("stages sales"),
    "/settings/fields": N_("properties attributes columns"),
    "/settings/trash": N_("deleted restore bin"),
    "/integrations": N_("connections apps services credentials"),
}


@dataclass(frozen=True, slots=True)
class _Command:
    label: str
    icon: str
    endpoint: str
    also: str
    role: Role = Role.OPERATOR


COMMANDS = (
    _Command(N_("New contact"), "user", "contacts.new", N_("add create person")),
    _Command(N_("New company"), "building", "companies.new", N_("add create organisation")),
    _Command(N_("New deal"), "cash", "deals.new", N_("add create opportunity")),
    _Command(N_("New task"), "checklist", "tasks.new", N_("add create to-do reminder")),
    _Command(N_("New workflow"), "automation", "workflow_new.show", N_("add create automation"), Role.EDITOR),
)


def pages(text: str) -> list[Hit]:
    """Pages that the reader's role may open, by words of their names."""
    known = [*nav.entries("main"), *nav.entries("settings")]
    found = [
        Hit(str(entry["label"]), str(entry["url"]), str(entry["icon"]))
        for entry in known
        if _fits(text, f"{entry['label']} {_also(str(entry['url']))}")
    ]
    return found[:SHOWN] if text else []


def commands(text: str) -> list[Hit]:
    """What the reader's role may begin."""
    return [
        Hit(_(one.label), url_for(one.endpoint), "plus")
        for one in COMMANDS
        if g.actor.role >= one.role and _fits(text, f"{_(one.label)} {_(one.also)}")
    ][:SHOWN]


def _also(url: str) -> str:
    return _(ALSO[url]) if url in ALSO else ""


def _fits(text: str, name: str) -> bool:
    """Whether each word of the text begins one of the name's."""
    known = text_of(name).split()
    return all(any(word.startswith(wanted) for word in known) for one in asked_of(text) for wanted in one.words)
