"""What happened in an execution since a message: its attempts and its lines, as engine.runtime.recorder makes messages of them."""

from __future__ import annotations

from typing import cast

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.engine.store.rows import LineRow, RunRow
from flowapp.models import Execution, LogLine, StepRun


def since(session: Session, execution: Execution, after: int) -> tuple[list[RunRow], list[LineRow]]:
    """The rows of attempts that began or ended, and of lines that were written, after the message of that number."""
    runs = session.execute(
        select(StepRun.__table__).where(
            StepRun.execution_id == execution.id,
            StepRun.organization_id == execution.organization_id,
            or_(StepRun.seq > after, StepRun.ended_seq > after),
        )
    )
    lines = session.execute(
        select(LogLine.__table__).where(
            LogLine.execution_id == execution.id,
            LogLine.organization_id == execution.organization_id,
            LogLine.seq > after,
        )
    )
    return [cast(RunRow, dict(run)) for run in runs.mappings()], [
        cast(LineRow, dict(line)) for line in lines.mappings()
    ]
