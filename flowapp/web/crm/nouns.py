"""Contacts, companies, deals and tasks as their pages show them: which fields, in which order, under which labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import companies, contacts, deals, fields, tasks
from flowapp.crm.writing import Record
from flowapp.events import Cause
from flowapp.models import Company, Contact, Deal, FieldDef, Task
from flowapp.models.crm.base import Sourced

R = TypeVar("R", bound=Record)
S = TypeVar("S", bound=Sourced)  # of lists: tasks have these, too
Data = Mapping[str, object]


class Service(Protocol[S]):
    """What the services of the four nouns have in common."""

    def get(self, session: Session, record_id: str, /, *, trashed: bool = False) -> S: ...

    def create(self, session: Session, data: Data, *, cause: Cause) -> S: ...

    def update(self, session: Session, record: S, /, data: Data, *, cause: Cause) -> S: ...

    def delete(self, session: Session, record: S, /, *, cause: Cause) -> None: ...

    def restore(self, session: Session, record: S, /, *, cause: Cause) -> S: ...

    def view(self, record: S, /) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of a record. `kind` is a type of custom fields, or member, company, stage, stage_name, timezone, emails (one on each line).

    `own`: an admin defined it. `label` and the labels of `options` are msgids, unless it is own.
    """

    name: str
    label: str
    kind: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    required: bool = False
    own: bool = False

    @property
    def box(self) -> str:
        """Its name in forms."""
        return f"own-{self.name}" if self.own else self.name


@dataclass(frozen=True, slots=True)
class Row:
    """Fields that are shown and edited together."""

    label: str
    fields: tuple[RecordField, ...]

    @property
    def key(self) -> str:
        return self.fields[0].box

    @property
    def own(self) -> bool:
        return self.fields[0].own


@dataclass(frozen=True, slots=True)
class Noun(Generic[S]):
    """A kind of records. `plural` is its blueprint and the beginning of its addresses; the texts are msgids."""

    name: str
    plural: str
    label: str
    many: str
    new: str
    icon: str
    model: type[S]
    service: Service[S]
    title: Callable[[S], str]
    fixed: tuple[Row, ...]
    only_new: tuple[RecordField, ...] = ()  # what a new one is asked for besides
    not_new: tuple[str, ...] = ()  # what it is not asked for
    more: Callable[[Session, S], Data] = lambda _session, _record: {}  # what is edited and stands in no column

    def values(self, session: Session, record: S) -> Data:
        """What its fields hold."""
        return {**self.service.view(record), **self.more(session, record)}

    def rows(self, session: Session) -> Sequence[Row]:
        """All fields, those that an admin defined at the end."""
        own = [own_field(defined) for defined in fields.of(session, self.name)]
        return [*self.fixed, *(Row(one.label, (one,)) for one in own)]


def own_field(defined: FieldDef) -> RecordField:
    """A custom field."""
    options = {option: option for option in defined.options}
    return RecordField(
        defined.key, defined.label, defined.type, options, defined.target, defined.required, own=True
    )  # fmt: skip


def row(name: str, label: str, kind: str = "text", *, required: bool = False, **options: str) -> Row:
    """A row of one field."""
    return Row(label, (RecordField(name, label, kind, options, required=required),))


_OWNER = row("owner_id", N_("Owner"), "member")
_COMPANY = row("company_id", N_("Company"), "company")
_CURRENCY = RecordField("currency", N_("Currency"), "currency")
CONTACT = Noun(
    contacts.NOUN, "contacts", N_("Contact"), N_("Contacts"), N_("New contact"), "user", Contact, contacts, contacts.name_of,
    (
        Row(N_("Name"), (RecordField("first_name", N_("First name")), RecordField("last_name", N_("Last name")))),
        row("email", N_("E-mail"), "email"),
        row("emails", N_("All e-mail addresses"), "emails"),
        row("phone", N_("Phone"), "phone"),
        _COMPANY,
        _OWNER,
        row("language", N_("Language"), "language"),
        row("timezone", N_("Time zone"), "timezone"),
        row("score", N_("Score"), "number"),
        row("consent", N_("Consent"), "choice", unknown=N_("Unknown"), granted=N_("Granted"), denied=N_("Denied")),
    ),
    not_new=("score", "emails"),
)  # fmt: skip
COMPANY = Noun(
    companies.NOUN, "companies", N_("Company"), N_("Companies"), N_("New company"), "building", Company, companies, lambda company: company.name,
    (
        row("name", N_("Name"), required=True),
        row("domain", N_("Domain"), "domain"),
        row("pipeline_stage", N_("Stage"), "stage_name"),
        Row(N_("Potential value"), (RecordField("montant_potentiel", N_("Potential value"), "money"), _CURRENCY)),
        _OWNER,
    ),
)  # fmt: skip
DEAL = Noun(
    deals.NOUN, "deals", N_("Deal"), N_("Deals"), N_("New deal"), "cash", Deal, deals, lambda deal: deal.title,
    (
        row("title", N_("Title"), required=True),
        Row(N_("Value"), (RecordField("value", N_("Value"), "money"), _CURRENCY)),
        row("expected_close", N_("Expected close"), "date"),
        _COMPANY,
        _OWNER,
        row("description", N_("Description"), "long_text"),
    ),
    only_new=(
        RecordField("stage_id", N_("Stage"), "stage"),
        RecordField("contact", N_("Contact"), "relation", target="contact"),
    ),
)  # fmt: skip
TASK = Noun(
    tasks.NOUN, "tasks", N_("Task"), N_("Tasks"), N_("New task"), "checklist", Task, tasks, lambda task: task.title,
    (
        row("title", N_("Title"), required=True),
        Row(N_("Due"), (RecordField("due_date", N_("Due"), "date"), RecordField("due_time", N_("Time"), "time"))),
        row("type", N_("Type"), "choice", task=N_("To do"), call=N_("Call"), email=N_("E-mail"), meeting=N_("Meeting")),
        row("priority", N_("Priority"), "choice", low=N_("Low"), normal=N_("Normal"), high=N_("High")),
        row("assignee_id", N_("Assignee"), "member"),
        row("done", N_("Done"), "boolean"),
        *(
            Row(label, (RecordField(f"{name}_id", label, "relation", target=name),))
            for name, label in (("deal", N_("Deal")), ("contact", N_("Contact")), ("company", N_("Company")))
        ),
        row("description", N_("Description"), "long_text"),
    ),
    more=lambda session, task: {"due_time": tasks.clock_of(session, task)},
)  # fmt: skip
RECORDS: Mapping[str, Noun[Contact] | Noun[Company] | Noun[Deal]] = {
    noun.name: noun for noun in (CONTACT, COMPANY, DEAL)
}  # fmt: skip
AnyNoun = Noun[Contact] | Noun[Company] | Noun[Deal] | Noun[Task]
NOUNS: Mapping[str, AnyNoun] = {**RECORDS, TASK.name: TASK}


def noun_of(record: Record) -> Noun[Contact] | Noun[Company] | Noun[Deal]:
    """The noun that a record is of."""
    return next(noun for noun in RECORDS.values() if isinstance(record, noun.model))


def title_of(record: Record) -> str:
    """What a record is called."""
    if isinstance(record, Contact):
        return contacts.name_of(record)
    return record.title if isinstance(record, Deal) else record.name if isinstance(record, Company) else ""
