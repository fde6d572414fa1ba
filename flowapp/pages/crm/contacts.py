"""Contacts: the list, a new one, and the page of each."""

from __future__ import annotations

from flask import Blueprint

from flowapp.catalog import N_
from flowapp.web import Nav
from flowapp.web.crm.creating import CreatePages
from flowapp.web.crm.lists import ListPages
from flowapp.web.crm.nouns import CONTACT
from flowapp.web.crm.record import RecordPages

bp = Blueprint("contacts", __name__, url_prefix="/contacts")
NAV = Nav(11, N_("Contacts"), "users", "contacts.index", "/contacts")
PAGES = RecordPages(CONTACT)
PAGES.mount(bp)
CreatePages(PAGES).mount(bp)
ListPages(CONTACT).mount(bp)
