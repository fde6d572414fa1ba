"""Leads from elsewhere to the page of a record of the CRM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.entities import read_all

# By noun: its label, the end point of its page, and that one's argument.
_PAGES = {
    "contact": (N_("Contact"), "contacts.show", "contact_id"),
    "company": (N_("Company"), "companies.show", "company_id"),
    "organisation": (N_("Company"), "companies.show", "company_id"),
    "deal": (N_("Deal"), "deals.show", "deal_id"),
    "task": (N_("Task"), "tasks.edit", "task_id"),
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
    label, endpoint, argument = _PAGES[noun]
    view = next(iter(read_all(session.connection(), organization_id, [(noun, record_id)]).values()), None)
    if view is None:
        return Link(_(label), _("It has since been deleted."))
    ids: dict[str, Any] = {argument: view["id"]}  # url_for takes its own options by name, too
    name = str(view.get("name") or view.get("title") or view.get("email") or record_id)
    return Link(_(label), name, url_for(endpoint, **ids))
