"""A past to purge: many ended executions with attempts and lines, written at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Engine, Table, insert

from flowapp.models import Execution, LogLine, StepRun, Version, new_id
from flowapp.models.tenancy import system_session


def old_id(moment: datetime, number: int) -> str:
    """An id as it was made at that time."""
    return str(UUID(int=(int(moment.timestamp() * 1000) << 80) + (7 << 76) + number))


def write_history(
    engine: Engine, version: Version, ended: datetime, count: int, *, attempts: int = 2, lines: int = 3, **more: Any
) -> list[str]:
    """`count` executions that began a minute before `ended`; their ids."""
    began = ended - timedelta(minutes=1)
    own = {"organization_id": version.organization_id}
    ids = [old_id(began, number) if count > 1 else new_id_at(began) for number in range(count)]
    base = own | {
        "workflow_id": version.workflow_id, "version_id": version.id, "status": "completed", "created_at": began,
        "started_at": began, "completed_at": ended, "input_data": {"n": 1}, "context": {}, "state": {}, "options": {},
        "seq": attempts * 2 + lines, **more,
    }  # fmt: skip
    run = own | {
        "step_id": "s", "step_name": "S", "action_type": "log", "token": "1", "status": "completed",
        "input": {"message": "hello"}, "output": {"text": "x" * 200}, "started_at": began, "ended_at": ended,
    }  # fmt: skip
    line = own | {"step_id": "s", "level": "info", "message": "It went well. " * 5, "data": None, "created_at": ended}
    with system_session(engine) as session:
        session.execute(insert(cast(Table, Execution.__table__)), [{**base, "id": key} for key in ids])
        for table, row, numbers in (
            (StepRun.__table__, run, range(1, attempts + 1)),
            (LogLine.__table__, line, range(attempts + 1, attempts + lines + 1)),
        ):
            rows = [{**row, "execution_id": key, "seq": seq} for key in ids for seq in numbers]
            if rows:
                session.execute(insert(cast(Table, table)), rows)
        session.commit()
    return ids


def new_id_at(moment: datetime) -> str:
    """An id of that time that no other one equals."""
    return old_id(moment, UUID(new_id()).int & ((1 << 62) - 1))
