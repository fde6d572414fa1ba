"""The log of an execution as it is read: its lines, and for each attempt of a step one at its start and one at its end.

Those two are composed of the attempt when the log is read: nothing is written for them. All share one order, `seq`.
Messages are English that `texts.localized_values` puts into another language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp.catalog import N_
from flowapp.catalog.context import LogLevel
from flowapp.engine.runtime import recorder
from flowapp.executions import history
from flowapp.logs import mask
from flowapp.models import Execution, LogLine, StepRun
from flowapp.texts import Text, labelled, restored, say

Json = dict[str, Any]
LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
# Columns, not rows of the session: it may have read an attempt before it ended.
_ATTEMPT = (
    StepRun.seq, StepRun.ended_seq, StepRun.step_id, StepRun.step_name, StepRun.attempt, StepRun.iteration,
    StepRun.status, StepRun.branch, StepRun.error_message, StepRun.error_parts, StepRun.started_at, StepRun.ended_at,
)  # fmt: skip
REUSED = "reused"  # the step did not run: another execution's log tells of it
_ENDS = {
    "completed": N_("Step “%(step)s” completed"),
    "failed": N_("Step “%(step)s” failed"),
    "uncertain": N_("Step “%(step)s” is uncertain"),
    "cancelled": N_("Step “%(step)s” was cancelled"),
}


def page(
    session: Session, execution: Execution, *, after: int, limit: int, level: LogLevel = "debug"
) -> tuple[list[Json], bool]:
    """The first `limit` lines beyond the number `after`, of this level or above; and whether there are more."""
    found = _read(session, execution, after, limit + 1, level)
    return found[:limit], len(found) > limit


def newest(session: Session, execution: Execution, limit: int, *, after: int = 0) -> list[Json]:
    """The last `limit` lines beyond the number `after`, in order."""
    return _read(session, execution, after, limit, "debug", newest=True)


def line_json(line: LogLine, names: Mapping[str, str]) -> Json:
    """A line of the log; `names` are those of the steps."""
    row = {name: getattr(line, name) for name in ("seq", "level", "step_id", "created_at")}
    return recorder.line_json({**row, "message": line.text, "data": mask(line.data)}, names.get(line.step_id, ""))


def _read(
    session: Session, execution: Execution, after: int, limit: int, level: LogLevel, *, newest: bool = False
) -> list[Json]:
    names = history.step_names(session, execution)
    wanted = LEVELS[LEVELS.index(level) :]
    lines = select(LogLine).where(LogLine.execution_id == execution.id, LogLine.level.in_(wanted))
    read = [line_json(row.LogLine, names) for row in _some(session, lines, LogLine.seq, after, limit, newest)]
    if "info" in wanted:
        runs = select(*_ATTEMPT).where(StepRun.execution_id == execution.id, StepRun.source != REUSED)
        read += [_start(run) for run in _some(session, runs, StepRun.seq, after, limit, newest)]
        read += [_end(run) for run in _some(session, runs, StepRun.ended_seq, after, limit, newest)]
    read.sort(key=itemgetter("seq"))
    return read[-limit:] if newest else read[:limit]


def _some(
    session: Session, statement: Any, seq: InstrumentedAttribute[Any], after: int, limit: int, newest: bool
) -> Iterable[Any]:
    order = seq.desc() if newest else seq.asc()
    return session.execute(statement.where(seq > after).order_by(order).limit(limit))


def _start(run: Any) -> Json:
    words = say("Step “%(step)s” started.", step=run.step_name)
    if run.attempt > 1:
        words = say("Step “%(step)s” started, attempt %(attempt)s.", step=run.step_name, attempt=run.attempt)
    return _about(run, run.seq, words, run.started_at, {})


def _end(run: Any) -> Json:
    ended = Text(_ENDS.get(run.status, "Step “%(step)s” ended"), {"step": run.step_name})
    error = restored(run.error_message, run.error_parts)
    words = labelled(ended, error) if error else say("%(sentence)s.", sentence=ended)
    return _about(run, run.ended_seq, words, run.ended_at, {"status": run.status, "branch": run.branch})


def _about(run: Any, seq: int | None, message: str, at: Any, more: Json) -> Json:
    row = {"seq": seq, "level": "info", "message": message, "step_id": run.step_id, "created_at": at}
    data = {"attempt": run.attempt, "iteration": run.iteration, **more}
    return recorder.line_json({**row, "data": data}, run.step_name)
