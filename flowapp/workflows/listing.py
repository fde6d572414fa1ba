"""Lists of workflows: searched, filtered, sorted, by pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from flowapp.engine.language.dialects import type_name
from flowapp.errors import InvalidError
from flowapp.models import Execution, Version, Workflow
from flowapp.models.base import UtcDateTime
from flowapp.models.folding import folded, holds
from flowapp.records.paging import FIRST, Page, PageAt, paginate
from flowapp.texts import say
from flowapp.workflows.extras import read_status

SORTS = ("name", "status", "created_at", "updated_at", "execution_count", "last_executed_at")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def find(
    session: Session,
    *,
    search: str = "",
    status: str = "",
    trigger_type: str = "",
    is_template: bool | None = None,
    is_deleted: bool = False,
    project_id: str = "",
    sort: str = "-updated_at",
    at: PageAt = FIRST,
) -> Page[Workflow]:
    """A page of workflows. Several statuses are separated by commas; `sort` is one of SORTS, with - from the highest.

    InvalidError names the filter that cannot be used.
    """
    statement = select(Workflow).options(selectinload(Workflow.published).load_only(Version.number))
    if search:
        needle = search.strip()
        statement = statement.where(or_(holds(Workflow.name, needle), holds(Workflow.description, needle)))
    if status:
        statement = statement.where(Workflow.status.in_(_statuses(status)))
    if trigger_type:
        statement = statement.where(_has_trigger(trigger_type))
    if is_template is not None:
        statement = statement.where(Workflow.is_template == is_template)
    if is_deleted:  # what was deleted is gone
        statement = statement.where(false())
    if project_id:
        statement = statement.where(Workflow.project_id == project_id)
    key = _sort_key(sort.removeprefix("-"))
    return paginate(session, statement, at, key=key, id_column=Workflow.id, descending=sort.startswith("-"))


def _statuses(text: str) -> list[str]:
    statuses = [read_status(part) for part in text.split(",")]
    if None in statuses:
        raise InvalidError.at("status", say("Choose from draft, active, paused (or inactive) and archived."))
    return [status for status in statuses if status]


def _has_trigger(name: str) -> ColumnElement[bool]:
    """Drafts are JSON as flowapp.extensions.dump_json writes it: compact, so a text search over the triggers finds it."""
    kind = type_name("trigger", name)
    return cast(Workflow.draft["triggers"], Text).contains(f'"trigger_type":"{kind}"', autoescape=True)


def _sort_key(name: str) -> ColumnElement[Any] | InstrumentedAttribute[Any]:
    runs = select(func.count(Execution.id)).where(Execution.workflow_id == Workflow.id).correlate(Workflow)
    latest = select(func.max(Execution.created_at)).where(Execution.workflow_id == Workflow.id).correlate(Workflow)
    keys: dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {  # for each of SORTS
        "name": folded(Workflow.name),
        "status": Workflow.status,
        "created_at": Workflow.created_at,
        "updated_at": Workflow.updated_at,
        "execution_count": runs.scalar_subquery(),
        "last_executed_at": func.coalesce(latest.scalar_subquery(), _NEVER, type_=UtcDateTime()),
    }
    if name not in keys:
        message = say("Sort by one of: %(names)s. Put - in front for descending order.", names=", ".join(SORTS))
        raise InvalidError.at("sort", message)
    return keys[name]
