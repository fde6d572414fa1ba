"""What the things of a project look like, for examples of results: columns of tables and queries, outputs of workflows."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.catalog.entities import ENTITIES
from flowapp.engine.graph.example_services import Shape, Shapes
from flowapp.models import DataTable, Execution, Workflow


def shapes_of(session: Session, project_id: str) -> Shapes:
    """Looked up when it is asked for."""
    return Shapes(
        columns=lambda name: _columns(session, project_id, name),
        query=lambda sql, params: _query(session, project_id, sql, params),
        output=lambda name: _output(session, name),
        own=lambda name: _own(session, name),
    )


def _own(session: Session, name: str) -> Mapping[str, object]:
    known = ENTITIES[name]
    return known.own(session) if known.own else {}


def _columns(session: Session, project_id: str, name: str) -> Shape | None:
    """By any name that a step may call the table by."""
    for table in _tables(session, project_id):
        if name.strip().casefold() in {str(one).casefold() for one in (table.id, table.slug, table.name)}:
            types = {str(column["key"]): str(column["type"]) for column in table.columns}
            return {"id": "id", **types, "created_at": "datetime", "updated_at": "datetime"}
    return None


def _query(session: Session, project_id: str, sql: str, params: Mapping[str, object]) -> Shape:
    from flowapp.data.sql.queries import columns  # only who writes SQL pays for it

    return columns(_tables(session, project_id), sql, params)


def _tables(session: Session, project_id: str) -> list[DataTable]:
    return list(session.scalars(select(DataTable).where(DataTable.project_id == project_id)))


def _output(session: Session, name: str) -> object:
    """What the workflow of that name, id or number gave when it last completed."""
    named = [Workflow.id == name, Workflow.name == name]
    if name.isascii() and name.isdecimal() and len(name) < 10:
        named.append(Workflow.number == int(name))
    ended = select(Execution.output_data).join(Workflow, Workflow.id == Execution.workflow_id)
    last = ended.where(or_(*named), Execution.status == "completed").order_by(Execution.id.desc()).limit(1)
    return session.scalars(last).first()
