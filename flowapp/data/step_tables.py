"""What a step may do with the project's data tables: catalog.Tables over a session. Every fault is a StepError."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from flowapp.catalog import Found, Saved
from flowapp.data import records, tables
from flowapp.data.columns import SYSTEM_COLUMNS, Column, plain
from flowapp.data.names import suggestion
from flowapp.data.record_facts import batches
from flowapp.data.sql import queries
from flowapp.data.sql.result_size import MAX_BYTES, size_of, too_large
from flowapp.errors import InvalidError, NotFoundError, StepError
from flowapp.events import SYSTEM, Cause
from flowapp.models import DataTable, conventions_of
from flowapp.texts import say
from flowapp.values.conventions import Conventions

MAX_ROWS = 10_000
_PORTION = 50  # records that a query takes from the database at once
MODES = ("insert", "update", "upsert")
P = ParamSpec("P")
T = TypeVar("T")


def for_steps(function: Callable[P, T]) -> Callable[P, T]:
    """Faults of the data or of the definition fail the step for good: trying again cannot help."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except InvalidError as error:
            details = {"problems": [problem.as_json() for problem in error.problems]}
            raise StepError(error.message, permanent=True, details=details) from None
        except NotFoundError as error:
            raise StepError(error.message, permanent=True) from None

    return call


class ProjectTables:
    """The data tables of one project, for one visit of a step: the same insert under its `idempotency_key`, called again,
    returns the first rows. Commits are the caller's."""

    def __init__(self, session: Session, project_id: str, idempotency_key: str, cause: Cause = SYSTEM) -> None:
        self._session, self._project_id, self._key, self._cause = session, project_id, idempotency_key, cause

    @for_steps
    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        """Writes rows (column -> value) and returns the stored records.

        `match` names the columns that identify a record: of an update without it the id, of an upsert the unique
        columns. StepError (permanent) names the table, column or value that is wrong; then nothing is written.
        """
        if mode not in MODES:
            raise StepError(
                say("The mode must be %(modes)s, not “%(mode)s”.", modes=", ".join(MODES), mode=mode), permanent=True
            )
        if len(rows) > MAX_ROWS:
            raise StepError(
                say(
                    "At most %(most)s rows can be saved at once; there are %(count)s.",
                    most=MAX_ROWS,
                    count=len(rows),
                ),
                permanent=True,
            )
        writer = _Writer(
            self._session, tables.find_table(self._session, self._project_id, table), self._key, self._cause
        )
        with self._session.begin_nested():
            return writer.insert(rows) if mode == "insert" else writer.change(rows, match, create=mode == "upsert")

    @for_steps
    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found:
        """The rows of a read-only SELECT in PostgreSQL's dialect over the project's tables (data.sql.queries)."""
        mine = self._session.scalars(sa.select(DataTable).where(DataTable.project_id == self._project_id)).all()
        rows = queries.run(self._session, mine, sql, params, limit=limit)
        is_all = len(rows) < min(limit, MAX_ROWS)
        return Found(rows, len(rows) if is_all else queries.count(self._session, mine, sql, params))

    @for_steps
    def select(
        self,
        table: str,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] = (),
        order_by: str = "",
        descending: bool = False,
        limit: int = 100,
    ) -> Found:
        """Records whose columns have the values of `where` (a list: one of them; None: empty)."""
        data_table = tables.find_table(self._session, self._project_id, table)
        physical, conventions = tables.sql_table(data_table), conventions_of(self._session)
        _refuse_unknown(data_table, [*(where or {}), *columns, *([order_by] if order_by else [])])
        wanted = list(columns) or ["id", *(c.key for c in tables.columns_of(data_table)), "created_at", "updated_at"]
        cell = physical.c[order_by or "id"]
        matches = [_equals(data_table, physical, name, value, conventions) for name, value in (where or {}).items()]
        most = max(0, min(limit, MAX_ROWS))
        query = (
            sa.select(*(physical.c[name] for name in wanted))
            .order_by(sa.nulls_last(cell.desc() if descending else cell.asc()), physical.c.id)
            .limit(most)
        ).where(*matches)
        rows, size = list[dict[str, object]](), 0
        # In portions, because even a hundred records may be more than a process should hold.
        with self._session.execute(query.execution_options(yield_per=_PORTION)) as result:
            for row in result.mappings():
                size += size_of(row.values())
                if size > MAX_BYTES:
                    raise too_large()
                rows.append(_as_json(row))
        counted = sa.select(sa.func.count()).select_from(physical).where(*matches)
        return Found(rows, len(rows) if len(rows) < most else self._session.scalar(counted) or 0)


