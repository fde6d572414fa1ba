"""Imports: a file that somebody sent, how it is read, where its columns go, what would become of its rows, and the job
that takes them."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypedDict, cast

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, undefer

from flowapp.crm.imports import reading_files, suggestions, targets
from flowapp.crm.imports.mapping import Columns
from flowapp.crm.imports.upsert import Rules, Upsert
from flowapp.data.csv_reading import Sheet
from flowapp.errors import ConflictError, InvalidError, NotFoundError
from flowapp.events import SYSTEM
from flowapp.models import FIELD_OBJECTS, Import, ImportPart, Job, iso, new_id, read_id, utcnow
from flowapp.records import jobs
from flowapp.records.paging import Page, PageAt, paginate
from flowapp.texts import localized, say
from flowapp.values.text import slug

KIND = "import"
PART = 500  # rows that are stored together
KEPT = timedelta(days=1)  # of a file that nobody imported
DRAFTS = 5  # of one person; an older one gives way
TRIAL_SECONDS = 8.0
LISTED_PROBLEMS = 100
BEGUN = say("This import has begun already.")


class Options(TypedDict):
    """What is done with the rows: see upsert.Rules."""

    match: str
    mode: str
    start_workflows: bool
    create_companies: bool


@dataclass(slots=True)
class Trial:
    """What would become of the rows, of which `checked` were looked at; `problems`: (line, column, message)."""

    counts: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    problems: list[tuple[int, str, str]] = field(default_factory=list)


def create(
    session: Session, noun: str, file_name: str, content: bytes, *, created_by: str | None, language: str = "",
    reading: Mapping[str, str] | None = None,
) -> Import:  # fmt: skip
    """Keeps a file. Its columns go where those of the last file with the same ones went, else where their names say.

    InvalidError at `file` for what cannot be read.
    """
    if noun not in FIELD_OBJECTS:
        raise InvalidError.at("object", say("Choose one of: %(options)s.", options=", ".join(FIELD_OBJECTS)))
    _tidy(session, created_by)
    row = Import(
        id=new_id(), noun=noun, file_name=" ".join(file_name.split())[:255] or "import", content=content,
        created_by=created_by, options=dict(default_options()),
    )  # fmt: skip
    session.add(row)
    read_again(session, row, reading or {}, language=language)
    return row


def default_options() -> Options:
    """What is done where nothing else is asked for."""
    return {"match": "", "mode": "both", "start_workflows": False, "create_companies": True}


def read_again(session: Session, row: Import, reading: Mapping[str, str], *, language: str = "") -> Sheet:
    """Reads the file as `reading` says (encoding, separator, sheet), else as it is found out."""
    _refuse_begun(row)
    sheet = reading_files.read(row.content or b"", reading)
    row.reading = {"encoding": sheet.encoding, "separator": sheet.separator, "sheet": sheet.sheet}
    if sheet.header != row.header:
        row.header = sheet.header
        row.header_key = _header_key(sheet.header)
        row.mapping = dict(_remembered(session, row) or _suggested(session, row, sheet, language))
    row.row_count = len(sheet.rows)
    session.flush()
    return sheet


def sheet_of(row: Import) -> Sheet:
    """The file as it is read now."""
    return reading_files.read(row.content or b"", cast(Mapping[str, str], row.reading))


def choose(session: Session, row: Import, mapping: Mapping[int, str], options: Mapping[str, object]) -> None:
    """Where the columns go, and what is done with the rows. InvalidError names the column or option that is wrong."""
    _refuse_begun(row)
    chosen = {**default_options(), **options}
    Columns(session, row.noun, row.header, mapping)
    row.mapping = {str(at): name for at, name in mapping.items()}
    row.options = chosen
    Upsert(session, rules_of(row), cause=SYSTEM, dry=True)  # refuses an unknown match or mode
    session.flush()


def mapping_of(row: Import) -> dict[int, str]:
    """Which column, by its place, goes where."""
    return {int(at): str(name) for at, name in row.mapping.items()}


def rules_of(row: Import) -> Rules:
    """What its rows are written by."""
    chosen = cast(Options, row.options)
    return Rules(row.noun, chosen["match"], chosen["mode"], missing_companies=chosen["create_companies"])


def trial(session: Session, row: Import, sheet: Sheet) -> Trial:
    """What would become of the rows, as many as can be looked at in a few seconds. Writes nothing: what the session has
    written by itself must be committed before."""
    columns = Columns(session, row.noun, row.header, mapping_of(row))
    upsert = Upsert(session, rules_of(row), cause=SYSTEM, dry=True)
    until, found = time.monotonic() + TRIAL_SECONDS, Trial()
    for start in range(0, len(sheet.rows), PART):
        some = sheet.rows[start : start + PART]
        done = columns.write(upsert, some)
        for (line, _), one in zip(some, done, strict=True):
            found.counts[one.outcome] += 1
            room = LISTED_PROBLEMS - len(found.problems)
            found.problems += [(line, columns.column_of(p.path), p.message) for p in one.problems[:room]]
        found.checked += len(some)
        session.rollback()
        if time.monotonic() >= until:
            break
    return found


def start(session: Session, row: Import, sheet: Sheet) -> Job:
    """The job that takes the rows; the caller commits, and wakes it."""
    Columns(session, row.noun, row.header, mapping_of(row))
    begun = session.execute(
        update(Import).where(Import.id == row.id, Import.started_at.is_(None)).values(started_at=utcnow(), content=None)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if begun.rowcount != 1:  # type: ignore[attr-defined]
        raise ConflictError(BEGUN)
    for position, at in enumerate(range(0, len(sheet.rows), PART)):
        rows: list[list[object]] = [[line, cells] for line, cells in sheet.rows[at : at + PART]]
        session.add(ImportPart(import_id=row.id, position=position, rows=rows))
    job = jobs.create(
        session,
        KIND,
        say("Import of %(file)s", file=row.file_name),
        created_by=row.created_by,
        arguments={"import_id": row.id},
        total=len(sheet.rows),
        start_workflows=bool(row.options["start_workflows"]),
    )
    session.refresh(row)
    row.job_id = job.id
    session.flush()
    return job


def get(session: Session, import_id: str) -> Import:
    """The import of that id. NotFoundError where there is none."""
    known = read_id(import_id)
    row = session.get(Import, known, options=[undefer(Import.content)]) if known else None
    if row is None:
        raise NotFoundError(say("There is no such import."))
    return row


def find(session: Session, at: PageAt) -> Page[Import]:
    """A page of the imports, the newest first."""
    return paginate(session, select(Import), at, key=Import.id, id_column=Import.id)


def import_json(row: Import, job: Job | None) -> dict[str, object]:
    """The import as answers print it."""
    return {
        "id": row.id,
        "object": row.noun,
        "file": row.file_name,
        "status": job.status if job else "draft",
        "encoding": row.reading.get("encoding", ""),
        "separator": row.reading.get("separator", ""),
        "sheet": row.reading.get("sheet", ""),
        "columns": row.header,
        "rows": row.row_count,
        "mapping": {row.header[at]: name for at, name in mapping_of(row).items()},
        **row.options,
        "job": row.job_id,
        **{name: getattr(job, name) if job else 0 for name in ("done", "changed", "failed")},
        "created_by": row.created_by,
        **{name: iso(getattr(row, name)) for name in ("created_at", "started_at")},
    }


def job_of(session: Session, row: Import) -> Job | None:
    """The job that takes its rows; None while it is prepared."""
    return session.get(Job, row.job_id) if row.job_id else None


def jobs_of(session: Session, rows: Sequence[Import]) -> dict[str, Job]:
    """The jobs of many imports, by id."""
    ids = [row.job_id for row in rows if row.job_id]
    return {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(ids)))} if ids else {}


def drop_parts(session: Session, import_id: str) -> None:
    """Its rows are needed no more."""
    session.execute(delete(ImportPart).where(ImportPart.import_id == import_id))


def _refuse_begun(row: Import) -> None:
    if row.started_at is not None:
        raise ConflictError(BEGUN)


def _header_key(header: Sequence[str]) -> str:
    """The same for files with the same column names, in any order."""
    names = sorted(slug(name, "_") for name in header if name != reading_files.REASON)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _remembered(session: Session, row: Import) -> dict[str, str]:
    """Where the columns of the last such file went, and what was done with its rows."""
    wanted = select(Import).where(
        Import.noun == row.noun,
        Import.header_key == row.header_key,
        Import.started_at.is_not(None),
        Import.id != row.id,
    )
    before = session.scalars(wanted.order_by(Import.id.desc()).limit(1)).first()
    if before is None:
        return {}
    known = {before.header[at]: name for at, name in mapping_of(before).items()}
    available = {target.name for target in targets.of(session, row.noun)}
    row.options = {**default_options(), **before.options, "start_workflows": False}
    return {str(at): known[name] for at, name in enumerate(row.header) if known.get(name) in available}


def _suggested(session: Session, row: Import, sheet: Sheet, language: str) -> dict[str, str]:
    known = targets.of(session, row.noun)
    labels = {target.name: localized(say(target.label), language) for target in known if not target.own}
    return {str(at): name for at, name in suggestions.suggest(sheet, known, labels).items()}


def _tidy(session: Session, created_by: str | None) -> None:
    """Deletes files that nobody imported, and rows that are needed no more."""
    drafts = select(Import.id).where(Import.started_at.is_(None))
    own = drafts.where(Import.created_by == created_by).order_by(Import.id.desc()).offset(DRAFTS - 1).limit(100)
    old = drafts.where(Import.created_at < utcnow() - KEPT)
    gone = [*session.scalars(own), *session.scalars(old)]
    session.execute(delete(Import).where(Import.id.in_(gone)).execution_options(synchronize_session=False))
    drop_ended_parts(session)


def drop_ended_parts(session: Session) -> None:
    """The rows of imports that were cancelled or failed, or whose job is there no more, are needed no more."""
    over = or_(Job.id.is_(None), Job.status.in_(("cancelled", "failed")))
    ended = select(Import.id).outerjoin(Job, Job.id == Import.job_id).where(Import.started_at.is_not(None), over)
    rows = delete(ImportPart).where(ImportPart.import_id.in_(ended))
    session.execute(rows.execution_options(synchronize_session=False))
