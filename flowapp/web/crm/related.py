"""What belongs to a record, at the right of its page: company, people, deals, tasks, lists, and the workflows it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from flowapp.crm import lists
from flowapp.crm.tags import OF
from flowapp.crm.writing import Record
from flowapp.executions import following
from flowapp.models import Company, Contact, ContactList, Deal, DealContact, Execution, Task, Workflow

SHOWN = 10  # of each kind


@dataclass(slots=True)
class Related:
    """What is None has no place at records of this kind."""

    open_tasks: Sequence[Task]
    done_tasks: Sequence[Task]
    executions: Sequence[tuple[Execution, str]]
    company: Company | None = None
    people: Sequence[Contact] | None = None
    deals: Sequence[Deal] | None = None
    lists: Sequence[ContactList] | None = None
    other_lists: Sequence[ContactList] = ()


def of(session: Session, record: Record) -> Related:
    """What belongs to the record; nothing that is in the trash."""
    found = Related(
        _tasks(session, record, done=False), _tasks(session, record, done=True), _executions(session, record)
    )
    if isinstance(record, Contact):
        found.company, found.lists = _there(record.company), lists.of(session, record)
        every = session.scalars(select(ContactList).order_by(ContactList.name)).all()
        found.other_lists = [row for row in every if row not in found.lists]
        found.deals = _deals(session, select(Deal).join(DealContact).where(DealContact.contact_id == record.id))
    elif isinstance(record, Company):
        people = select(Contact).where(Contact.company_id == record.id, Contact.deleted_at.is_(None))
        found.people = session.scalars(people.order_by(Contact.last_name, Contact.id).limit(SHOWN)).all()
        found.deals = _deals(session, select(Deal).where(Deal.company_id == record.id))
    elif isinstance(record, Deal):
        found.company = _there(record.company)
        found.people = [contact for contact in record.contacts if not contact.deleted_at]
    return found


def _there(company: Company | None) -> Company | None:
    return company if company and not company.deleted_at else None


def _deals(session: Session, statement: Select[Deal]) -> Sequence[Deal]:
    there = statement.where(Deal.deleted_at.is_(None)).order_by(Deal.stage_entered_at.desc(), Deal.id.desc())
    return session.scalars(there.limit(SHOWN)).unique().all()


def _tasks(session: Session, record: Record, *, done: bool) -> Sequence[Task]:
    """Open ones by the day on which they are due; done ones from the newest on."""
    column = getattr(Task, f"{OF[type(record)][0]}_id")
    mine = select(Task).where(column == record.id, Task.deleted_at.is_(None))
    if done:
        return session.scalars(mine.where(Task.done_at.is_not(None)).order_by(Task.done_at.desc()).limit(SHOWN)).all()
    by_day = (Task.due_date.is_(None), Task.due_date, Task.due_at, Task.id)
    return session.scalars(mine.where(Task.done_at.is_(None)).order_by(*by_day).limit(SHOWN * 2)).all()


def _executions(session: Session, record: Record) -> Sequence[tuple[Execution, str]]:
    """The newest executions about the record, with the names of their workflows."""
    noun = OF[type(record)][0]
    about = following.about(noun, record.id)
    if noun == "contact":
        about = or_(about, Execution.contact_id == record.id)
    rows = (
        select(Execution, Workflow.name)
        .join(Workflow, Workflow.id == Execution.workflow_id)
        .where(about, Execution.trigger_type != "test")
        .order_by(Execution.id.desc())
        .limit(SHOWN)
    )
    return [(row[0], row[1]) for row in session.execute(rows)]
