"""Leads from elsewhere to the page of a record of the CRM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.entities import read_all

# By noun: its label, and the address of its page.
_PAGES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "contact": (N_("Contact"), lambda key: url_for("contacts.show", contact_id=key)),
    "company": (N_("Company"), lambda key: url_for("companies.show", company_id=key)),
    "organisation": (N_("Company"), lambda key: url_for("companies.show", company_id=key)),
    "deal": (N_("Deal"), lambda key: url_for("deals.show", deal_id=key)),
    "task": (N_("Task"), lambda key: url_for("tasks.show", task_id=key)),
}


@dataclass(frozen=True, slots=True)
class Link:
    """What kind of record it is, what it is called, and where its page is; no `href` where it was deleted."""

    label: str
    name: str
    href: str = ""


def link_to(session: Session, organization_id: str, noun: str, record_id: str) -> Link | None:
    """The record of that noun and id; None for what is no record of the CRM."""
    if noun not in _PAGES:
        return None
    label, page_of = _PAGES[noun]
    view = next(iter(read_all(session.connection(), organization_id, [(noun, record_id)]).values()), None)
    if view is None:
        return Link(_(label), _("It has since been deleted."))
    name = str(view.get("name") or view.get("title") or view.get("email") or record_id)
    return Link(_(label), name, page_of(str(view["id"])))
