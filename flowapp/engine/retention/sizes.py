"""How much executions take: rows and bytes of each workflow, measured every hour and kept (models.WorkflowSize).

Meanwhile processes add what they store (tasks.tally).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, ColumnElement, Connection, Engine, Select, Table, Text, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from flowapp.models import Execution, LogLine, StepRun, Workflow, WorkflowSize
from flowapp.models.tenancy import SYSTEM, use_tenant

_executions = cast(Table, Execution.__table__)
_sizes = cast(Table, WorkflowSize.__table__)
_workflows = cast(Table, Workflow.__table__)
_CHILDREN = cast(list[Table], [StepRun.__table__, LogLine.__table__])
SAMPLE = 1000  # of a workflow's executions: that many of the oldest and of the newest are weighed


def bytes_of(table: Table, dialect: str) -> ColumnElement[int]:
    """What the data and texts of a row take: as stored on PostgreSQL (compressed), in characters on SQLite."""
    measure = func.pg_column_size if dialect == "postgresql" else func.length
    parts = [func.coalesce(measure(c), 0) for c in table.columns if isinstance(c.type, JSON | Text)]
    total: ColumnElement[int] = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def measure(engine: Engine, now: datetime) -> int:
    """Measures each workflow that has executions, in a transaction of its own; how many those are."""
    with engine.connect() as connection, connection.begin():
        use_tenant(connection, SYSTEM)
        workflows = connection.execute(select(_workflows.c.id, _workflows.c.organization_id)).all()
    measured = 0
    for workflow in workflows:
        with engine.connect() as connection, connection.begin():
            use_tenant(connection, SYSTEM)
            measured += _measure(connection, workflow.id, workflow.organization_id, now)
    return measured


def add(engine: Engine, counts: Mapping[tuple[str, str], int], now: datetime) -> None:
    """Adds bytes that were stored since, by organization and workflow. A workflow that is gone takes none."""
    with engine.connect() as connection, connection.begin():
        use_tenant(connection, SYSTEM)
        insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(_sizes)
        there = set(connection.scalars(select(_workflows.c.id).where(_workflows.c.id.in_([key[1] for key in counts]))))
        for (organization_id, workflow_id), stored in sorted(counts.items()):
            if workflow_id in there:
                new = {"workflow_id": workflow_id, "organization_id": organization_id, "bytes": stored}
                connection.execute(
                    insert.values(**new, executions=0, measured_at=now).on_conflict_do_update(
                        index_elements=["workflow_id"], set_={"bytes": _sizes.c.bytes + stored}
                    )
                )


def _measure(connection: Connection, workflow_id: str, organization_id: str, now: datetime) -> int:
    of = _executions.c.workflow_id == workflow_id
    count = connection.scalar(select(func.count()).select_from(_executions).where(of)) or 0
    if not count:
        connection.execute(delete(_sizes).where(_sizes.c.workflow_id == workflow_id))
        return 0
    ids = select(_executions.c.id).where(of)
    if count > 2 * SAMPLE:
        # What hundreds of thousands take is not read again and again: the oldest and the newest stand for all.
        ends = (ids.order_by(order).limit(SAMPLE).subquery() for order in (_executions.c.id, _executions.c.id.desc()))
        weighed = sum(_weigh(connection, select(end.c.id)) for end in ends)
        weighed = weighed * count // (2 * SAMPLE)
    else:
        weighed = _weigh(connection, ids)
    _keep(connection, workflow_id=workflow_id, organization_id=organization_id, executions=count, bytes=weighed, at=now)
    return 1


def _weigh(connection: Connection, ids: Select[Any]) -> int:
    dialect = connection.dialect.name
    weighed = 0
    for table in (_executions, *_CHILDREN):
        key = table.c.id if table is _executions else table.c.execution_id
        weighed += connection.scalar(select(func.sum(bytes_of(table, dialect))).where(key.in_(ids))) or 0
    return int(weighed)


def _keep(connection: Connection, *, workflow_id: str, organization_id: str, at: datetime, **found: int) -> None:
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(_sizes)
    new = {**found, "measured_at": at}
    connection.execute(
        insert.values(workflow_id=workflow_id, organization_id=organization_id, **new).on_conflict_do_update(
            index_elements=["workflow_id"], set_=new
        )
    )
