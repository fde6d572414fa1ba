"""What happened in an execution since a message, rebuilt from its rows."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.engine.store import messages as m
from flowapp.models import TERMINAL, Execution, LogLine, StepRun


def messages(session: Session, execution: Execution, after: int = 0) -> list[m.Message]:
    """The messages with seq > `after`, in order."""
    runs = session.execute(
        select(StepRun.__table__).where(
            StepRun.execution_id == execution.id,
            StepRun.organization_id == execution.organization_id,
            or_(StepRun.seq > after, StepRun.ended_seq > after),
        )
    )
    messages: list[m.Message] = []
    for run in map(dict, runs.mappings()):
        if run["seq"] > after:
            messages.append(m.step_started(run))
        if (run["ended_seq"] or 0) > after:
            messages.append(m.step_ended(run))
    lines = session.execute(
        select(LogLine.__table__).where(
            LogLine.execution_id == execution.id,
            LogLine.organization_id == execution.organization_id,
            LogLine.seq > after,
        )
    )
    messages += [m.log_line(dict(row)) for row in lines.mappings()]
    if execution.status in TERMINAL and execution.seq > after:
        messages.append(
            m.execution_completed(
                execution.id, execution.seq, execution.status, execution.error_message, execution.output_data
            )
        )
    return sorted(messages, key=lambda message: int(message["seq"]))
