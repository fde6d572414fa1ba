"""The names by which a workflow may call the things of its project."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from flowapp.data.columns import SYSTEM_COLUMNS
from flowapp.engine.graph.checks import Known
from flowapp.models import DataTable, EmailTemplate, Form, Integration, Member, Schema, User, Workflow


def known(session: Session, project_id: str) -> Known:
    """Every name that a step of this project may call a thing by, for engine.graph.checks."""
    people = session.execute(
        select(Member.user_id, Member.role, User.email).join(User, User.id == Member.user_id)
    ).all()
    return Known(
        sql=lambda query, params: _sql_fault(session, project_id, query, params),
        tables=_names(session, DataTable, project_id),
        schemas=_names(session, Schema, project_id),
        forms=_names(session, Form, project_id),
        email_templates=_names(session, EmailTemplate, project_id),
        columns=_columns(session, project_id),
        members=frozenset(name for row in people for name in (row.email, row.user_id)),
        roles=frozenset(row.role for row in people),
        fields=_fields(session, project_id),
        workflows=_workflows(session),
        unpublished=_workflows(session) - _workflows(session, Workflow.published_version_id.is_not(None)),
        integrations=frozenset(
            name
            for row in session.scalars(select(Integration).where(Integration.is_active))
            for name in (row.id, row.name, row.integration_type, row.provider)
            if name
        ),
    )


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


def _names(session: Session, model: type[DataTable | Schema | Form | EmailTemplate], project_id: str) -> frozenset[str]:
    columns = [model.id, model.slug, model.name, *([model.number] if issubclass(model, Form | EmailTemplate) else [])]
    rows = session.execute(select(*columns).where(model.project_id == project_id))
    return frozenset(str(name) for row in rows for name in row)
