"""Whatever a member looks for: records, workflows, executions, pages, and what there is to do. One bounded query each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.web.search import places, rows
from flowapp.web.search.hits import Group, Hit

LONGEST = 200  # characters that are looked for
_ROWS: Mapping[str, tuple[str, Callable[[Session, str], list[Hit]]]] = {
    "contacts": (N_("Contacts"), rows.contacts),
    "companies": (N_("Companies"), rows.companies),
    "deals": (N_("Deals"), rows.deals),
    "tasks": (N_("Tasks"), rows.tasks),
    "workflows": (N_("Workflows"), rows.workflows),
    "executions": (N_("Executions"), rows.executions),
}
_PLACES: Mapping[str, tuple[str, Callable[[str], list[Hit]]]] = {
    "pages": (N_("Pages"), places.pages),
    "commands": (N_("Commands"), places.commands),
}


def look(session: Session, text: str) -> list[Group]:
    """What was found, by kind; for no text what was last worked on, and the commands."""
    wanted = " ".join(text.replace("\0", " ").split())[:LONGEST]
    found = [Group(kind, _(label), of(session, wanted)) for kind, (label, of) in _ROWS.items()]
    found += [Group(kind, _(label), of(wanted)) for kind, (label, of) in _PLACES.items()]
    return [group for group in found if group.hits]
