"""Starting an execution: one row in the caller's transaction. The caller commits, then wakes it."""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any, TypedDict, Unpack, cast

from sqlalchemy import Column, ColumnElement, Engine, Executable, Table, bindparam, literal_column, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session, make_transient_to_detached

from flowapp.catalog.entities import CONTACT
from flowapp.catalog.times import Notation, unstated
from flowapp.engine.language.conditions import Explanation, evaluate
from flowapp.engine.language.scope import Scope
from flowapp.engine.store import admission
from flowapp.engine.store.control import cancel
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.rows import OF_ORGANIZATION, Columns
from flowapp.exact_json import dump_json
from flowapp.models import TEST, Execution, Trigger, Version, Workflow, conventions_of, new_id, utcnow
from flowapp.models.driver import transaction
from flowapp.texts import parts, say

_executions = cast(Table, Execution.__table__)
Insert = sqlite.Insert | postgresql.Insert
_DEFAULTS = {column.key: getattr(column.default, "arg", None) for column in _executions.columns}


PAUSED = say("The workflow was paused, so this was kept and no step ran. Run it when the workflow is active again.")


class Given(TypedDict, total=False):
    """What starts an execution; the keyword arguments of `new_row`."""

    trigger_type: str
    trigger: Trigger | None
    input_data: object
    context: dict[str, object] | None
    idempotency_key: str | None
    entity: tuple[str, str]
    started_by: str | None
    contact_id: str | None


def new_row(
    workflow: Workflow,
    version: Version,
    *,
    trigger_type: str = "manual",
    trigger: Trigger | None = None,
    input_data: object = None,
    context: dict[str, object] | None = None,
    idempotency_key: str | None = None,
    entity: tuple[str, str] = ("", ""),
    started_by: str | None = None,
    contact_id: str | None = None,
    notation: Notation = unstated,
) -> dict[str, Any]:
    """The columns of a new execution: pending, or skipped where the workflow is paused or the trigger's conditions are not met.

    `notation` is the organization's, for dates in these conditions.
    """
    now = utcnow()
    met, reason = _met(trigger, version, input_data, context or {}, now.isoformat(timespec="seconds"), notation)
    paused = met and workflow.status == "paused" and trigger_type != TEST
    return {
        "id": new_id(),
        "organization_id": workflow.organization_id,
        "workflow_id": workflow.id,
        "version_id": version.id,
        "status": "pending" if met and not paused else "skipped",
        "trigger_id": trigger.id if trigger else None,
        "trigger_type": trigger.trigger_type if trigger else trigger_type,
        "trigger_entity_type": entity[0],
        "trigger_entity_id": entity[1],
        "input_data": input_data if input_data is not None else {},
        "context": {
            **(context or {}),
            **({} if met and not paused else {"skipped_because": str(PAUSED) if paused else reason}),
        },
        "state": {},
        "options": {},
        "idempotency_key": idempotency_key,
        "started_by": started_by,
        "rung_at": now,
        "created_at": now,
        "seq": 0 if met and not paused else 1,
        "completed_at": None if met and not paused else now,
        "contact_id": contact_id or (entity[1] if entity[0] == CONTACT else None),
        **({"error_message": str(PAUSED), "error_parts": parts(PAUSED)} if paused else {}),
    }


def start(
    session: Session,
    workflow: Workflow,
    version: Version,
    *,
    more: Columns | None = None,
    **given: Unpack[Given],
) -> tuple[Execution, bool]:
    """The new execution, pending, and True; or the first one with this idempotency key, and False.

    Where the trigger's conditions are not met, or the workflow's config says no, the execution is recorded as skipped.
    `entity` is (type, id) of what the trigger is about: with the type contact it is the contact. `more`: further columns.
    The row is written at once, so two callers with the same key cannot both be first. StorageFullError (engine.store.quota).
    """
    quotas.check(session, workflow.organization_id)
    row = {**new_row(workflow, version, **given, notation=partial(_locale, session)), **(more or {})}
    replaced = _check_in(session, row, row["created_at"]) if row["status"] == "pending" else []
    new = _insert(session, row)
    if new is None:
        return _first(session, workflow.id, row["idempotency_key"]), False
    for earlier in replaced:
        cancel(session, earlier, say("A later execution took its place (concurrency)."))
    return new, True


def _first(session: Session, workflow_id: str, idempotency_key: str | None) -> Execution:
    """The one that was there before, under the same key."""
    return session.scalars(select(Execution).filter_by(workflow_id=workflow_id, idempotency_key=idempotency_key)).one()


def _locale(session: Session) -> str:
    return conventions_of(session).locale


def _met(
    trigger: Trigger | None,
    version: Version,
    data: object,
    context: dict[str, object],
    now: str,
    notation: Notation,
) -> tuple[bool, list[Explanation]]:
    if trigger is None or not trigger.conditions:
        return True, []
    language = version.definition.get("language", 1)
    return evaluate(
        trigger.conditions, Scope(input=data, context=context, now=now, language=language, notation=notation)
    )


def _check_in(session: Session, row: dict[str, Any], now: datetime) -> list[Execution]:
    """What the workflow's config says about beginning now. Returns the executions that this one replaces.

    A test is not asked: it must not take the place of anything real.
    """
    if row["trigger_type"] == TEST:
        return []
    gate = admission.gate_of(session, row["version_id"])
    if gate is None or _known(session, row):
        return []
    return admission.check_in(session, row, gate, now)


