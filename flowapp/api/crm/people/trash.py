"""The trash: list, restore, erase."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import Blueprint, Response, g, jsonify
from pydantic import Field

from flowapp import events
from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm.records import cause
from flowapp.api.routes import route
from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.catalog import N_
from flowapp.crm.trash import contents, erasing
from flowapp.errors import UnsuitableError
from flowapp.extensions import db
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access

bp = Blueprint("trash_api", __name__)
TAG = N_("Trash")
KindName = Literal["contact", "company", "deal", "task", "note"]


class TrashQuery(PageQuery):
    """Of which kind; by numbered pages."""

    kind: KindName = "contact"


class TrashItemIn(In):
    """Which one."""

    kind: KindName
    id: str = Field(max_length=64)


class TrashItemOut(Out):
    """Something in the trash: it is erased 30 days after it was deleted."""

    kind: str
    id: str
    name: str
    deleted_at: datetime


class TrashOut(ListOut):
    results: list[TrashItemOut]


@route(bp, "/trash/", "GET", tag=TAG, summary=N_("List the trash"), query=TrashQuery, answer=TrashOut)
@access(Role.VIEWER)
def list_trash() -> Response:
    """Of one kind, what was deleted last first."""
    query = read_query(TrashQuery)
    at = query.at
    if at.cursor:
        raise UnsuitableError.at("cursor", say("A list that is sorted so has numbered pages: give a page."))
    page = contents.find(db.session(), query.kind, PageAt(at.limit, number=at.number or 1))
    return jsonify(list_of(page, [contents.item_json(item) for item in page.rows]))


@route(bp, "/trash/restore/", "POST", tag=TAG, summary=N_("Restore from the trash"), body=TrashItemIn, status=204)
@access(Role.OPERATOR)
def restore_from_trash() -> tuple[str, int]:
    """404 where it is not in the trash."""
    asked = read_model(TrashItemIn)
    contents.restore(db.session(), asked.kind, asked.id, cause=cause())
    db.session().commit()
    return "", 204


@route(bp, "/trash/erase/", "POST", tag=TAG, summary=N_("Erase from the trash"), body=TrashItemIn, status=204)
@access(Role.ADMIN)
def erase_from_trash() -> tuple[str, int]:
    """For good, with its timeline. 404 where it is not in the trash."""
    asked, session = read_model(TrashItemIn), db.session()
    row_id = contents.get(session, asked.kind, asked.id).id
    erasing.erase(session, asked.kind, row_id)
    events.audit(session, f"{asked.kind}.erased", actor=g.actor.audit, target=(asked.kind, row_id, ""))
    session.commit()
    return "", 204
