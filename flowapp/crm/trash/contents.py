"""The trash of an organization: contacts, companies, deals, tasks and notes that were deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, notes, tasks
from flowapp.errors import InvalidError, UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Company, Contact, Deal, Note, Task, iso, read_id
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import MODELS
from flowapp.records.paging import Page, PageAt, numbered
from flowapp.texts import say

DAYS = 30  # that things stay in the trash
MOST_SAID = 120  # characters of a note


class Service(Protocol):
    """What the services of all of them have in common."""

    def restore(self, session: Session, row: Sourced, /, *, cause: Cause) -> object: ...


KINDS: Mapping[str, type[Sourced]] = {**MODELS, "note": Note}
# Each service knows rows of its own kind only, which is what it is given: no type says so of all five.
_SERVICES = cast(
    Mapping[str, Service], {"contact": contacts, "company": companies, "deal": deals, "task": tasks, "note": notes}
)


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the trash."""

    kind: str
    id: str
    name: str
    deleted_at: datetime


def find(session: Session, kind: str, at: PageAt) -> Page[Item]:
    """What is in the trash of a kind, what was deleted last first."""
    model = _kind(kind)
    wanted = select(model).where(model.deleted_at.is_not(None))
    page = numbered(session, wanted, at, order=[model.deleted_at.desc(), model.id.desc()])
    rows = [cast(Sourced, row[0]) for row in page.rows]
    return page.of([Item(kind, row.id, title_of(row), cast(datetime, row.deleted_at)) for row in rows])


def counts(session: Session) -> dict[str, int]:
    """How much is in the trash, by kind."""
    return {
        name: session.scalar(select(func.count(model.id)).where(model.deleted_at.is_not(None))) or 0
        for name, model in KINDS.items()
    }


def get(session: Session, kind: str, reference: str) -> Sourced:
    """What is in the trash under that id. InvalidError at `kind` or `id`."""
    known = read_id(reference)
    row = session.get(_kind(kind), known) if known else None
    if row is None or row.deleted_at is None:
        raise UnknownReferenceError.at("id", say("This is not in the trash."))
    return row


def restore(session: Session, kind: str, reference: str, *, cause: Cause) -> Item:
    """Takes it out of the trash."""
    row = get(session, kind, reference)
    item = Item(kind, row.id, title_of(row), cast(datetime, row.deleted_at))
    _SERVICES[kind].restore(session, row, cause=cause)
    return item


def title_of(row: Sourced) -> str:
    """What it is called; of a note, how it begins."""
    if isinstance(row, Contact):
        return contacts.name_of(row)
    if isinstance(row, Note):
        return " ".join(row.text.split())[:MOST_SAID]
    return row.name if isinstance(row, Company) else cast(Deal | Task, row).title


def item_json(item: Item) -> dict[str, object]:
    """The item as answers print it."""
    return {"kind": item.kind, "id": item.id, "name": item.name, "deleted_at": iso(item.deleted_at)}


def _kind(kind: str) -> type[Sourced]:
    if kind not in KINDS:
        raise InvalidError.at("kind", say("Choose one of: %(options)s.", options=", ".join(KINDS)))
    return KINDS[kind]
