"""What a job works on and makes: its frozen set of ids, the file that was sent, the file to fetch, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, func, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from flowapp.errors import NotFoundError
from flowapp.models import Job, JobFailure, JobFile, new_id
from flowapp.texts import Parts, restored, say
from flowapp.values.csv_lines import MARK, csv_line
from flowapp.values.formulas import harmless

_ID = 16  # bytes
_AT_ONCE = 1000


# --- the frozen set of ids


def freeze(session: Session, job: Job, ids: Sequence[str]) -> None:
    """The job is about these rows, in this order."""
    _freeze(session, job, b"".join(UUID(one).bytes for one in dict.fromkeys(ids)))


def freeze_matching(
    session: Session, job: Job, column: InstrumentedAttribute[str], where: Sequence[ColumnElement[bool]]
) -> None:
    """The job is about all rows that match now, in the order of their ids. What changes later changes nothing of that.

    The database writes the ids down by itself: a hundred thousand of them take a moment.
    """
    _freeze(session, job, bytes.fromhex(session.scalar(_joined(session, column, where)) or ""))


def _joined(
    session: Session, column: InstrumentedAttribute[str], where: Sequence[ColumnElement[bool]]
) -> Select[tuple[str]]:
    ids = select(column.label("id")).where(*where).order_by(column).subquery()
    if session.get_bind().dialect.name == "sqlite":
        return select(func.group_concat(type_coerce(ids.c.id, String), ""))
    return select(func.string_agg(func.replace(func.cast(ids.c.id, String), "-", ""), ""))


def _freeze(session: Session, job: Job, content: bytes) -> None:
    session.add(JobFile(id=new_id(), job_id=job.id, kind="ids", content=content))
    job.total = len(content) // _ID
    session.flush()


def next_ids(session: Session, job: Job, limit: int) -> list[str]:
    """The next ids of the frozen set, from the job's cursor on, which is a number; none at its end."""
    start = int(cast(int, job.cursor or 0))
    where = (JobFile.job_id == job.id, JobFile.kind == "ids")
    piece = session.scalar(select(func.substr(JobFile.content, start * _ID + 1, limit * _ID)).where(*where)) or b""
    return [str(UUID(bytes=bytes(piece[at : at + _ID]))) for at in range(0, len(piece), _ID)]


# --- files


def put(session: Session, job: Job, kind: str, name: str, media_type: str, content: bytes) -> JobFile:
    """Stores a file of the job: what was sent (`input`), or what is to be fetched (`output`)."""
    file = JobFile(id=new_id(), job_id=job.id, kind=kind, name=name[:255], media_type=media_type, content=content)
    session.add(file)
    session.flush()
    return file


def find(session: Session, job: Job, kind: str) -> JobFile | None:
    """That file, without its content; None where there is none."""
    return session.scalar(select(JobFile).where(JobFile.job_id == job.id, JobFile.kind == kind))


def read(session: Session, job: Job, kind: str) -> JobFile:
    """That file with its content. NotFoundError where there is none."""
    wanted = select(JobFile).where(JobFile.job_id == job.id, JobFile.kind == kind).options(undefer(JobFile.content))
    file = session.scalar(wanted)
    if file is None:
        raise NotFoundError(say("This job has no such file."))
    return file


# --- what failed


def failures(session: Session, job: Job, most: int) -> Sequence[JobFailure]:
    """The first rows that failed."""
    mine = select(JobFailure).where(JobFailure.job_id == job.id).order_by(JobFailure.position)
    return session.scalars(mine.limit(most)).all()


def message_of(failure: JobFailure) -> str:
    """Why it failed: a message that can be said in any language."""
    return restored(failure.message, cast(Parts | None, failure.message_parts))


def error_file(session: Session, job: Job, translate: Callable[[str], str], separator: str = ",") -> Iterator[str]:
    """The error file as CSV, piece by piece: of rows that were sent all their columns, of records id and name; then why."""
    first = next(iter(failures(session, job, 1)), None)
    sent = list(first.data) if first is not None and isinstance(first.data, dict) else []
    yield MARK + csv_line([*(map(_cell, sent) if sent else ("id", "name")), "error"], separator)
    after = -1
    while True:
        wanted = select(JobFailure).where(JobFailure.job_id == job.id, JobFailure.position > after)
        some = session.scalars(wanted.order_by(JobFailure.position).limit(_AT_ONCE)).all()
        if not some:
            return
        yield "".join(csv_line(_cells(one, sent, translate), separator) for one in some)
        after = some[-1].position
        session.expunge_all()


def _cells(failure: JobFailure, sent: Sequence[str], translate: Callable[[str], str]) -> list[str]:
    data = failure.data if isinstance(failure.data, dict) else {}
    told = [data.get(name, "") for name in sent] if sent else [failure.reference, failure.name]
    return [_cell(value) for value in (*told, translate(message_of(failure)))]


def _cell(value: object) -> str:
    return "" if value is None else harmless(str(value))
