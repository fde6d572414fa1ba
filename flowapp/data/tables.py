"""Data tables: what a user defines, and the real SQL table behind it. DDL runs in the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DropIndex, DropTable

from flowapp.data import names
from flowapp.data.columns import LABELS, SQL_TYPES, SYSTEM_COLUMNS, WRITTEN, Column
from flowapp.errors import InvalidError, NotFoundError, Problem
from flowapp.models import DataTable
from flowapp.models.base import UtcDateTime
from flowapp.models.folding import same
from flowapp.texts import join, say
from flowapp.values.conventions import checked_locale
from flowapp.workflows import projects

MAX_COLUMNS = 100
MAX_KEY = 40
# Ours, and the names that SQLite and PostgreSQL keep for themselves in every table.
RESERVED = frozenset(
    {*SYSTEM_COLUMNS, "source_key", "organization_id", "rowid", "oid", "_rowid_", "ctid", "xmin", "xmax", "cmin", "cmax",
     "tableoid"}
)  # fmt: skip
# In a sub-select PostgreSQL reads the setting once for each statement.
_MINE = (
    "(SELECT current_setting('flowapp.organization', true) = 'system') "
    "OR organization_id = (SELECT current_setting('flowapp.organization', true))"
)


def columns_of(table: DataTable) -> list[Column]:
    """The user's columns, in order."""
    return [Column.read(stored) for stored in table.columns]


def sql_table(table: DataTable) -> sa.Table:
    """The physical table, for SQLAlchemy Core."""
    return sa.Table(
        table.physical_name,
        sa.MetaData(),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("organization_id", sa.String(36), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False, index=False),
        sa.Column("source_key", sa.String(255), unique=True),
        *(sa.Column(column.key, SQL_TYPES[column.type]) for column in columns_of(table)),
    )


def find_table(session: Session, project_id: str, name: str) -> DataTable:
    """The project's table called `name` (slug, name or id). NotFoundError suggests the nearest."""
    rows = session.scalars(sa.select(DataTable).where(DataTable.project_id == project_id)).all()
    table = names.find(rows, name)
    if isinstance(table, DataTable):
        return table
    hint = names.suggestion(name, [row.slug for row in rows])
    raise NotFoundError(join("", [say("There is no data table “%(name)s” in this project.", name=name), hint]))


def get(session: Session, table_id: str) -> DataTable:
    """NotFoundError for an unknown id, or another organization's."""
    table = session.scalars(sa.select(DataTable).where(DataTable.id == table_id)).one_or_none()
    if table is None:
        raise NotFoundError(say("This data table does not exist, or was deleted."))
    return table


def create(session: Session, body: Mapping[str, Any], *, project_id: str | None = None) -> DataTable:
    """A new table from {"name", "description", "columns": [{"label", "key", "type", …}]}. InvalidError by path."""
    problems, columns = _read_columns(body.get("columns") or [])
    name, faults = _read_name(body)
    project_id = project_id or projects.default_project(session).id
    taken = sa.select(DataTable.name).where(DataTable.project_id == project_id, same(DataTable.name, name))
    if session.scalars(taken.limit(1)).first():
        faults.append(
            Problem("name", say("A data table with this name already exists: use it, or choose another name."))
        )
    if problems + faults:
        raise InvalidError(faults + problems)
    table = DataTable(
        project_id=project_id,
        name=name,
        slug=projects.free_slug(session, DataTable, project_id, name),
        description=str(body.get("description") or "").strip()[:2000],
        physical_name=f"ud_{secrets.token_hex(8)}",
        columns=[column.as_json() for column in columns],
    )
    session.add(table)
    session.flush()
    build(session, table)
    return table


def build(session: Session, table: DataTable) -> sa.Table:
    """Makes the physical table of one that is defined."""
    physical = sql_table(table)
    _run(session, CreateTable(physical))
    for column in columns_of(table):
        if column.unique:
            _run(session, CreateIndex(_unique_index(physical, column)))
    _protect(session, physical)
    return physical