class _Writer:
    def __init__(self, session: Session, table: DataTable, key: str, cause: Cause) -> None:
        self.session, self.table, self.key, self.cause = session, table, key, cause
        self.columns = tables.columns_of(table)
        self.physical = tables.sql_table(table)
        self.conventions = conventions_of(session)

    def insert(self, rows: Sequence[Mapping[str, object]]) -> Saved:
        """Inserts what an earlier call with the same key has not inserted yet."""
        sources = [f"{self.key}:{at}" for at in range(len(rows))]
        before = self._by_source(sources)
        missing = [at for at, source in enumerate(sources) if source not in before]
        fresh = [self._coerced(rows[at], at if len(rows) > 1 else None) for at in missing]
        records.refuse_doubles(self.session, self.table, fresh)
        made = records.insert(self.session, self.table, fresh, [sources[at] for at in missing], cause=self.cause)
        ids = {**before, **{sources[at]: made[n] for n, at in enumerate(missing)}}
        return Saved(self._stored([ids[source] for source in sources]), len(rows), 0)

    def change(self, rows: Sequence[Mapping[str, object]], match: Sequence[str], *, create: bool) -> Saved:
        """Updates the records that match each row; `create` inserts a row that matches none."""
        touched: list[str] = []
        created = updated = 0
        for at, row in enumerate(rows):
            row_index = at if len(rows) > 1 else None
            keys = list(match) or self._identity(row, create=create)
            _refuse_unknown(self.table, [*keys, *row])
            missing = [key for key in keys if row.get(key) in (None, "")]
            if missing:
                raise InvalidError.at(missing[0], say("This column identifies the record, so it needs a value."))
            ids = self._matching(row, keys)
            if ids:
                values = self._coerced({k: v for k, v in row.items() if k not in keys}, row_index, partial=True)
                if len(ids) == 1:
                    records.refuse_doubles(self.session, self.table, [values], own=ids)
                records.write(self.session, self.table, ids, values, cause=self.cause)
                updated += len(ids)
            elif create:
                saved = _Writer(self.session, self.table, f"{self.key}:{at}", self.cause).insert([row])
                ids, created = [str(saved.records[0]["id"])], created + 1
            touched += ids
        return Saved(self._stored(list(dict.fromkeys(touched))), created, updated)

    def _identity(self, row: Mapping[str, object], *, create: bool) -> list[str]:
        if row.get("id") and not create:
            return ["id"]
        unique = [column.key for column in self.columns if column.unique and row.get(column.key) not in (None, "")]
        if not unique:
            raise InvalidError.at("match", say("Say which columns identify a record: no unique column is in the data."))
        return unique[:1]

    def _matching(self, row: Mapping[str, object], keys: Sequence[str]) -> list[str]:
        where = [_equals(self.table, self.physical, key, row[key], self.conventions) for key in keys]
        return list(self.session.scalars(sa.select(self.physical.c.id).where(*where).order_by(self.physical.c.id)))

    def _coerced(self, row: Mapping[str, object], at: int | None, *, partial: bool = False) -> dict[str, object]:
        _refuse_unknown(self.table, [key for key in row if partial or key != "id"])
        try:
            return records.coerce(self.columns, row, self.conventions, partial=partial)
        except InvalidError as error:
            if at is None:
                raise
            problems = [type(p)(f"{at}.{p.path}", p.message, code=p.code) for p in error.problems]
            raise InvalidError(problems) from None

    def _by_source(self, sources: Sequence[str]) -> dict[str, str]:
        source, record_id = self.physical.c.source_key, self.physical.c.id
        return {
            known: row_id
            for batch in batches(sources)
            for known, row_id in self.session.execute(sa.select(source, record_id).where(source.in_(batch)))
        }

    def _stored(self, ids: Sequence[str]) -> list[dict[str, object]]:
        shown = ["id", *(column.key for column in self.columns), "created_at", "updated_at"]
        stored: dict[str, dict[str, object]] = {}
        for batch in batches(ids):
            query = sa.select(*(self.physical.c[name] for name in shown)).where(self.physical.c.id.in_(batch))
            stored.update({row["id"]: _as_json(row) for row in self.session.execute(query).mappings()})
        return [stored[record_id] for record_id in ids if record_id in stored]


def _as_json(row: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): plain(value) for name, value in row.items()}


def _refuse_unknown(table: DataTable, names: Sequence[str]) -> None:
    known = [*(column.key for column in tables.columns_of(table)), *SYSTEM_COLUMNS]
    for name in names:
        if name not in known:
            hint = suggestion(name, known)
            raise StepError(
                say(
                    "The data table “%(slug)s” has no column “%(name)s”.%(hint)s", slug=table.slug, name=name, hint=hint
                ),
                permanent=True,
            )


def _equals(
    table: DataTable, physical: sa.Table, name: str, value: object, conventions: Conventions
) -> sa.ColumnElement[bool]:
    own = {"created_at": "datetime", "updated_at": "datetime"}
    known = {column.key: column for column in tables.columns_of(table)}
    column = known.get(name) or Column(name, name, own.get(name, "text"))
    reader = Column(name, name, column.type, options=column.options)
    values = [
        records.identity_of(column, records.coerce([reader], {name: entry}, conventions)[name])
        for entry in (value if isinstance(value, list) else [value])
    ]
    cell = tables.identity(physical.c[name], column.type)
    return cell.in_(values) if isinstance(value, list) else cell.is_(None) if values[0] is None else cell == values[0]
