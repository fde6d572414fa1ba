"""May an execution begin now? Re-entry of a contact, debounce, and places (concurrency) of a workflow.

Asked in the transaction that writes the execution's row, with the workflow locked: whoever starts at the same time
waits. A held execution is admitted when a place is free: by whoever ends one, and in any case by the scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from sys import maxsize
from typing import Any, cast

from sqlalchemy import Table, func, select, update
from sqlalchemy.orm import Session

from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.scope import Scope
from flowapp.engine.language.workflow_config import stored_config
from flowapp.engine.store.timers import WakeUp
from flowapp.errors import FlowError
from flowapp.models import IS_HELD, OPEN, Execution, Version, Workflow, conventions_of
from flowapp.texts import parts, say

AT_ONCE = 200
REPLACED = say("A later start took its place (debounce).")
Row = dict[str, Any]

_workflows = cast(Table, Workflow.__table__)
_executions = cast(Table, Execution.__table__)
_e = _executions.c


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version's config says about beginning (engine.language.workflow_config)."""

    concurrency: int | None
    concurrency_key: str
    concurrency_policy: str
    debounce_key: str
    debounce_seconds: int
    reentry: str


def gate_of(session: Session, version_id: str) -> Gate | None:
    """The gate of a version; None where it lets everything through. Versions never change, so it is read once."""
    known = _gates()
    if version_id not in known:
        if len(known) > 10_000:
            known.clear()
        definition = session.scalar(select(Version.definition).where(Version.id == version_id))
        known[version_id] = _read(definition or {})
    return known[version_id]


def gate_now(session: Session, workflow_id: str, version_id: str) -> Gate | None:
    """The gate as it is now: that of the published version, whichever an execution began with; else that of `version_id`."""
    published = session.scalar(select(Workflow.published_version_id).where(Workflow.id == workflow_id))
    return gate_of(session, published or version_id)


@lru_cache(1)
def _gates() -> dict[str, Gate | None]:
    return {}


def _read(definition: Mapping[str, object]) -> Gate | None:
    config = stored_config(definition)
    gate = Gate(**{field.name: getattr(config, field.name) for field in fields(Gate)})
    open_gate = gate.concurrency is None and not gate.debounce_seconds and gate.reentry == "always"
    return None if open_gate else gate


def check_in(session: Session, row: Row, gate: Gate, now: datetime) -> list[Execution]:
    """Lets a new execution's row through, holds it, delays it or has it skipped. Returns executions to cancel for it."""
    _lock(session, row["workflow_id"])
    reason = _reentered(session, row, gate, now)
    if reason:
        skip(row, reason, now)
        return []
    scope = Scope(
        input=row["input_data"], context=row["context"], now=now.isoformat(timespec="seconds"),
        notation=lambda: conventions_of(session).locale,
    )  # fmt: skip
    if gate.debounce_seconds and not (row.get("options") or {}).get("parent"):  # whose parent would wait in vain
        _debounce(session, row, gate, scope, now)
    if gate.concurrency is None:
        return []
    row["concurrency_key"] = _key(gate.concurrency_key, scope)
    taken = session.scalars(_places(row["workflow_id"], row["concurrency_key"]).order_by(Execution.id)).all()
    if len(taken) < gate.concurrency and not (gate.concurrency_policy == "queue" and _others_wait(session, row)):
        return []
    if gate.concurrency_policy == "drop":
        skip(row, say("Another execution is under way, and this workflow drops what comes meanwhile."), now)
    elif gate.concurrency_policy == "replace":
        return list(taken[: len(taken) - gate.concurrency + 1])
    else:
        row["held"] = True
    return []


def _others_wait(session: Session, row: Row) -> bool:
    """Whether somebody is held who came before: a place that is free is theirs."""
    held = select(_e.id).where(
        _e.workflow_id == row["workflow_id"], _e.concurrency_key == row["concurrency_key"], IS_HELD
    )
    return session.execute(held.limit(1)).first() is not None


def skip(row: Row, reason: str, now: datetime) -> None:
    """The execution is recorded, and does not run."""
    row.update(status="skipped", completed_at=now, seq=1, error_message=str(reason), error_parts=parts(reason))
    row["context"] = {**row["context"], "skipped_because": str(reason)}


def _key(template: str, scope: Scope) -> str:
    """The value of a key; what is missing counts as empty, so that a wrong key never loses an execution."""
    try:
        value = compile_value(template).evaluate(scope, lenient=True)
    except FlowError:
        return ""
    return str(value or "")[:200]