def _protect(session: Session, physical: sa.Table) -> None:
    """Row-level security as on our own tables: also raw SQL sees one organization's rows only."""
    if session.get_bind().dialect.name != "postgresql":
        return
    name = _quoted(session, physical.name)
    connection = session.connection()
    connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    connection.exec_driver_sql(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    connection.exec_driver_sql(f"CREATE POLICY tenant ON {name} USING ({_MINE}) WITH CHECK ({_MINE})")


def update(session: Session, table: DataTable, body: Mapping[str, object]) -> DataTable:
    """Renames or describes a table. Its slug stays, because workflows call it by that."""
    name, faults = _read_name(body)
    if faults:
        raise InvalidError(faults)
    table.name, table.description = name, str(body.get("description") or "").strip()[:2000]
    session.flush()
    return table


def delete(session: Session, table: DataTable) -> None:
    """Deletes a table with all its records."""
    _run(session, DropTable(sql_table(table)))
    session.delete(table)
    session.flush()


def add_column(session: Session, table: DataTable, body: Mapping[str, object]) -> Column:
    """A new, empty column. InvalidError by field."""
    existing = columns_of(table)
    problems, read = _read_columns([body], taken=[column.key for column in existing])
    if len(existing) >= MAX_COLUMNS:
        problems.append(
            Problem("columns.0.label", say("A table can have at most %(limit)s columns.", limit=MAX_COLUMNS))
        )
    if problems:
        raise InvalidError([Problem(p.path.removeprefix("columns.0."), p.message) for p in problems])
    column = read[0]
    type_ = CreateColumn(sa.Column(column.key, SQL_TYPES[column.type])).compile(dialect=session.get_bind().dialect)
    _alter(session, table, f"ADD COLUMN {type_}")
    _store(session, table, [*existing, column])
    if column.unique:
        _run(session, CreateIndex(_unique_index(sql_table(table), column)))
    return column


def change_column(session: Session, table: DataTable, key: str, body: Mapping[str, object]) -> Column:
    """Renames a column (label, key), makes it required or unique, changes a choice's options or the locale. The type stays."""
    existing = columns_of(table)
    old = _column(table, key)
    others = [column.key for column in existing if column.key != key]
    wanted = {"key": key, **body, "type": old.type}
    problems, read = _read_columns([wanted], taken=others)
    if problems:
        raise InvalidError([Problem(p.path.removeprefix("columns.0."), p.message) for p in problems])
    new = read[0]
    if new.unique and not old.unique:
        _refuse_doubles(session, table, key)
    before = sql_table(table)
    if old.unique:
        _run(session, DropIndex(_unique_index(before, old)))
    if new.key != key:
        _alter(session, table, f"RENAME COLUMN {_quoted(session, key)} TO {_quoted(session, new.key)}")
    _store(session, table, [new if column.key == key else column for column in existing])
    if new.unique:
        _run(session, CreateIndex(_unique_index(sql_table(table), new)))
    return new


def remove_column(session: Session, table: DataTable, key: str) -> None:
    """Removes a column with what it holds."""
    column = _column(table, key)
    existing = columns_of(table)
    if len(existing) == 1:
        raise InvalidError.at("columns", say("A table needs at least one column. Delete the table instead."))
    if column.unique:
        _run(session, DropIndex(_unique_index(sql_table(table), column)))
    _alter(session, table, f"DROP COLUMN {_quoted(session, key)}")
    _store(session, table, [other for other in existing if other.key != key])


def _column(table: DataTable, key: str) -> Column:
    for column in columns_of(table):
        if column.key == key:
            return column
    raise NotFoundError(say("The table has no column “%(key)s”.", key=key))


def _store(session: Session, table: DataTable, columns: Sequence[Column]) -> None:
    table.columns = [column.as_json() for column in columns]
    session.flush()


def _refuse_doubles(session: Session, table: DataTable, key: str) -> None:
    cell = sql_table(table).c[key]
    value = identity(cell, _column(table, key).type)
    double = session.execute(
        sa.select(sa.func.min(cell)).where(cell.is_not(None)).group_by(value).having(sa.func.count() > 1).limit(1)
    ).first()
    if double:
        message = say("“%(value)s” occurs more than once. Make the values unique first.", value=double[0])
        raise InvalidError.at("unique", message)


def _unique_index(physical: sa.Table, column: Column) -> sa.Index:
    """Of addresses without regard to case: ann@ and ANN@ are one, as records.doubles says in words."""
    name = f"ux_{physical.name.removeprefix('ud_')}_{column.key}"
    return sa.Index(name, identity(physical.c[column.key], column.type), unique=True)


def identity(cell: sa.ColumnElement[Any], type_: str) -> sa.ColumnElement[Any]:
    """What tells a value of a column from the others, as values.text.address_key has it; the unique index is on this."""
    return sa.func.lower(cell) if type_ == "email" else cell


def _alter(session: Session, table: DataTable, change: str) -> None:
    session.flush()
    session.connection().exec_driver_sql(f"ALTER TABLE {_quoted(session, table.physical_name)} {change}")


def _run(session: Session, statement: sa.schema.DDLElement) -> None:
    session.connection().execute(statement)


def _quoted(session: Session, name: str) -> str:
    return session.get_bind().dialect.identifier_preparer.quote(name)


def _read_name(body: Mapping[str, object]) -> tuple[str, list[Problem]]:
    name = str(body.get("name") or "").strip()
    if not name:
        return "", [Problem("name", say("Give the table a name."))]
    if len(name) > 200 or "\x00" in name:
        return "", [Problem("name", say("Enter at most %(limit)s characters.", limit=200))]
    return name, []


def _read_columns(rows: Sequence[Mapping[str, Any]], taken: Sequence[str] = ()) -> tuple[list[Problem], list[Column]]:
    problems: list[Problem] = []
    columns: list[Column] = []
    if not rows:
        problems.append(Problem("columns", say("Add at least one column.")))
    if len(rows) > MAX_COLUMNS:
        problems.append(Problem("columns", say("A table can have at most %(limit)s columns.", limit=MAX_COLUMNS)))
    for at, row in enumerate(rows[:MAX_COLUMNS]):
        used = {*taken, *(column.key for column in columns)}
        try:
            columns.append(_read_column(row, used))
        except InvalidError as error:
            problems += [Problem(f"columns.{at}.{p.path}", p.message) for p in error.problems]
    return problems, columns


def _read_column(row: Mapping[str, object], used: set[str]) -> Column:
    label, type_ = str(row.get("label") or row.get("key") or "").strip(), str(row.get("type") or "text")
    problems = []
    if not label or len(label) > 200 or "\x00" in label:
        problems.append(Problem("label", say("Give the column a name of at most 200 characters.")))
    if type_ not in LABELS:
        problems.append(Problem("type", say("Choose one of: %(options)s.", options=", ".join(LABELS))))
    options = _options(row.get("options"))
    if type_ == "choice" and not options:
        problems.append(Problem("options", say("Enter the choices, one per line.")))
    unique = bool(row.get("unique"))
    if unique and type_ in ("json", "long_text", "boolean"):
        problems.append(Problem("unique", say("A column of this type cannot be unique.")))
    key, locale = _key(row, label, used, problems), ""
    try:
        locale = checked_locale(row.get("locale")) if type_ in WRITTEN else ""
    except InvalidError as error:
        problems += error.problems
    if problems:
        raise InvalidError(problems)
    choices = options if type_ == "choice" else ()
    return Column(key, label, type_, bool(row.get("required")), unique, choices, locale)


def _key(row: Mapping[str, object], label: str, used: set[str], problems: list[Problem]) -> str:
    """The key that was asked for, which must be free; else one made of the label."""
    asked = str(row.get("key") or "").strip()
    if not asked:
        return projects.free(projects.slugify(label, MAX_KEY, "column"), used | RESERVED, MAX_KEY)
    key = projects.slugify(asked, MAX_KEY, "column")
    if key in RESERVED:
        problems.append(
            Problem("key", say("Every table already has a column “%(key)s”: choose another name.", key=key))
        )
    elif key in used:
        problems.append(Problem("key", say("There is already a column “%(key)s”.", key=key)))
    return key


def _options(given: Any) -> tuple[str, ...]:
    """One a line: a choice may hold a comma."""
    parts = given.splitlines() if isinstance(given, str) else list(given or ())
    return tuple(dict.fromkeys(text for part in parts if (text := str(part).strip())))
