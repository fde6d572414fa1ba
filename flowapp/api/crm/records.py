"""What the end points of contacts, companies and deals share: lists, who did it, timelines."""

from __future__ import annotations

from typing import TypeVar

from flask import Response, g, jsonify
from pydantic import Field
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_query
from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.crm import finding, timeline
from flowapp.crm.people import duplicates
from flowapp.crm.people.duplicates import Party
from flowapp.crm.writing import Record
from flowapp.errors import UnsuitableError
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.records.paging import Page, paginate
from flowapp.texts import say

R = TypeVar("R", bound=Record)
BY_ID = ("created_at", "-created_at")


class RecordQuery(PageQuery):
    """Which records."""

    search: str = Field(
        default="", max_length=200, serialization_alias="q", description="Words of the name, the title, the address …"
    )
    owner: str = Field(default="", max_length=64, description="A member's id, or me.")
    tag: str = Field(default="", max_length=100, description="Name of a tag, in any case.")
    trash: bool = Field(default=False, description="Those in the trash, and no others.")
    sort: str = Field(
        default="-created_at",
        max_length=40,
        description="A field; - for the highest first. Other than by created_at: by page.",
    )


class TimelineOut(ListOut):
    """Who or what changed what, the newest first."""

    results: list[dict[str, object]]


class TagsIn(In):
    """All tags of a record."""

    tags: list[str] = Field(max_length=100)


class RecordTagsOut(Out):
    """All tags of a record."""

    tags: list[str]


def page_of(model: type[R], query: RecordQuery) -> Page[R]:
    """The page that is asked for."""
    search = finding.read(db.session(), model, query.model_dump(by_alias=True), g.actor.user.id)
    at = query.at
    if query.sort not in BY_ID:
        if at.cursor:
            raise UnsuitableError.at("cursor", say("A list that is sorted so has numbered pages: give a page."))
        return finding.find(db.session(), model, search, query.sort, at)
    statement = select(model).where(*finding.conditions(model, search))
    falling = query.sort.startswith("-")
    return paginate(db.session(), statement, at, key=model.id, id_column=model.id, descending=falling)


def me(reference: str) -> str:
    """The id of the member who is meant; `me` is who calls."""
    return str(g.actor.user.id) if reference.strip().lower() in ("me", "mine") else reference


def cause() -> Cause:
    """The person who calls did it."""
    return Cause(g.actor.user.id)


def told_timeline(record: Record) -> Response:
    """The record's timeline, a page of it."""
    page = timeline.of(db.session(), record, read_query(PageQuery).at)
    return jsonify(list_of(page, list(page.rows)))


def warned(row: Party, told: dict[str, object]) -> dict[str, object]:
    """`told` of a new record, and what it may be the same as."""
    found = [duplicates.like_json(one) for one in duplicates.of(db.session(), row)]
    return {**told, "possible_duplicates": found} if found else told