def _known(session: Session, row: dict[str, Any]) -> bool:
    """Whether the idempotency key was used before: then nothing begins."""
    if row["idempotency_key"] is None:
        return False
    return bool(
        session.scalar(
            select(Execution.id).where(
                Execution.workflow_id == row["workflow_id"], Execution.idempotency_key == row["idempotency_key"]
            )
        )
    )


def _insert(session: Session, row: dict[str, Any]) -> Execution | None:
    """The row, if it was new. The unique key decides, in the database."""
    values = {**_DEFAULTS, **row}
    connection = session.connection()
    written = connection.execute(_statement(connection.dialect.name), values).first()
    if written is None:
        return None
    execution = Execution(**values)
    for name in OF_ORGANIZATION:
        setattr(execution, name, getattr(written, name))
    make_transient_to_detached(execution)
    session.add(execution)  # as if it had been read
    return execution


def insert_together(session: Session, rows: list[Columns]) -> list[Execution]:
    """Writes rows that `new_row` gave, those whose idempotency key is new, and returns them; they belong to no session."""
    if not rows:
        return []
    connection = session.connection()
    values = [{**_DEFAULTS, **row} for row in rows]
    if connection.dialect.name == "sqlite":
        once = _insert_into("sqlite").on_conflict_do_nothing(index_elements=["workflow_id", "idempotency_key"])
        written = connection.execute(once.returning(_executions.c.id), values).scalars()
    else:
        written = connection.execute(_from_json(), {"rows": dump_json([_plain(row) for row in values])}).scalars()
    new = set(map(str, written))
    # What is not set is None all the same, and an object of forty columns takes as long to make as its row to write.
    return [Execution(**{name: v for name, v in row.items() if v is not None}) for row in values if row["id"] in new]


@cache
def _from_json() -> Executable:
    """PostgreSQL reads all rows out of one parameter: forty columns of 500 rows as parameters of their own take it, and the
    driver, four times as long."""
    names = ", ".join(column.name for column in _executions.columns)
    return text(
        f"INSERT INTO executions ({names}) SELECT {names} "  # noqa: S608 - names of columns
        "FROM json_populate_recordset(NULL::executions, CAST(:rows AS json)) "
        "ON CONFLICT (workflow_id, idempotency_key) DO NOTHING RETURNING id"
    )


def _plain(row: Columns) -> dict[str, object]:
    """A row's values as JSON has them, under the names of the columns."""
    given = {column.name: row[column.key] for column in _executions.columns}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}


@cache
def _statement(dialect: str) -> Executable:
    return _once(_insert_into(dialect))


def _insert_into(dialect: str) -> Insert:
    """An INSERT that knows ON CONFLICT."""
    return sqlite.insert(_executions) if dialect == "sqlite" else postgresql.insert(_executions)


def _once(insert: Insert) -> Executable:
    """The first with its idempotency key is written; the others give no row. The row: id and OF_ORGANIZATION."""
    # In words: in RETURNING, SQLAlchemy would leave out the tables' names.
    of = "FROM organizations WHERE organizations.id = executions.organization_id"
    known = (text(f"(SELECT {name} {of}) AS {name}") for name in OF_ORGANIZATION)
    first = insert.on_conflict_do_nothing(index_elements=["workflow_id", "idempotency_key"])
    return first.returning(_executions.c.id, *known)


def start_where(
    engine: Engine, row: dict[str, Any], precondition: ColumnElement[bool], values: dict[str, Any]
) -> dict[str, Any] | None:
    """The hottest start of all, of a webhook that is known: one INSERT on the driver, of a row that `new_row` gave.

    Returns the row with what is known of its organization, committed. None, and nothing written, where the precondition (with the
    parameters `values`) does not hold, or the idempotency key was used before. Workflows that limit when an execution may begin are not
    started so.
    """
    statement = _direct_statement(engine.dialect, precondition, tuple(row))
    with transaction(engine, row["organization_id"], alone=True) as driver:
        written = driver.execute(statement, {**row, **values}).fetchall()
    return {**_DEFAULTS, **row, **dict(zip(OF_ORGANIZATION, written[0][1:], strict=True))} if written else None


@lru_cache(maxsize=20)
def _direct_statement(dialect: Dialect, precondition: ColumnElement[bool], given: tuple[str, ...]) -> Any:
    """The columns `given` are parameters; of the others those that have a default are written out."""
    columns = [column for column in _executions.columns if column.key in given or _DEFAULTS[column.key] is not None]
    values = [
        bindparam(column.key, type_=column.type) if column.key in given else _written_out(column, dialect)
        for column in columns
    ]
    rows = select(*values).where(precondition)
    insert = _insert_into(dialect.name).from_select(columns, rows, include_defaults=False)
    return _once(insert)


def _written_out(column: Column[Any], dialect: Dialect) -> ColumnElement[Any]:
    """A column's default as it stands in SQL."""
    write: Any = column.type.dialect_impl(dialect).literal_processor(dialect)
    return literal_column(write(_DEFAULTS[column.key]), column.type)
