"""Starting an execution: one row in the caller's transaction. The caller commits, then rings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, bindparam, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, make_transient_to_detached

from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.scope import Scope
from flowapp.engine.store import admission
from flowapp.engine.store.control import cancel
from flowapp.engine.store.quota import quotas
from flowapp.errors import StaleError
from flowapp.models import TEST, Execution, Trigger, Version, Workflow, new_id, utcnow

_executions = cast(Table, Execution.__table__)
_DEFAULTS = {column.key: getattr(column.default, "arg", None) for column in _executions.columns}


@dataclass(frozen=True, slots=True)
class Still:
    """What must hold for an execution to start: a condition on other tables, and the values of its parameters."""

    condition: ColumnElement[bool]
    values: dict[str, Any]


def start(
    session: Session,
    workflow: Workflow,
    version: Version,
    *,
    trigger_type: str = "manual",
    trigger: Trigger | None = None,
    input_data: Any = None,
    context: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
    entity: tuple[str, str] = ("", ""),
    started_by: str | None = None,
    contact_id: str | None = None,
    more: dict[str, Any] | None = None,
    still: Still | None = None,
) -> tuple[Execution, bool]:
    """The new execution, pending, and True; or the first one with this idempotency key, and False.

    Where the trigger's conditions are not met, or the workflow's config says no, the execution is recorded as skipped.
    `entity` is (type, id) of what the trigger is about: with the type contact it is the contact. `more`: further columns.
    The row is written at once, so two callers with the same key cannot both be first. With `still` it is written only
    where that holds, in the same statement; StaleError where not, and where the idempotency key was used. StorageFullError (engine.store.quota).
    """
    quotas.check(session, workflow.organization_id)
    now = utcnow()
    met, why = _met(trigger, input_data, context or {}, now.isoformat(timespec="seconds"))
    row = {
        "id": new_id(),
        "organization_id": workflow.organization_id,
        "workflow_id": workflow.id,
        "version_id": version.id,
        "status": "pending" if met else "skipped",
        "trigger_id": trigger.id if trigger else None,
        "trigger_type": trigger.trigger_type if trigger else trigger_type,
        "trigger_entity_type": entity[0],
        "trigger_entity_id": entity[1],
        "input_data": input_data if input_data is not None else {},
        "context": {**(context or {}), **({} if met else {"skipped_because": why})},
        "state": {},
        "options": {},
        "idempotency_key": idempotency_key,
        "started_by": started_by,
        "rung_at": now,
        "created_at": now,
        "seq": 0 if met else 1,
        "completed_at": None if met else now,
        "contact_id": contact_id or (entity[1] if entity[0] == "contact" else None),
        **(more or {}),
    }
    replaced = _check_in(session, row, now) if met else []
    new = _insert(session, row, still)
    if new is None and still:
        raise StaleError("What starts the workflow has changed.")
    if new is not None:
        for earlier in replaced:
            cancel(session, earlier, "A later execution took its place (concurrency).")
        return new, True
    return _first(session, workflow.id, idempotency_key), False


def _first(session: Session, workflow_id: str, idempotency_key: str | None) -> Execution:
    """The one that was there before, under the same key."""
    mine = (Execution.workflow_id == workflow_id, Execution.idempotency_key == idempotency_key)
    return session.scalars(select(Execution).where(*mine)).one()


def _met(trigger: Trigger | None, data: Any, context: dict[str, Any], now: str) -> tuple[bool, list[dict[str, Any]]]:
    if trigger is None or not trigger.conditions:
        return True, []
    return evaluate(trigger.conditions, Scope(input=data, context=context, now=now))


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


def _insert(session: Session, row: dict[str, Any], still: Still | None) -> Execution | None:
    """The row, if it was new. The unique key decides, in the database."""
    values = {**_DEFAULTS, **row}
    connection = session.connection()
    statement = _statement(connection.dialect.name, still.condition if still else None)
    written = connection.execute(statement, {**values, **still.values} if still else values).first()
    if written is None:
        return None
    execution = Execution(**values)
    execution.timezone = written.timezone
    make_transient_to_detached(execution)
    session.add(execution)  # as if it had been read
    return execution


@cache
def _statement(dialect: str, condition: ColumnElement[bool] | None) -> Any:
    """Made once: the webhook's way to 202 is the application's hottest."""
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(_executions)
    if condition is not None:
        values = [bindparam(column.key, type_=column.type) for column in _executions.columns]
        insert = insert.from_select(list(_executions.columns), select(*values).where(condition), include_defaults=False)
    once = insert.on_conflict_do_nothing(index_elements=["workflow_id", "idempotency_key"])
    # In words: in RETURNING, SQLAlchemy would leave out the tables' names.
    zone = text("(SELECT timezone FROM organizations WHERE organizations.id = executions.organization_id) AS timezone")
    return once.returning(_executions.c.id, zone)
