"""Records, workflows and executions that are looked for: some of each, by one query of bounded cost."""

from __future__ import annotations

from typing import TypeVar

from flask import url_for
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from flowapp.crm.search.found import ids
from flowapp.crm.writing import Record
from flowapp.executions import history
from flowapp.executions.search import find_ids
from flowapp.models import Company, Contact, Deal, Execution, Task, Workflow
from flowapp.models.folding import holds, one_of
from flowapp.values.text import folded
from flowapp.web.crm.nouns import COMPANY, CONTACT, DEAL, Noun, title_of
from flowapp.web.crm.values import url_of
from flowapp.web.search.hits import Hit

R = TypeVar("R", bound=Record)
SHOWN = 5  # of each kind
LOOKED_AT = 200  # of those that have the words: what is called as was typed comes before what is newer
_SHORTEST = 3  # characters for which executions are looked through


def contacts(session: Session, text: str) -> list[Hit]:
    """By name, address, phone number or company."""
    return [_hit(CONTACT, row, row.email, row.company) for row in _records(session, CONTACT, text)]


def companies(session: Session, text: str) -> list[Hit]:
    """By name or domain."""
    return [_hit(COMPANY, row, row.domain) for row in _records(session, COMPANY, text)]


def deals(session: Session, text: str) -> list[Hit]:
    """By title or company."""
    return [_hit(DEAL, row, row.stage.name, row.company) for row in _records(session, DEAL, text)]


def tasks(session: Session, text: str) -> list[Hit]:
    """By title; those that are to be done."""
    where = [Task.deleted_at.is_(None), Task.done_at.is_(None)]
    statement = select(Task).where(*where).order_by(Task.id.desc()).limit(SHOWN)
    if text:
        found = ids(Task, text)
        if found is None:
            return []
        statement = statement.where(one_of(Task.id, found.limit(LOOKED_AT).scalar_subquery()))
    return [
        Hit(row.title, url_for("tasks.show", task_id=row.id), "checklist", str(row.due_date or ""), row.id)
        for row in session.scalars(statement)
    ]


def workflows(session: Session, text: str) -> list[Hit]:
    """By words of the name."""
    statement = select(Workflow.id, Workflow.name).where(*(holds(Workflow.name, word) for word in text.split()[:10]))
    newest = statement.order_by(Workflow.updated_at.desc()).limit(SHOWN)
    return [
        Hit(row.name, url_for("workflow.show", workflow_id=row.id), "automation", id=row.id)
        for row in session.execute(newest)
    ]


def executions(session: Session, text: str) -> list[Hit]:
    """By what they are about; the newest ones."""
    if len(text) < _SHORTEST or not (found := find_ids(session, text)):
        return []
    newest = select(Execution).where(Execution.id.in_(found[:SHOWN])).order_by(Execution.id.desc())
    return [
        Hit(row.workflow_name, url_for("executions.show", execution_id=row.execution.id), "activity", row.subject, row.execution.id)
        for row in history.rows(session, session.scalars(newest).all())
    ]  # fmt: skip


def _records(session: Session, noun: Noun[R], text: str) -> list[R]:
    model = noun.model
    statement: Select[R] = select(model).where(model.deleted_at.is_(None), model.last_activity_at.is_not(None))
    if model in (Contact, Deal):
        statement = statement.options(selectinload(model.company))  # type: ignore[attr-defined]
    statement = statement.order_by(model.last_activity_at.desc())
    if not text:
        return list(session.scalars(statement.limit(SHOWN)).unique())
    found = ids(model, text)
    if found is None:
        return []
    some = one_of(model.id, found.limit(LOOKED_AT).scalar_subquery())
    newest = session.scalars(statement.where(some).limit(LOOKED_AT // 4)).unique().all()
    return sorted(newest, key=lambda row: not folded(title_of(row)).startswith(folded(text)))[:SHOWN]


def _hit(noun: Noun[R], row: R, more: str, company: Company | None = None) -> Hit:
    detail = " · ".join(part for part in (more, company.name if company else "") if part)
    return Hit(noun.title(row), url_of(row), noun.icon, detail, row.id)