def _reentered(session: Session, row: Row, gate: Gate, now: datetime) -> str:
    if gate.reentry == "always" or not row["contact_id"]:
        return ""
    earlier = select(_e.id).where(
        _e.contact_id == row["contact_id"],
        _e.workflow_id == row["workflow_id"],
        _e.organization_id == row["organization_id"],
        _e.status != "skipped",
    )
    if gate.reentry == "not_while_active":
        earlier = earlier.where(_e.status.in_(OPEN))
        reason = say("This contact is in the workflow already.")
    elif gate.reentry == "once":
        reason = say("This contact has been through the workflow, and may enter once only.")
    else:
        days = int(gate.reentry.removeprefix("after_").removesuffix("_days"))
        earlier = earlier.where(_e.created_at > now - timedelta(days=days))
        reason = say("This contact entered the workflow less than %(days)s days ago.", days=days)
    return reason if session.execute(earlier.limit(1)).first() else ""


def _debounce(session: Session, row: Row, gate: Gate, scope: Scope, now: datetime) -> None:
    """Takes the place of those that still wait with the same key."""
    row["debounce_key"] = _key(gate.debounce_key, scope)
    row["start_after"] = now + timedelta(seconds=gate.debounce_seconds)
    session.execute(
        update(_executions)
        .where(
            _e.debounce_key == row["debounce_key"],
            _e.workflow_id == row["workflow_id"],
            _e.organization_id == row["organization_id"],
            _e.status == "pending",
            _e.start_after > now,
        )
        .values(status="skipped", completed_at=now, seq=1, error_message=str(REPLACED), error_parts=parts(REPLACED))
    )


def _lock(session: Session, workflow_id: str) -> None:
    """Others who count the places of this workflow wait until this transaction ends."""
    session.execute(
        update(_workflows)
        .where(_workflows.c.id == workflow_id)
        .values(status=_workflows.c.status, updated_at=_workflows.c.updated_at)  # else it would count as a change
    )


def _places(workflow_id: str, key: str) -> Any:
    return select(Execution).where(
        Execution.concurrency_key == key,
        Execution.workflow_id == workflow_id,
        Execution.status.in_(OPEN),
        Execution.held.is_(False),
    )


def release(session: Session, workflow_id: str, now: datetime, key: str | None = None) -> list[WakeUp]:
    """Admits the oldest held executions of a workflow where places are free: those of `key`, None: of every key.

    The caller commits, then wakes them.
    """
    _lock(session, workflow_id)
    keys = _keys_with_room(session, workflow_id) if key is None else [key]
    admitted = [wake_up for one in keys for wake_up in _admitted(session, workflow_id, one)]
    if admitted:
        session.execute(
            update(_executions).where(_e.id.in_([wake_up[0] for wake_up in admitted])).values(held=False, rung_at=now)
        )
    return admitted


def _keys_with_room(session: Session, workflow_id: str) -> list[str]:
    """Keys of which executions are held though places are free: only where somebody died before releasing them."""
    held = session.execute(
        select(_e.concurrency_key, _e.version_id).where(_e.workflow_id == workflow_id, IS_HELD).distinct()
    )
    limits = {row.concurrency_key: _limit(session, workflow_id, row.version_id) for row in held}
    counts = session.execute(
        select(_e.concurrency_key, func.count())
        .where(_e.workflow_id == workflow_id, _e.concurrency_key.is_not(None), _e.status.in_(OPEN), _e.held.is_(False))
        .group_by(_e.concurrency_key)
    )
    taken = {row[0]: row[1] for row in counts}
    return [key for key, limit in limits.items() if taken.get(key, 0) < limit][:AT_ONCE]


def _admitted(session: Session, workflow_id: str, key: str) -> list[WakeUp]:
    held = session.execute(
        select(_e.id, _e.organization_id, _e.version_id)
        .where(_e.workflow_id == workflow_id, _e.concurrency_key == key, IS_HELD)
        .order_by(_e.id)
        .limit(AT_ONCE)
    ).all()
    if not held:
        return []
    taken = session.scalar(select(func.count()).select_from(_places(workflow_id, key).subquery())) or 0
    free = max(0, _limit(session, workflow_id, held[0].version_id) - taken)
    return [(row.id, row.organization_id) for row in held[:free]]


def _limit(session: Session, workflow_id: str, version_id: str) -> int:
    gate = gate_now(session, workflow_id, version_id)
    return gate.concurrency if gate and gate.concurrency else maxsize


def with_held(session: Session) -> list[str]:
    """Workflows, of any organization, that hold executions back: the scheduler's question."""
    return list(session.scalars(select(_e.workflow_id).where(IS_HELD).distinct().limit(AT_ONCE)))
