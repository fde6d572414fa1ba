"""Many executions run again: which ones, what that would do once more, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select, update
from sqlalchemy.orm import Session, aliased

from flowapp.engine.store.rerun import From, Which
from flowapp.errors import ConflictError, NotFoundError, UnsuitableError
from flowapp.models import TERMINAL, TEST, Execution, Replay, first_id, new_id, utcnow
from flowapp.texts import say

STALLED_AFTER = timedelta(seconds=60)  # after which a replay is taken to stand still
LIMIT = 1000  # executions of one replay
MAX_LIMIT = 10_000
NO_FINGERPRINT = "-"
# A bound value would not find the partial index.
_FAILED: ColumnElement[str] = literal_column("'failed'")
_TEST: ColumnElement[str] = literal_column(f"'{TEST}'")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which executions: those that ended and meet all of it. `since` is included, `until` is not.

    `fingerprint` "-" means failures without one. `fresh`: only those that were not run again before.
    """

    statuses: tuple[str, ...] = ()
    workflow_id: str = ""
    fingerprint: str = ""
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    fresh: bool = True
    limit: int = LIMIT

    def as_json(self) -> dict[str, Any]:
        """As `Replay.filters` holds it."""
        times = {name: getattr(self, name) for name in ("since", "until")}
        texts = {name: moment.isoformat() if moment else None for name, moment in times.items()}
        return {**asdict(self), **texts, "statuses": list(self.statuses), "ids": list(self.ids)}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Choice:
        """What `as_json` wrote."""
        since, until = (
            datetime.fromisoformat(stored[name]) if stored.get(name) else None for name in ("since", "until")
        )
        lists = {name: tuple(stored.get(name) or ()) for name in ("statuses", "ids")}
        return cls(**{**stored, **lists, "since": since, "until": until})

    def meant_for(self, from_step: From) -> Choice:
        """Only failed executions can continue from the failed step."""
        return replace(self, statuses=("failed",)) if from_step == "failed" else self


def chosen(choice: Choice) -> Select[Any]:
    """The executions, without order or limit. Tests are not among them, unless they are named."""
    statuses = [status for status in choice.statuses if status in TERMINAL]
    statement = select(Execution)
    if choice.fingerprint or statuses == ["failed"]:
        statement = statement.where(Execution.status == _FAILED)
    else:
        statement = statement.where(Execution.status.in_(statuses or TERMINAL))
    if not choice.ids:
        statement = statement.where(Execution.trigger_type != _TEST)
    if choice.workflow_id:
        statement = statement.where(Execution.workflow_id == choice.workflow_id)
    if choice.fingerprint:
        mark = "" if choice.fingerprint == NO_FINGERPRINT else choice.fingerprint
        statement = statement.where(Execution.error_fingerprint == mark)
    if choice.since:
        statement = statement.where(Execution.id >= first_id(choice.since))
    if choice.until:
        statement = statement.where(Execution.id < first_id(choice.until))
    if choice.ids:
        statement = statement.where(Execution.id.in_(choice.ids))
    if choice.fresh:
        later = aliased(Execution)
        statement = statement.where(~select(later.id).where(later.retry_of_id == Execution.id).exists())
    return statement


def count(session: Session, choice: Choice) -> int:
    """How many fit."""
    return session.scalar(chosen(choice).with_only_columns(func.count(Execution.id), maintain_column_froms=True)) or 0


# --- a replay


def create(
    session: Session,
    choice: Choice,
    from_step: From,
    version: Which,
    *,
    created_by: str | None,
    trigger_type: str = "manual",
) -> Replay:
    """A replay that has not begun. The caller commits, then has it run (tasks.repeating). UnsuitableError: none matches."""
    choice = choice.meant_for(from_step)
    matched = count(session, choice)
    if not matched:
        raise UnsuitableError.at("filters", say("No finished execution matches, so there is nothing to replay."))
    replay = Replay(
        id=new_id(),
        filters=choice.as_json(),
        from_step=from_step,
        version=version,
        trigger_type=trigger_type,
        total=min(matched, choice.limit),
        created_by=created_by,
    )
    session.add(replay)
    session.flush()
    return replay


def get(session: Session, replay_id: str) -> Replay:
    """The replay of that id. NotFoundError."""
    replay = session.get(Replay, replay_id)
    if replay is None:
        raise NotFoundError(say("There is no such replay."))
    return replay


def cancel(session: Session, replay: Replay) -> None:
    """No further execution is run again; those that were begun go on. ConflictError where it is over."""
    changed = session.execute(
        update(Replay)
        .where(Replay.id == replay.id, Replay.status.in_(("pending", "running")))
        .values(status="cancelled", completed_at=utcnow())
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise ConflictError(say("This replay has already ended."))
    session.refresh(replay)


def progress(session: Session, replay: Replay) -> dict[str, int]:
    """How many of its executions are in each status."""
    rows = session.execute(
        select(Execution.status, func.count()).where(Execution.replay_id == replay.id).group_by(Execution.status)
    )
    return {status: number for status, number in rows}  # noqa: C416 - to mypy a row is no pair


def batch(session: Session, replay: Replay, most: int) -> list[Execution]:
    """The next ones to run again, oldest first; never what began after the replay was made."""
    choice = Choice.read(replay.filters)
    left = min(most, choice.limit - replay.done - replay.refused)
    if left <= 0:
        return []
    statement = chosen(choice).where(Execution.id < replay.id).order_by(Execution.id).limit(left)
    if replay.after is not None:
        statement = statement.where(Execution.id > replay.after)
    return list(session.scalars(statement))


def stalled(session: Session, now: datetime) -> list[tuple[str, str]]:
    """(replay, organization) of those that should go on and did nothing for a minute: their message was lost."""
    moving = select(Execution.id).where(Execution.replay_id == Replay.id, Execution.created_at > now - STALLED_AFTER)
    statement = select(Replay.id, Replay.organization_id).where(
        Replay.status.in_(("pending", "running")), Replay.created_at < now - STALLED_AFTER, ~moving.exists()
    )
    return [(row.id, row.organization_id) for row in session.execute(statement.limit(100))]
