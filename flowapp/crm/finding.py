"""Lists of contacts, companies, deals and tasks: searched, filtered, sorted, by numbered pages.

A `Search` says all that a list shows. `read` makes one of JSON, as addresses, views and jobs keep it, and `as_json` gives
that back with everything that depends on the reader (`me`) made definite; `conditions` is what holds for its records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from flowapp.crm.search.found import found_by
from flowapp.crm.tags import OF, key_of
from flowapp.crm.tasks import zone_of
from flowapp.crm.todo import DUE
from flowapp.crm.views import fields as views
from flowapp.crm.views.reader import Reader
from flowapp.engine.language.condition_parser import Conditions
from flowapp.errors import InvalidError
from flowapp.exact_json import loads
from flowapp.models import Contact, Deal, ListMember, Tag, Tagging, Task, read_id, utcnow
from flowapp.models.crm.base import Owned, Sourced
from flowapp.models.crm.nouns import NOUNS
from flowapp.models.folding import one_of
from flowapp.records.paging import Page, PageAt, numbered
from flowapp.texts import say

R = TypeVar("R", bound=Sourced)
Test = ColumnElement[bool]
Key = ColumnElement[bool] | ColumnElement[object]  # what is sorted by
ME = ("me", "mine")
DEFAULT_SORT = "-created_at"
UNIQUE = ("created_at", "number")  # sorted by them no two rows are equal: created_at is the id's order
# Empty only where the release before made the row: those stand where an index has them, on PostgreSQL first or last.
HARDLY_EMPTY = ("number", "last_activity_at")
NAMES: Mapping[str, str] = {  # what addresses and JSON call the parts of a search
    "q": "text", "owner": "owner_id", "tag": "tag", "list": "list_id", "stage": "stage_id", "status": "status",
    "pipeline": "pipeline_id", "due": "due", "trash": "trashed", "sort": "sort", "filter": "filter",
}  # fmt: skip


TEXTS = ("text", "owner_id", "tag", "list_id", "stage_id", "status", "pipeline_id", "due", "sort")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; empty: anything. `trashed`: what is in the trash, and nothing else.

    `filter` are conditions in their canonical form, and `matching` the same for the database: `read` makes both.
    `due` is a word of todo.DUE, of tasks; `now` is when it was read, in the zone of its reader.
    `reader` is who `read` read it for, with the fields that it has asked for.
    """

    text: str = ""
    owner_id: str = ""
    tag: str = ""
    list_id: str = ""
    stage_id: str = ""
    status: str = ""
    pipeline_id: str = ""
    due: str = ""
    trashed: bool = False
    sort: str = DEFAULT_SORT
    filter: Conditions = field(default_factory=Conditions)
    matching: ColumnElement[bool] | None = field(default=None, compare=False, repr=False)
    now: datetime = field(default_factory=utcnow, compare=False, repr=False)
    reader: Reader | None = field(default=None, compare=False, repr=False)

    @property
    def narrows(self) -> bool:
        """Whether something is looked for."""
        return bool(self.filter) or any(getattr(self, name) for name in TEXTS if name != "sort")

    @property
    def as_json(self) -> dict[str, object]:
        """What `read` makes the same search of, later and for nobody in particular."""
        given = {name: getattr(self, attribute) for name, attribute in NAMES.items()}
        return {name: value for name, value in given.items() if value and value != DEFAULT_SORT}


def read(session: Session, model: type[Sourced], data: Mapping[str, object], me: str = "") -> Search:
    """The search that `data` (see NAMES) asks for; `me` is the member whom “me” means. InvalidError for a filter or a
    sorting that there is not."""
    given = {attribute: data[name] for name, attribute in NAMES.items() if data.get(name)}
    texts = {name: str(value)[:1000] for name, value in given.items() if name in TEXTS}
    texts["owner_id"] = me if me and texts.get("owner_id", "").lower() in ME else texts.get("owner_id", "")
    reader = Reader(session, me)
    asked = views.read_filter(reader, NOUNS[model], conditions_of(given.get("filter")))
    order_of(reader, model, texts.get("sort", DEFAULT_SORT))
    now = utcnow().astimezone(zone_of(session, me)) if model is Task else utcnow()
    search = Search(trashed=bool(given.get("trashed")), filter=asked.conditions, now=now, reader=reader)
    return replace(search, matching=asked.matching if asked.conditions else None, **texts)  # type: ignore[arg-type]


