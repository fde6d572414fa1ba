"""What the end points of contacts, companies and deals share: lists, who did it, timelines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from flask import Response, g, jsonify
from pydantic import Field
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from flowapp.api.bodies import list_of, read_query
from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.crm import finding, timeline
from flowapp.crm.people import duplicates
from flowapp.crm.people.duplicates import Party
from flowapp.crm.views import service
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError, UnsuitableError
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.models.crm.base import Sourced
from flowapp.records.paging import Page, paginate
from flowapp.texts import say
from flowapp.web.crm.views.address import me as caller

R = TypeVar("R", bound=Sourced)
Item = TypeVar("Item")
Key = InstrumentedAttribute[str] | InstrumentedAttribute[int] | InstrumentedAttribute[datetime]
BY_ID = ("created_at", "-created_at")


class NamedQuery(PageQuery):
    """How a list is sorted."""

    sort: str = Field(default="", max_length=100, description="A field; - for the highest first.")
    ordering: str = Field(default="", max_length=100, description="The same as sort.")


class ListQuery(PageQuery):
    """Which records, and how they are sorted."""

    search: str = Field(
        default="", max_length=200, serialization_alias="q", description="Words of the name, the title, the address …"
    )
    trash: bool = Field(default=False, description="Those in the trash, and no others.")
    view: str = Field(
        default="",
        max_length=64,
        pattern="^[0-9A-Za-z-]*$",
        description="Id of a saved view; what else is asked for goes before what it says.",
    )
    filter: str = Field(
        default="",
        max_length=20_000,
        description="Conditions as JSON, about fixed and custom fields, with the meaning they have in workflows.",
        examples=['{"all":[{"field":"created_at","operator":"after","value":"-30 days"}]}'],
    )
    sort: str = Field(
        default="-created_at",
        max_length=100,
        description="A field; - for the highest first. Other than by created_at: by page.",
    )
    ordering: str = Field(default="", max_length=100, description="The same as sort.")


class RecordQuery(ListQuery):
    """Which contacts, companies or deals."""

    owner: str = Field(default="", max_length=64, description="A member's id, or me.")
    tag: str = Field(default="", max_length=100, description="Name of a tag, in any case.")


class TimelineOut(ListOut):
    """Who or what changed what, the newest first."""

    results: list[dict[str, object]]


class TagsIn(In):
    """All tags of a record."""

    tags: list[str] = Field(max_length=100)


class RecordTagsOut(Out):
    """All tags of a record."""

    tags: list[str]


def page_of(model: type[R], query: ListQuery, *narrowed: ColumnElement[bool]) -> Page[R]:
    """The page that is asked for, of what is `narrowed` besides."""
    search, at = asked(model, query), query.at
    if search.sort not in BY_ID:
        if at.cursor:
            raise UnsuitableError.at("cursor", say("A list that is sorted so has numbered pages: give a page."))
        return finding.find(db.session(), model, search, at, *narrowed)
    statement = select(model).where(*finding.conditions(model, search), *narrowed)
    falling = search.sort.startswith("-")
    return paginate(db.session(), statement, at, key=_id(model), id_column=_id(model), descending=falling)


def asked(model: type[R], query: ListQuery) -> finding.Search:
    """What a list is asked for."""
    session, given = db.session(), query.model_dump(by_alias=True, exclude_unset=True)
    if query.ordering:
        given["sort"] = query.ordering
    view = service.get(session, caller(), query.view, finding.noun_of(model)) if query.view else None
    return finding.read(session, model, service.asked(view, given), g.actor.user.id)


def sorted_page(statement: Select[Item], query: NamedQuery, keys: Mapping[str, Key], default: str) -> Page[Item]:
    """The page of a short list by one of its `keys`; rows with the same one by their id."""
    sort = query.ordering or query.sort or default
    key = keys.get(sort.removeprefix("-"))
    if key is None:
        known = ", ".join(keys)
        raise InvalidError.at("sort", say("Sort by one of: %(known)s.", known=known), "unknown")
    id_column = keys["created_at"]  # ids are made in the order of time
    falling = sort.startswith("-")
    return paginate(db.session(), statement, query.at, key=key, id_column=id_column, descending=falling)


def _id(model: type[Sourced]) -> InstrumentedAttribute[str]:
    column: InstrumentedAttribute[str] = getattr(model, "id")  # noqa: B009
    return column


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
