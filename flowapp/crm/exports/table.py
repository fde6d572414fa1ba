"""Lists of contacts, companies, deals and tasks as tables for a file: the columns that an import reads back, and the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import finding
from flowapp.crm.exports import references
from flowapp.crm.finding import Search
from flowapp.crm.imports import targets
from flowapp.crm.imports.rows import joined
from flowapp.crm.imports.targets import OWN, Target
from flowapp.crm.views.reader import Reader
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError
from flowapp.models import iso
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import MODELS
from flowapp.records.table_files import Cell
from flowapp.texts import say

AT_ONCE = 500
_TASK = (
    Target("title", N_("Title")),
    Target("type", N_("Type")),
    Target("priority", N_("Priority")),
    Target("due_date", N_("Due")),
    Target("assignee_id", N_("Assignee")),
    Target("done_at", N_("Done")),
    Target("contact_id", N_("Contact")),
    Target("company_id", N_("Company")),
    Target("deal_id", N_("Deal")),
    Target("description", N_("Description")),
)
_LATER = ("name",)  # of a contact: first and last name have columns of their own
_TIMES = (Target("created_at", N_("Created")), Target("updated_at", N_("Changed")))
_ACTIVITY = Target("last_activity_at", N_("Last activity"))
# What lists show besides, and no import fills: in a file only where it is named.
_ONLY_SHOWN: Mapping[str, Sequence[Target]] = {
    "contact": (_ACTIVITY, *_TIMES),
    "company": (_ACTIVITY, *_TIMES),
    "deal": (
        Target("status", N_("Status")),
        Target("stage_entered_at", N_("In this stage since")),
        Target("closed_at", N_("Closed")),
        _ACTIVITY,
        *_TIMES,
    ),
    "task": (Target("due_at", N_("Due at")), *_TIMES),
}
_IN_LISTS: Mapping[str, Mapping[str, Sequence[str]]] = {  # columns of lists that are otherwise in files
    "contact": {"name": ("first_name", "last_name"), "company.name": ("company_id",)},
    "deal": {"company.name": ("company_id",)},
    "task": {"done": ("done_at",)},
}


def columns_of(session: Session, noun: str, names: Sequence[str] = ()) -> list[Target]:
    """All that an import reads back, or those that are named, as files or as lists call them. InvalidError at `columns`
    for what is none."""
    known = [*_TASK] if noun == "task" else [*targets.of(session, noun)]
    known = [one for one in known if not (noun == "contact" and one.name in _LATER)]
    every = [*known, *_ONLY_SHOWN[noun]]
    by_name = {one.name.removeprefix(OWN): one for one in every} | {one.name: one for one in every}
    in_lists = _IN_LISTS.get(noun, {})
    wanted = dict.fromkeys(own for name in names for own in in_lists.get(name, (name,)))
    if not wanted.keys() <= by_name.keys():
        listed = ", ".join(one.name for one in every)
        raise InvalidError.at("columns", say("Choose one of: %(options)s.", options=listed), "unknown")
    return [by_name[name] for name in wanted] or known


def count(session: Session, noun: str, search: Search) -> int:
    """How many rows there are."""
    model = MODELS[noun]
    return session.scalar(select(func.count(model.id)).where(*finding.conditions(model, search))) or 0


def rows(session: Session, noun: str, search: Search, columns: Sequence[Target]) -> Iterator[list[Cell]]:
    """The rows of the list, in its order; what is added meanwhile is not among them."""
    model = MODELS[noun]
    order = finding.order_of(search.reader or Reader(session), model, search.sort)
    ids = session.scalars(select(model.id).where(*finding.conditions(model, search)).order_by(*order)).all()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        found = {row.id: row for row in session.scalars(select(model).where(model.id.in_(some)))}
        records = [found[one] for one in some if one in found]
        known = references.read(session, noun, records, [column.name for column in columns])
        for record in records:
            yield [_cell(record, column, known) for column in columns]
        session.expunge_all()


def _cell(record: Sourced, column: Target, known: references.Known) -> Cell:
    if (told := known.get(column.name)) is not None:
        return told.get(record.id, "")
    if column.own:
        return _own(cast(Record, record).fields.get(column.name.removeprefix(OWN)), column.type)
    return _plain(getattr(record, column.name))


def _own(value: object, kind: str) -> Cell:
    """A custom field, as its type has it in a spreadsheet; what was there before the field was defined, as it is."""
    if kind == "date" and isinstance(value, str):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return joined([str(one) for one in value]) if isinstance(value, list) else _plain(value)


def _plain(value: object) -> Cell:
    if value is None or isinstance(value, bool | Decimal | int | str):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return joined([str(one) for one in value])
    if isinstance(value, datetime):
        return iso(value)
    return value if isinstance(value, date) else str(value)
