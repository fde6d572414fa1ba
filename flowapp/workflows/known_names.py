"""The names by which a workflow may call the things of its project."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from flowapp.catalog.resources import ProjectLookup
from flowapp.data.columns import SYSTEM_COLUMNS
from flowapp.engine.graph.checks import Known
from flowapp.models import DataTable, Form, Member, Workflow


def known(session: Session, project_id: str) -> Known:
    """Every name that a step of this project may call a thing by, for engine.graph.checks."""
    return Known(
        resources=ProjectLookup(session, project_id),
        sql=lambda query, params: _sql_fault(session, project_id, query, params),
        columns=_columns(session, project_id),
        roles=frozenset(session.scalars(select(Member.role).distinct())),
        fields=_fields(session, project_id),
        unpublished=_unpublished(session),
    )


def _unpublished(session: Session) -> frozenset[str]:
    """The names that only workflows have which cannot run yet."""
    return _workflows(session) - _workflows(session, Workflow.published_version_id.is_not(None))


def _workflows(session: Session, *which: ColumnElement[bool]) -> frozenset[str]:
    names = select(Workflow.id, Workflow.name, Workflow.number).where(Workflow.status != "archived", *which)
    return frozenset(str(name) for row in session.execute(names) for name in row)


def _columns(session: Session, project_id: str) -> dict[str, frozenset[str]]:
    """The columns of each table, by each of its names."""
    found = session.scalars(select(DataTable).where(DataTable.project_id == project_id)).all()
    return {
        str(getattr(table, field)).casefold(): frozenset([*(c["key"] for c in table.columns), *SYSTEM_COLUMNS])
        for field in ("id", "name", "slug")  # the slug wins, as where a step looks for its table
        for table in found
    }


def _fields(session: Session, project_id: str) -> dict[str, frozenset[str]]:
    """The fields of each form, by each of its names."""
    found = session.scalars(select(Form).where(Form.project_id == project_id)).all()
    return {
        str(getattr(form, name)).casefold(): frozenset(str(field["key"]) for field in form.fields)
        for name in ("id", "name", "number", "slug")
        for form in found
    }


def _sql_fault(session: Session, project_id: str, query: str, params: Mapping[str, object]) -> str:
    from flowapp.data.sql.queries import fault  # only who writes SQL pays for it

    available = session.scalars(select(DataTable).where(DataTable.project_id == project_id)).all()
    return fault(available, query, params, session.get_bind().dialect.name)
