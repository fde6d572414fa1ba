"""The trash of an organization: contacts, companies, deals, tasks and notes that were deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, notes, tasks
from flowapp.errors import InvalidError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Company, Contact, Deal, Note, Task, iso, read_id
from flowapp.models.crm.base import Sourced
from flowapp.records.paging import Page, PageAt, numbered
from flowapp.texts import say

DAYS = 30  # that things stay in the trash
MOST_SAID = 120  # characters of a note


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be in the trash; `restore` is its service's."""

    model: type[Sourced]
    restore: Callable[[Session, Sourced, Cause], object]
    title: Callable[[Sourced], str]


KINDS: Mapping[str, Kind] = {
    "contact": Kind(
        Contact,
        lambda session, row, cause: contacts.restore(session, cast(Contact, row), cause=cause),
        lambda row: contacts.name_of(cast(Contact, row)),
    ),
    "company": Kind(
        Company,
        lambda session, row, cause: companies.restore(session, cast(Company, row), cause=cause),
        lambda row: cast(Company, row).name,
    ),
    "deal": Kind(
        Deal,
        lambda session, row, cause: deals.restore(session, cast(Deal, row), cause=cause),
        lambda row: cast(Deal, row).title,
    ),
    "task": Kind(
        Task,
        lambda session, row, cause: tasks.restore(session, cast(Task, row), cause=cause),
        lambda row: cast(Task, row).title,
    ),
    "note": Kind(
        Note,
        lambda session, row, cause: notes.restore(session, cast(Note, row), cause=cause),
        lambda row: " ".join(cast(Note, row).text.split())[:MOST_SAID],
    ),
}


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the trash."""

    kind: str
    id: str
    name: str
    deleted_at: datetime


def find(session: Session, kind: str, at: PageAt) -> Page[Item]:
    """What is in the trash of a kind, what was deleted last first."""
    known = _kind(kind)
    model = known.model
    wanted = select(model).where(model.deleted_at.is_not(None))
    page = numbered(session, wanted, at, order=[model.deleted_at.desc(), model.id.desc()])
    rows = [cast(Sourced, row[0]) for row in page.rows]
    return page.of([Item(kind, row.id, known.title(row), cast(datetime, row.deleted_at)) for row in rows])


def counts(session: Session) -> dict[str, int]:
    """How much is in the trash, by kind."""
    return {
        name: session.scalar(select(func.count(kind.model.id)).where(kind.model.deleted_at.is_not(None))) or 0
        for name, kind in KINDS.items()
    }


def get(session: Session, kind: str, reference: str) -> Sourced:
    """What is in the trash under that id. InvalidError at `kind` or `id`."""
    known = read_id(reference)
    row = session.get(_kind(kind).model, known) if known else None
    if row is None or row.deleted_at is None:
        raise UnknownReferenceError.at("id", say("This is not in the trash."))
    return row


def restore(session: Session, kind: str, reference: str, *, cause: Cause) -> Item:
    """Takes it out of the trash."""
    row, known = get(session, kind, reference), _kind(kind)
    item = Item(kind, row.id, known.title(row), cast(datetime, row.deleted_at))
    known.restore(session, row, cause)
    return item


def item_json(item: Item) -> dict[str, object]:
    """The item as answers print it."""
    return {"kind": item.kind, "id": item.id, "name": item.name, "deleted_at": iso(item.deleted_at)}


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise InvalidError.at("kind", say("Choose one of: %(options)s.", options=", ".join(KINDS)))
    return KINDS[kind]
