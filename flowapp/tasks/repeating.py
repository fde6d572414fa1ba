"""Running executions again in the background: one from its failed step, or many, batch by batch."""

from __future__ import annotations

from typing import Any

import redis
from sqlalchemy import update
from sqlalchemy.orm import Session

from flowapp.engine.store.rerun import repeat
from flowapp.errors import ConflictError, StorageFullError
from flowapp.executions import history, replays
from flowapp.logs import get_logger
from flowapp.models import Execution, Replay, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

log = get_logger(__name__)
BATCH = 50  # executions of one transaction
_OPEN = ("pending", "running")


def retry_failed_step(execution_id: str, organization_id: str) -> str:
    """Runs a failed execution again from its failed step, on its own version. Returns the new one's id.

    NotFoundError where there is no such execution, ConflictError where it cannot go on from there.
    """
    with tenant_session(runtime().engine, organization_id) as session:
        new = repeat(session, history.get(session, execution_id), from_step="failed")
        commit_and_start(session, new)
    return new.id


def wake_replay(replay_id: str, organization_id: str) -> None:
    """Has a worker go on with a replay. Redis may be down: the scheduler wakes it again."""
    try:
        runtime().broker.wake("run_replay", replay_id, organization_id)
    except redis.RedisError as error:
        log.warning("broker does not respond, the scheduler will wake it", replay_id=replay_id, error=str(error))


def run_replay(replay_id: str, organization_id: str) -> None:
    """Runs the next batch of a replay again, and wakes the next one.

    The batch and the replay's place (`after`) are committed together, and two workers take turns: a worker that dies
    leaves a replay that goes on where it was, and no execution is repeated twice.
    """
    with tenant_session(runtime().engine, organization_id) as session:
        replay = _take(session, replay_id)
        begun = _batch(session, replay) if replay else []
        commit_and_start(session, *begun)
    if replay is not None and replay.status == "running":
        wake_replay(replay_id, organization_id)


def _take(session: Session, replay_id: str) -> Replay | None:
    """The replay, locked until the commit; None where it is over."""
    taken = session.execute(
        update(Replay)
        .where(Replay.id == replay_id, Replay.status.in_(_OPEN))
        .values(status="running")
        .execution_options(synchronize_session=False)
    )
    return session.get_one(Replay, replay_id) if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def _batch(session: Session, replay: Replay) -> list[Execution]:
    how: dict[str, Any] = {
        "from_step": replay.from_step, "version": replay.version, "started_by": replay.created_by,
        "replay_id": replay.id, "trigger_type": replay.trigger_type,
    }  # fmt: skip
    begun = []
    batch = replays.batch(session, replay, BATCH)
    for execution in batch:
        try:
            begun.append(repeat(session, execution, **how))
        except (
            ConflictError,
            StorageFullError,
        ) as error:  # it does not fit any more: raised before anything is written
            log.info("not run again", execution_id=execution.id, reason=error.message)
            replay.refused += 1
        replay.after = execution.id
    replay.done += len(begun)
    if len(batch) < BATCH:
        replay.status, replay.completed_at = "completed", utcnow()
    return begun
