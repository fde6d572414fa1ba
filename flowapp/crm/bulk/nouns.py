"""Which records can be changed together, and how a batch of them is read and locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from flowapp.catalog import N_
from flowapp.crm import companies, contacts, deals, tasks
from flowapp.crm.changes import ChangedRows
from flowapp.data.names import suggestion
from flowapp.errors import UnknownReferenceError
from flowapp.events import Cause
from flowapp.models import Company, Contact, Deal, Task
from flowapp.models.crm.nouns import MODELS, Listed
from flowapp.texts import say


class Service(Protocol):
    """What the services of the four nouns have in common."""

    def update_together(
        self, session: Session, rows: Sequence[Listed], /, data: Mapping[str, object], *, cause: Cause
    ) -> ChangedRows[Listed]: ...

    def delete(self, session: Session, row: Listed, /, *, cause: Cause) -> None: ...

    def restore(self, session: Session, row: Listed, /, *, cause: Cause) -> Listed: ...


@dataclass(frozen=True, slots=True)
class BulkNoun:
    """`one` and `many` are msgids; `names` are what can be changed of them."""

    name: str
    model: type[Listed]
    service: Service
    one: str
    many: str
    names: frozenset[str]

    def counted(self, count: int) -> str:
        """How many: “1 contact”, “2,000 contacts”."""
        return say(self.one if count == 1 else self.many, count=count)

    def refuse_unknown(self, data: Mapping[str, object]) -> None:
        """InvalidError for a name that such records do not know."""
        if unknown := next((name for name in data if name not in self.names), None):
            raise UnknownReferenceError.at(unknown, say("There is no such field.") + suggestion(unknown, self.names))


def _noun(name: str, service: object, texts: tuple[str, str], names: Iterable[str]) -> BulkNoun:
    # Each service knows rows of its own kind only, which is what it is given: no type says so of all four.
    return BulkNoun(name, MODELS[name], cast(Service, service), *texts, frozenset(names))


NOUNS: Mapping[str, BulkNoun] = {
    noun.name: noun
    for noun in (
        _noun("contact", contacts, (N_("%(count)s contact"), N_("%(count)s contacts")),
              {*contacts.READERS, *contacts.ALIASES, "fields"}),
        _noun("company", companies, (N_("%(count)s company"), N_("%(count)s companies")),
              {*companies.READERS, *companies.ALIASES, "fields"}),
        _noun("deal", deals, (N_("%(count)s deal"), N_("%(count)s deals")),
              {*deals.READERS, *deals.ALIASES, *deals.BY_ITSELF, "fields"}),
        _noun("task", tasks, (N_("%(count)s task"), N_("%(count)s tasks")),
              {*tasks.READERS, *tasks.ALIASES, "due_date", "due_time", "due_at", "done"}),
    )
}  # fmt: skip


def title_of(row: Listed) -> str:
    """What a record is called."""
    if isinstance(row, Contact):
        return contacts.name_of(row)
    return row.name if isinstance(row, Company) else row.title


def read(session: Session, noun: BulkNoun, ids: Sequence[str]) -> dict[str, Listed]:
    """The rows of these ids, in the trash too, locked until the commit."""
    model: type[Listed] = noun.model
    wanted = select(model).where(model.id.in_(ids)).order_by(model.id).with_for_update(of=model)
    if noun.model is Deal:
        wanted = wanted.options(selectinload(Deal.company))
    if noun.model is Task:
        _read_about(session, ids)
    return {row.id: cast(Listed, row) for row in session.scalars(wanted)}


def _read_about(session: Session, ids: Sequence[str]) -> None:
    """What the tasks are about, at once instead of one by one: the session keeps it."""
    kept = session.info.setdefault("about", [])
    for model, key in ((Contact, Task.contact_id), (Company, Task.company_id), (Deal, Task.deal_id)):
        kept += session.scalars(select(model).where(model.id.in_(select(key).where(Task.id.in_(ids)))))
