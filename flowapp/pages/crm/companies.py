"""Companies: the list, a new one, and the page of each."""

from __future__ import annotations

from flask import Blueprint

from flowapp.catalog import N_
from flowapp.web import Nav
from flowapp.web.crm.creating import CreatePages
from flowapp.web.crm.lists import ListPages
from flowapp.web.crm.merging import MergePages
from flowapp.web.crm.nouns import COMPANY
from flowapp.web.crm.record import RecordPages

bp = Blueprint("companies", __name__, url_prefix="/companies")
NAV = Nav(12, N_("Companies"), "building", "companies.index", "/companies")
PAGES = RecordPages(COMPANY)
PAGES.mount(bp)
CreatePages(PAGES).mount(bp)
MergePages(PAGES).mount(bp)
ListPages(COMPANY).mount(bp)
