"""The steps and the log of executions as a file, piece by piece: JSON, JSONL (one object a line) or CSV.

Of one execution, or of a workflow's executions by the time they were made, all as the API prints them. A file holds the
attempts themselves, so the lines that the API composes of their starts and ends are left out.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.errors import InvalidError, NotFoundError
from flowapp.exact_json import Json
from flowapp.executions import history, log, serialisers
from flowapp.models import Execution, LogLine, StepRun, Workflow, first_id
from flowapp.texts import localized_values, say
from flowapp.values.csv_lines import MARK, csv_line
from flowapp.values.formulas import harmless

FORMATS = {"json": "application/json", "jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
AT_ONCE = 500
_COLUMNS = (
    "execution_id", "type", "seq", "time", "ended_at", "step_id", "step_name", "action_type", "status", "level",
    "attempt", "iteration", "branch", "message", "data",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """One execution, or those of a workflow that were made from `since` to before `until`."""

    execution_id: str = ""
    workflow_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def moment(field: str, text: str) -> datetime | None:
    """An ISO time, UTC where it names no zone; None of an empty text. InvalidError at `field`."""
    try:
        moment = datetime.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise InvalidError.at(field, say("Enter a time as 2026-03-01T12:00:00Z.")) from None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def known_format(text: str) -> str:
    """The format that is meant. InvalidError where there is none."""
    if text.lower() not in FORMATS:
        raise InvalidError.at("export_format", say("Choose json, jsonl or csv."))
    return text.lower()


def check(session: Session, wanted: Wanted) -> None:
    """NotFoundError where there is no such execution or workflow."""
    if wanted.execution_id and session.get(Execution, wanted.execution_id) is None:
        raise NotFoundError(say("There is no such execution."))
    if wanted.workflow_id and session.get(Workflow, wanted.workflow_id) is None:
        raise NotFoundError(say("There is no such workflow."))


def export(
    session: Session, wanted: Wanted, export_format: str, counts: Counter[str] | None = None, *, language: str = "en"
) -> Iterator[str]:
    """The pieces of the file, its messages in that language; `counts` gets the executions, attempts and lines."""
    write = {"json": _json, "jsonl": _jsonl, "csv": _csv}[export_format]
    return write(_Reader(session, wanted, Counter() if counts is None else counts, language))


class _Reader:
    """Reads a part at a time, so that a file may be larger than the memory.

    No transaction is open in between: a client that takes the file slowly would hold a connection.
    """

    def __init__(self, session: Session, wanted: Wanted, counts: Counter[str], language: str) -> None:
        self.session, self.wanted, self.counts, self.language = session, wanted, counts, language

    def executions(self) -> Iterator[Json]:
        wanted = self.wanted
        which = [Execution.id == wanted.execution_id] if wanted.execution_id else [
            Execution.workflow_id == wanted.workflow_id,
            *([Execution.id >= first_id(wanted.since)] if wanted.since else []),
            *([Execution.id < first_id(wanted.until)] if wanted.until else []),
        ]  # fmt: skip
        return self._all("executions", Execution.id, self._executions, *which)

    def _executions(self, rows: Sequence[Execution]) -> list[Json]:
        shown = serialisers.listed(self.session, rows)
        return [{**one, **serialisers.data(row)} for one, row in zip(shown, rows, strict=True)]

    def steps(self, execution_id: str) -> Iterator[Json]:
        mine = StepRun.execution_id == execution_id
        return self._all("attempts", StepRun.seq, lambda rows: [serialisers.step_json(row) for row in rows], mine)

    def lines(self, execution_id: str) -> Iterator[Json]:
        names = history.step_names(self.session, self.session.get_one(Execution, execution_id))
        mine = LogLine.execution_id == execution_id
        return self._all("lines", LogLine.seq, lambda rows: [log.line_json(row, names) for row in rows], mine)

    def entries(self, execution_id: str) -> Iterator[tuple[str, Json]]:
        """Attempts and lines in the order in which they began."""
        steps = (("step", row) for row in self.steps(execution_id))
        lines = (("log", row) for row in self.lines(execution_id))
        return heapq.merge(steps, lines, key=_number)

    def _all(self, kind: str, key: Any, shown: Callable[[Sequence[Any]], list[Json]], *which: Any) -> Iterator[Json]:
        after: list[Any] = []
        while True:
            statement = select(key.class_).where(*which, *after).order_by(key).limit(AT_ONCE)
            rows = self.session.scalars(statement).all()
            written = localized_values(shown(rows), self.language)
            self.session.commit()
            self.counts[kind] += len(written)
            yield from written
            if len(rows) < AT_ONCE:
                return
            after = [key > getattr(rows[-1], key.key)]


def _number(entry: tuple[str, Json]) -> int:
    seq = entry[1]["seq"]
    return seq if isinstance(seq, int) else 0


def _dump(value: object) -> str:
    return exact_json.dumps(value, default=str).decode()


def _json(reader: _Reader) -> Iterator[str]:
    if reader.wanted.execution_id:
        for execution in reader.executions():
            yield from _document(reader, execution)
        return
    yield f'{{"workflow_id": {_dump(reader.wanted.workflow_id)}, "executions": ['
    yield from _joined(reader.executions(), lambda execution: _document(reader, execution))
    yield "]}"


def _document(reader: _Reader, execution: Json) -> Iterator[str]:
    yield _dump(execution)[:-1]
    for name, rows in (("steps", reader.steps), ("logs", reader.lines)):
        yield f',"{name}":['
        yield from _joined(rows(str(execution["id"])), lambda row: iter([_dump(row)]))
        yield "]"
    yield "}"


def _joined(rows: Iterator[Json], write: Callable[[Json], Iterator[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield "," if number else ""
        yield from write(row)


def _jsonl(reader: _Reader) -> Iterator[str]:
    for execution in reader.executions():
        yield _dump({"type": "execution", **execution}) + "\n"
        for kind, row in reader.entries(str(execution["id"])):
            yield _dump({"type": kind, "execution_id": execution["id"], **row}) + "\n"


def _csv(reader: _Reader) -> Iterator[str]:
    yield MARK + csv_line(_COLUMNS)
    for execution in reader.executions():
        for kind, row in reader.entries(str(execution["id"])):
            shown = {"execution_id": execution["id"], "type": kind, **row, **_details(kind, row)}
            yield csv_line([_cell(shown.get(name)) for name in _COLUMNS])


def _details(kind: str, row: Json) -> Json:
    if kind == "log":
        return {"time": row["created_at"], "data": None if row["data"] is None else _dump(row["data"])}
    given = {"input": row["input"], "output": row["output"]}
    return {"time": row["started_at"], "message": row["error_message"], "data": _dump(given)}


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return harmless(text) if isinstance(value, str) else text
