"""Lists of contacts, companies, deals and tasks as files."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, g
from pydantic import Field

from flowapp.api.bodies import read_query
from flowapp.api.crm.records import RecordQuery
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import finding
from flowapp.crm.exports import table
from flowapp.extensions import db
from flowapp.models.crm.nouns import MODELS
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.crm.saved_lists import list_file

bp = Blueprint("crm_exports_api", __name__)
MEDIA = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


class ExportQuery(RecordQuery):
    """Which rows and columns, in which format. A file holds the whole list, not one page of it."""

    format: Literal["csv", "xlsx"] = Field(default="csv", description="XLSX of at most 20,000 rows; CSV of any number.")
    columns: str = Field(default="", max_length=5000, description="Names with commas between them; empty: all.")
    list: str = Field(default="", max_length=64, description="Of contacts: id of a list that they are in.")
    stage: str = Field(default="", max_length=64, description="Of deals: id of their stage.")
    status: str = Field(default="", max_length=16, description="Of deals: open, won or lost.")
    pipeline: str = Field(default="", max_length=64, description="Of deals: id of their pipeline.")
    due: str = Field(default="", max_length=16, description="Of tasks: open, overdue, today, upcoming or done.")


def _file(noun: str) -> Response:
    query = read_query(ExportQuery)
    session = db.session()
    search = finding.read(session, MODELS[noun], query.model_dump(by_alias=True), g.actor.user.id)
    names = [name.strip() for name in query.columns.split(",") if name.strip()]
    return list_file(noun, search, query.format, table.columns_of(session, noun, names), lambda column: column.name)


@route(
    bp, "/contacts/export/", "GET", tag=N_("Contacts"), summary=N_("Export contacts"), query=ExportQuery, media=MEDIA
)  # fmt: skip
@access(Role.VIEWER)
def export_contacts() -> Response:
    """As CSV or XLSX, with the columns that an import reads back."""
    return _file("contact")


@route(
    bp, "/companies/export/", "GET", tag=N_("Companies"), summary=N_("Export companies"), query=ExportQuery, media=MEDIA,
    aliases=("/organisations/export/",),
)  # fmt: skip
@access(Role.VIEWER)
def export_companies() -> Response:
    """As CSV or XLSX, with the columns that an import reads back."""
    return _file("company")


@route(bp, "/deals/export/", "GET", tag=N_("Deals"), summary=N_("Export deals"), query=ExportQuery, media=MEDIA)
@access(Role.VIEWER)
def export_deals() -> Response:
    """As CSV or XLSX, with the columns that an import reads back."""
    return _file("deal")


@route(bp, "/tasks/export/", "GET", tag=N_("Tasks"), summary=N_("Export tasks"), query=ExportQuery, media=MEDIA)
@access(Role.VIEWER)
def export_tasks() -> Response:
    """As CSV or XLSX."""
    return _file("task")
