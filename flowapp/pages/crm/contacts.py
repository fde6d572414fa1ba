"""Contacts: the list, a new one, the page of each, and the lists that one is in."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.crm import contacts, lists
from flowapp.extensions import db
from flowapp.models import ContactList
from flowapp.security.roles import Role
from flowapp.web import Nav, access
from flowapp.web.crm.creating import CreatePages
from flowapp.web.crm.lists import ListPages, Select
from flowapp.web.crm.merging import MergePages
from flowapp.web.crm.nouns import CONTACT
from flowapp.web.crm.page import cause
from flowapp.web.crm.record import RecordPages

bp = Blueprint("contacts", __name__, url_prefix="/contacts")
NAV = Nav(11, N_("Contacts"), "users", "contacts.index", "/contacts")
PAGES = RecordPages(CONTACT)
PAGES.mount(bp)
CreatePages(PAGES).mount(bp)
MergePages(PAGES).mount(bp)


def _selects() -> list[Select]:
    rows = db.session.execute(select(ContactList.id, ContactList.name).order_by(ContactList.name))
    choices = [(row.id, row.name) for row in rows]
    return [{"name": "list", "label": _("List"), "choices": choices}] if choices else []


ListPages(CONTACT, _selects).mount(bp)


@bp.post("/<uuid:contact_id>/lists")
@access(Role.OPERATOR)
def put_in_lists(contact_id: UUID) -> Response:
    """Puts a contact into a list, or takes it out of one."""
    session = db.session()
    contact = contacts.get(session, str(contact_id))
    if gone := request.form.get("list_gone"):
        lists.take(session, lists.find(session, gone), contact, cause=cause())
    elif wanted := request.form.get("list"):
        lists.add(session, lists.find(session, wanted), contact, cause=cause())
    session.commit()
    return PAGES.saved(contact, "aside")
