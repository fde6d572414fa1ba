"""The fixed fields of each noun's lists: how they are called, and the columns that they are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, case, func, literal, select, true
from sqlalchemy.orm import InstrumentedAttribute

from flowapp.catalog import N_
from flowapp.crm.tags import OF
from flowapp.crm.views.company_kind import CompanyKind
from flowapp.crm.views.reader import ListField, Reader
from flowapp.crm.writing import Record
from flowapp.models import Company, Contact, ContactList, Deal, ListMember, Pipeline, Stage, Tag, Tagging, Task
from flowapp.models.crm.base import Sourced
from flowapp.models.folding import folded, one_of
from flowapp.records.filters.dates import DateKind, DateTimeKind
from flowapp.records.filters.kinds import IdKind, ListKind, NumberKind, TextKind, TruthKind

TextColumn = SQLColumnExpression[str]
Id = SQLColumnExpression[str] | SQLColumnExpression[str | None]
PLACES = 4  # decimals of money
MOST_MONEY = 10**13


def text(
    name: str, label: str, column: TextColumn, kind: str = "text", *, sort: bool = True, **options: str
) -> ListField:
    """A field that holds text, or one of the words of `options`."""
    return ListField(name, label, kind, TextKind(column), options, sort=(column,) if sort else ())


def moment(name: str, label: str, column: SQLColumnExpression[object]) -> ListField:
    """A time."""
    return ListField(name, label, "datetime", DateTimeKind(column), sort=(column,))


def day(name: str, label: str, column: SQLColumnExpression[object]) -> ListField:
    """A date."""
    return ListField(name, label, "date", DateKind(column), sort=(column,))


def money(name: str, label: str, column: SQLColumnExpression[object]) -> ListField:
    """An amount."""
    return ListField(name, label, "money", NumberKind(column, PLACES, MOST_MONEY), sort=(column,))


def number(name: str, label: str, column: SQLColumnExpression[object]) -> ListField:
    """A whole number."""
    return ListField(name, label, "number", NumberKind(column, 0), sort=(column,))


def member(reader: Reader, name: str, label: str, column: Id) -> ListField:
    """A member."""
    return ListField(name, label, "member", IdKind(column, reader.member))


def record(reader: Reader, name: str, label: str, column: Id, target: str, *, shown: bool = True) -> ListField:
    """Another record. What is not `shown` is for conditions that programs write."""
    kind = IdKind(column, reader.record(target))
    return ListField(name, label, "relation", kind, target=target, shown=shown, offered=shown)


def tags(model: type[Record]) -> ListField:
    """The tags of a record."""
    of = OF[model][1]
    tagged = select(of).join(Tag, Tag.id == Tagging.tag_id).where(of.is_not(None))

    def holds(names: Sequence[str], ignore_case: bool) -> ColumnElement[bool]:
        return one_of(_id(model), tagged.where(_among(Tag.name, names, ignore_case)).scalar_subquery())

    any_tag = select(Tagging.id).where(of == _id(model)).exists()
    return ListField("tags", N_("Tags"), "tags", ListKind(holds, any_tag))


def lists() -> ListField:
    """The lists that a contact is in."""
    members = select(ListMember.contact_id).join(ContactList, ContactList.id == ListMember.list_id)

    def holds(names: Sequence[str], ignore_case: bool) -> ColumnElement[bool]:
        return one_of(Contact.id, members.where(_among(ContactList.name, names, ignore_case)).scalar_subquery())

    any_list = select(ListMember.list_id).where(ListMember.contact_id == Contact.id).exists()
    return ListField("lists", N_("Lists"), "lists", ListKind(holds, any_list), shown=False)


def of_company(company_id: Id, *, sort: bool = True) -> list[ListField]:
    """What is known of the company that a record belongs to. `sort`: its name can be sorted by, which no index serves."""

    def field(name: str, label: str, column: InstrumentedAttribute[str], kind: str, *, shown: bool) -> ListField:
        return ListField(name, label, kind, CompanyKind(company_id, TextKind(column)), shown=shown)

    mine = select(Company.name).where(Company.id == company_id, Company.deleted_at.is_(None)).scalar_subquery()
    name = field("company.name", N_("Company"), Company.name, "company", shown=True)
    return [
        replace(name, sort=(mine,) if sort else ()),
        field("company.domain", N_("Company: domain"), Company.domain, "text", shown=False),
        field("company.pipeline_stage", N_("Company: stage"), Company.pipeline_stage, "stage_name", shown=False),
    ]


def times(model: type[Sourced]) -> list[ListField]:
    """When a row was made and changed."""
    return [
        replace(moment("created_at", N_("Created"), model.created_at), sort=(_id(model),)),
        moment("updated_at", N_("Changed"), model.updated_at),
    ]


def contact_fields(reader: Reader) -> list[ListField]:
    """Those of contacts. There may be so many that an index serves each that the list is sorted by."""
    full = func.trim(Contact.first_name + " " + Contact.last_name, type_=Text)
    return [
        replace(
            text("name", N_("Name"), case((full != "", full), else_=Contact.email)),
            sort=(Contact.last_name, Contact.first_name),
        ),
        text("first_name", N_("First name"), Contact.first_name, sort=False),
        replace(text("last_name", N_("Last name"), Contact.last_name), sort=(Contact.last_name, Contact.first_name)),
        text("email", N_("E-mail"), Contact.email, "email"),
        text("phone", N_("Phone"), Contact.phone, "phone", sort=False),
        *of_company(Contact.company_id, sort=False),
        member(reader, "owner_id", N_("Owner"), Contact.owner_id),
        tags(Contact),
        lists(),
        number("score", N_("Score"), Contact.score),
        text(
            "consent",
            N_("Consent"),
            Contact.consent,
            "choice",
            sort=False,
            unknown=N_("Unknown"),
            granted=N_("Granted"),
            denied=N_("Denied"),
        ),
        text("language", N_("Language"), Contact.language, "language", sort=False),
        text("timezone", N_("Time zone"), Contact.timezone, "timezone", sort=False),
        moment("last_activity_at", N_("Last activity"), Contact.last_activity_at),
        *(replace(one, sort=one.sort if one.name == "created_at" else ()) for one in times(Contact)),
        number("number", N_("Record number"), Contact.number),
        record(reader, "company_id", N_("Company"), Contact.company_id, "company", shown=False),
        record(reader, "id", N_("Id"), Contact.id, "contact", shown=False),
    ]


def company_fields(reader: Reader) -> list[ListField]:
    """Those of companies."""
    return [
        text("name", N_("Name"), Company.name),
        text("domain", N_("Domain"), Company.domain, "domain"),
        text("pipeline_stage", N_("Stage"), Company.pipeline_stage, "stage_name"),
        money("montant_potentiel", N_("Potential value"), Company.montant_potentiel),
        text("currency", N_("Currency"), Company.currency, "currency"),
        member(reader, "owner_id", N_("Owner"), Company.owner_id),
        tags(Company),
        moment("last_activity_at", N_("Last activity"), Company.last_activity_at),
        *times(Company),
        number("number", N_("Record number"), Company.number),
        record(reader, "id", N_("Id"), Company.id, "company", shown=False),
    ]


def deal_fields(reader: Reader) -> list[ListField]:
    """Those of deals."""
    stage = select(Stage.name).where(Stage.id == Deal.stage_id).scalar_subquery()
    pipeline = select(Pipeline.name).where(Pipeline.id == Deal.pipeline_id).scalar_subquery()
    return [
        text("title", N_("Title"), Deal.title),
        text("stage", N_("Stage"), stage, "stage_name"),
        text("status", N_("Status"), Deal.status, "choice", open=N_("Open"), won=N_("Won"), lost=N_("Lost")),
        money("value", N_("Value"), Deal.value),
        text("currency", N_("Currency"), Deal.currency, "currency"),
        *of_company(Deal.company_id),
        member(reader, "owner_id", N_("Owner"), Deal.owner_id),
        tags(Deal),
        day("expected_close", N_("Expected close"), Deal.expected_close),
        moment("stage_entered_at", N_("In this stage since"), Deal.stage_entered_at),
        moment("closed_at", N_("Closed"), Deal.closed_at),
        text("lost_reason", N_("Reason for the loss"), Deal.lost_reason),
        text("pipeline", N_("Pipeline"), pipeline, "pipeline"),
        text("description", N_("Description"), Deal.description, "long_text", sort=False),
        moment("last_activity_at", N_("Last activity"), Deal.last_activity_at),
        *times(Deal),
        number("number", N_("Record number"), Deal.number),
        record(reader, "company_id", N_("Company"), Deal.company_id, "company", shown=False),
        record(reader, "id", N_("Id"), Deal.id, "deal", shown=False),
    ]


def task_fields(reader: Reader) -> list[ListField]:
    """Those of tasks."""
    done = Task.done_at.is_not(None)
    truth = TruthKind(lambda wanted: done if wanted else ~done, true())
    return [
        text("title", N_("Title"), Task.title),
        replace(day("due_date", N_("Due"), Task.due_date), sort=(Task.due_date, Task.due_at)),
        text(
            "type",
            N_("Type"),
            Task.type,
            "choice",
            task=N_("Task"),
            call=N_("Call"),
            email=N_("E-mail"),
            meeting=N_("Meeting"),
        ),
        text("priority", N_("Priority"), Task.priority, "choice", low=N_("Low"), normal=N_("Normal"), high=N_("High")),
        member(reader, "assignee_id", N_("Assignee"), Task.assignee_id),
        ListField("done", N_("Done"), "boolean", truth),
        moment("done_at", N_("Done at"), Task.done_at),
        moment("due_at", N_("Due at"), Task.due_at),
        text("description", N_("Description"), Task.description, "long_text", sort=False),
        record(reader, "contact_id", N_("Contact"), Task.contact_id, "contact"),
        record(reader, "company_id", N_("Company"), Task.company_id, "company"),
        record(reader, "deal_id", N_("Deal"), Task.deal_id, "deal"),
        *times(Task),
        record(reader, "id", N_("Id"), Task.id, "task", shown=False),
    ]


FIXED: Mapping[str, Callable[[Reader], list[ListField]]] = {
    "contact": contact_fields, "company": company_fields, "deal": deal_fields, "task": task_fields,
}  # fmt: skip


def _among(column: InstrumentedAttribute[str], names: Sequence[str], ignore_case: bool) -> ColumnElement[bool]:
    if not ignore_case:
        return column.in_(names)
    return folded(column).in_([folded(literal(name)) for name in names])


def _id(model: type[Sourced]) -> InstrumentedAttribute[str]:
    found: InstrumentedAttribute[str] = getattr(model, "id")  # noqa: B009
    return found