def conditions_of(given: object) -> object:
    """Conditions that are given as JSON, or as its text. InvalidError at `filter`."""
    try:
        conditions = loads(given) if isinstance(given, str) and given else given
    except ValueError:
        conditions = given
    if not isinstance(conditions, dict | list) and conditions:
        example = '{"field": "score", "operator": ">", "value": 10}'
        raise InvalidError.at("filter", say("Write the conditions as JSON, for example %(example)s.", example=example))
    return conditions


def noun_of(model: type[Sourced]) -> str:
    """The noun that a table's rows are of."""
    return NOUNS[model]


def find(session: Session, model: type[R], search: Search, at: PageAt, *narrowed: Test) -> Page[R]:
    """The page of the records that match, and of which `narrowed` holds. InvalidError at `sort` for an unknown one; an unknown id matches nothing."""
    statement = select(model).where(*conditions(model, search), *narrowed)
    if model in (Contact, Deal):
        statement = statement.options(selectinload(_column(model, "company")))
    if model is Deal:  # joined, the stage of every deal would be looked up before they are sorted
        statement = statement.options(selectinload(Deal.stage))
    order = order_of(search.reader or Reader(session), model, search.sort)
    page = numbered(session, statement, at, order=order, counted=_column(model, "id"))
    return page.of([row[0] for row in page.rows])


def conditions(model: type[R], search: Search) -> list[ColumnElement[bool]]:
    """What holds for the records that are looked for."""
    where: list[ColumnElement[bool]] = [model.deleted_at.is_not(None) if search.trashed else model.deleted_at.is_(None)]
    if search.filter and search.matching is None:
        raise ValueError("a search with conditions is made by read()")
    where += [] if search.matching is None else [search.matching]
    where += found_by(model, search.text)
    for name in ("owner_id", "stage_id", "status", "pipeline_id"):
        if wanted := getattr(search, name):
            name = "assignee_id" if model is Task and name == "owner_id" else name  # noqa: PLW2901
            known = wanted if name == "status" else read_id(wanted)
            # An address may name anything: a contact has no stage.
            where.append(_column(model, name) == known if known and hasattr(model, name) else false())
    if search.due:
        where.append(DUE[search.due](search.now) if model is Task and search.due in DUE else false())
    if search.tag:
        where.append(_tagged(model, search.tag))
    if search.list_id:
        known = read_id(search.list_id)
        members = select(ListMember.contact_id).where(ListMember.list_id == known)
        where.append(one_of(model.id, members.scalar_subquery()) if known else false())
    return where


def _tagged(model: type[Sourced], name: str) -> ColumnElement[bool]:
    if not issubclass(model, Owned):
        return false()
    record = OF[model][1]
    tagged = select(record).join(Tag, Tag.id == Tagging.tag_id).where(Tag.key == key_of(name), record.is_not(None))
    return one_of(model.id, tagged.scalar_subquery())


def order_of(reader: Reader, model: type[Sourced], sort: str) -> list[Key]:
    """Empty values come last, whichever way the others go; equal ones by id, the same way, as the indexes have them.

    InvalidError at `sort` for an unknown one.
    """
    noun = NOUNS[model]
    known = views.find(views.of(reader, noun), noun, sort.removeprefix("-"))
    if known is None or not known.sort:
        raise InvalidError.at("sort", say("This list cannot be sorted by “%(name)s”.", name=sort[:50]), "unknown")
    falling = sort.startswith("-")
    order: list[Key] = []
    for column in known.sort:
        key = column.desc() if falling else column.asc()
        may_be_empty = getattr(column, "nullable", True) and known.name not in HARDLY_EMPTY
        order.append(key.nulls_last() if may_be_empty else key)
    row_id = _column(model, "id")
    return order if known.name in UNIQUE else [*order, row_id.desc() if falling else row_id.asc()]


def _column(model: type[Sourced], name: str) -> InstrumentedAttribute[object]:
    column: InstrumentedAttribute[object] = getattr(model, name)
    return column
