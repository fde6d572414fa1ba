"""Lists of contacts, companies and deals: searched, filtered, sorted, by numbered pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from flowapp.crm.reading import search_text
from flowapp.crm.tags import OF, key_of
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError
from flowapp.models import Company, Contact, Deal, ListMember, Tag, Tagging, read_id
from flowapp.records.paging import Page, PageAt, numbered
from flowapp.texts import say

R = TypeVar("R", bound=Record)
WORDS = 10  # of a search: each is one more condition, and databases take only so many
_EVERY: Mapping[str, Sequence[str]] = {
    "created_at": ("id",), "last_activity_at": ("last_activity_at",), "number": ("number",),
}  # fmt: skip
SORTS: Mapping[type[Record], Mapping[str, Sequence[str]]] = {
    Contact: {**_EVERY, "name": ("last_name", "first_name"), "email": ("email",), "score": ("score",)},
    Company: {**_EVERY, "name": ("name",), "domain": ("domain",), "montant_potentiel": ("montant_potentiel",)},
    Deal: {**_EVERY, "title": ("title",), "value": ("value",), "expected_close": ("expected_close",),
           "stage_entered_at": ("stage_entered_at",)},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; empty: anything. `trashed`: what is in the trash, and nothing else."""

    text: str = ""
    owner_id: str = ""
    tag: str = ""
    list_id: str = ""
    stage_id: str = ""
    status: str = ""
    trashed: bool = False

    @property
    def narrows(self) -> bool:
        """Whether something is looked for."""
        return any((self.text, self.owner_id, self.tag, self.list_id, self.stage_id, self.status))


def find(session: Session, model: type[R], search: Search, sort: str, at: PageAt) -> Page[R]:
    """The page of the records that match. InvalidError at `sort` for an unknown one; an unknown id matches nothing."""
    statement = select(model).where(*conditions(model, search))
    if model is not Company:
        statement = statement.options(selectinload(_column(model, "company")))
    page = numbered(session, statement, at, order=_order(model, sort), counted=_column(model, "id"))
    return page.of([row[0] for row in page.rows])


def conditions(model: type[R], search: Search) -> list[ColumnElement[bool]]:
    """What holds for the records that are looked for."""
    where: list[ColumnElement[bool]] = [model.deleted_at.is_not(None) if search.trashed else model.deleted_at.is_(None)]
    where += found_by(model, search.text)
    for name in ("owner_id", "stage_id", "status"):
        if wanted := getattr(search, name):
            known = wanted if name == "status" else read_id(wanted)
            # An address may name anything: a contact has no stage.
            where.append(_column(model, name) == known if known and hasattr(model, name) else false())
    if search.tag:
        tagged = select(OF[model][1]).join(Tag, Tag.id == Tagging.tag_id).where(Tag.key == key_of(search.tag))
        where.append(_column(model, "id").in_(tagged))
    if search.list_id:
        known = read_id(search.list_id)
        members = select(ListMember.contact_id).where(ListMember.list_id == known)
        where.append(_column(model, "id").in_(members) if known else false())
    return where


def found_by(model: type[R], text: str) -> list[ColumnElement[bool]]:
    """The conditions that hold for what has every word of the text, of a long text the first ones."""
    return [model.search.contains(word, autoescape=True) for word in search_text(text).split()[:WORDS]]


def _order(model: type[R], sort: str) -> list[ColumnElement[bool] | ColumnElement[object]]:
    """Empty values come last, whichever way the others go; equal ones by id."""
    names = SORTS[model].get(sort.removeprefix("-"))
    if names is None:
        raise InvalidError.at("sort", say("This list cannot be sorted by “%(name)s”.", name=sort[:50]), "unknown")
    columns = [_column(model, name) for name in names]
    falling = sort.startswith("-")
    order: list[ColumnElement[bool] | ColumnElement[object]] = [
        part for one in columns for part in (one.is_(None), one.desc() if falling else one.asc())
    ]
    return [*order, _column(model, "id").desc()]


def _column(model: type[R], name: str) -> InstrumentedAttribute[object]:
    column: InstrumentedAttribute[object] = getattr(model, name)
    return column
