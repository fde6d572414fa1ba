"""The journal: what is written about running executions. Every write carries the fence of the claim.

Statements are Core statements over one organization, named in each of them (and by row-level security on PostgreSQL):
this is the one audited place where the sessions' tenant criterion does not reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from flowapp.catalog.entities import View, read_all
from flowapp.engine.store import event_matching, one_statement, signals
from flowapp.engine.store.rows import (
    OF_ORGANIZATION,
    Columns,
    ExecutionRow,
    LineRow,
    PastRun,
    ReceivedSignal,
    RunRow,
    SignalRow,
    SubscriptionRow,
    TimerRow,
)
from flowapp.engine.store.signals import Count
from flowapp.errors import FencedError
from flowapp.events.cause import EventRow
from flowapp.models import OPEN, Execution, LogLine, Organization, StepRun, Timer, Version, Workflow
from flowapp.models.driver import Driver, transaction
from flowapp.models.tenancy import at_once, use_tenant

_organizations = cast(Table, Organization.__table__)
_executions = cast(Table, Execution.__table__)
_runs = cast(Table, StepRun.__table__)
_lines = cast(Table, LogLine.__table__)
_timers = cast(Table, Timer.__table__)

_COLUMNS = (
    "id", "organization_id", "workflow_id", "version_id", "fence", "crashes", "state", "seq", "input_data",
    "context", "started_at", "trigger_type", "trigger_entity_type", "trigger_entity_id", "contact_id",
    "options", "concurrency_key", "error_message", "error_parts",
)  # fmt: skip
ROW = (  # with what is known of the organization
    *(_executions.c[name] for name in _COLUMNS),
    *(
        select(_organizations.c[name]).where(_organizations.c.id == bindparam("org")).scalar_subquery().label(name)
        for name in OF_ORGANIZATION
    ),
)
# Said so that PostgreSQL finds the row by its key: by the index of open executions it would walk through a whole backlog.
_STATUS = _executions.c.status.concat("")
# An execution may be claimed when it is open and nobody holds it. A lease that ran out while running is a crash.
_CLAIM = (
    update(_executions)
    .where(
        _executions.c.id == bindparam("execution_id"),
        _executions.c.organization_id == bindparam("org"),
        or_(*map(_STATUS.__eq__, OPEN)),
        or_(_executions.c.lease_until.is_(None), _executions.c.lease_until < bindparam("at")),
        _executions.c.held.is_(False),
        or_(_executions.c.start_after.is_(None), _executions.c.start_after <= bindparam("at")),
    )
    .values(
        status="running",
        fence=_executions.c.fence + 1,
        crashes=_executions.c.crashes + case((_executions.c.status == "running", 1), else_=0),
        lease_until=bindparam("until"),
        lease_owner=bindparam("owner"),
        started_at=func.coalesce(_executions.c.started_at, bindparam("at")),
    )
    .returning(*ROW)
)  # fmt: skip
_LOOK = select(*ROW).where(
    _executions.c.id == bindparam("execution_id"),
    _executions.c.organization_id == bindparam("org"),
    _STATUS == "pending",
    _executions.c.fence == 0,
    _executions.c.held.is_(False),
    _executions.c.start_after.is_(None),
)
_MINE = (
    _executions.c.id == bindparam("execution_id"),
    _executions.c.organization_id == bindparam("org"),
    _executions.c.fence == bindparam("claimed"),
)
_WRITE = and_(*_MINE, _STATUS == "running")
# The first write of a new execution is its claim at the same time: nobody else has, or may not.
_FIRST = and_(*_MINE, _STATUS == "pending", _executions.c.held.is_(False))
# So it is where one whose time has come is woken for the first time (engine.store.group_commit).
_WOKEN = and_(*_MINE, _STATUS == "waiting")
_GUARDS = {"running": _WRITE, "pending": _FIRST, "waiting": _WOKEN}
# The same conditions for engine.store.one_statement.
_MINE_IN_WORDS = "id = :execution_id AND organization_id = :org AND fence = :claimed AND status || '' = "
IN_WORDS = {status: f"{_MINE_IN_WORDS}'{status}'{' AND NOT held' * (status == 'pending')}" for status in _GUARDS}
READ = (*(_executions.c[name] for name in _COLUMNS), *(_organizations.c[name] for name in OF_ORGANIZATION))
RESULT = tuple(
    _runs.c[name]
    for name in (
        "seq", "ended_seq", "step_id", "token", "status", "output", "error_message", "iteration", "attempt", "frame",
    )
)  # fmt: skip
_RESULTS = (
    select(*RESULT)
    .where(_runs.c.execution_id == bindparam("execution_id"), _runs.c.organization_id == bindparam("org"))
    .order_by(_runs.c.seq)
)
SETTLED = ("ended_seq", "status", "branch", "output", "error_message", "error_parts", "ended_at")
ENDED = (*SETTLED, "input", "explanation", "error_details")


def _end(names: tuple[str, ...]) -> Update:
    """How an attempt begun in an earlier transaction ends; parameters b_execution_id, b_seq and the columns."""
    return (
        update(_runs)
        .where(_runs.c.execution_id == bindparam("b_execution_id"), _runs.c.seq == bindparam("b_seq"))
        .values({name: bindparam(name) for name in names})
    )


_END, _SETTLE = _end(ENDED), _end(SETTLED)
_START, _LOG, _SET = insert(_runs), insert(_lines), insert(_timers)
_UNSET = delete(_timers).where(_timers.c.execution_id == bindparam("execution_id"))


@cache
def _change(names: tuple[str, ...], status: str = "running") -> Update:
    """A write of these columns of the execution, where it has this status; their parameters are named new_<column>."""
    return update(_executions).where(_GUARDS[status]).values({name: bindparam(f"new_{name}") for name in names})


@dataclass(slots=True)
class Batch:
    """What is written together.

    `columns` of the execution; attempts `started` (whole rows) and `ended` (rows begun in an earlier commit), attempts of
    another worker that are `settled`; log `lines`; `timers`, None: as they are; `consumed` signals (ids), `signals` to
    others, what the execution is `listening` for (None: as it was), branches `taken` to be counted, `events` to state.
    `repeatable`: nothing in it has an effect that must not happen again, so a database that crashes may forget it.
    """

    columns: Columns = field(default_factory=dict)
    started: list[RunRow] = field(default_factory=list)
    ended: list[Columns] = field(default_factory=list)
    settled: list[Columns] = field(default_factory=list)
    lines: list[LineRow] = field(default_factory=list)
    timers: list[TimerRow] | None = None
    consumed: list[str] = field(default_factory=list)
    signals: list[SignalRow] = field(default_factory=list)
    listening: list[SubscriptionRow] | None = None
    taken: list[Count] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)  # attempts (seq) whose sub-workflows end with it:
    cancelled: list[Execution] = field(default_factory=list)
    repeatable: bool = False

    @property
    def reaches_others(self) -> bool:
        """Whether it writes more than the execution, its attempts, lines and timers, and that it listens for nothing more."""
        return bool(self.consumed or self.signals or self.taken or self.events or self.listening or self.abandoned)


@dataclass(slots=True)
class Claim:
    """What a worker holds: the row it claimed, with its fence. Not `taken`: the first write is to claim it.

    `seq`: what the row's was after the last write; None before the first one. `status`: what it must be for the next write;
    `at`: when what is not taken was read.
    """

    row: ExecutionRow
    fence: int
    seq: int | None = None
    status: str = "running"
    at: datetime | None = None

    @property
    def taken(self) -> bool:
        return self.status == "running"

    @property
    def key(self) -> Columns:
        return {"execution_id": self.row["id"], "org": self.row["organization_id"], "claimed": self.fence}


def write_own(connection: Connection | Driver, claim: Claim, batch: Batch) -> bool:
    """The execution, its attempts, lines and timers; what it was listening for is over where the batch says what it is
    listening for now. False, and nothing written, where the claim was lost."""
    new = {f"new_{name}": value for name, value in batch.columns.items()}
    held = connection.execute(_change(tuple(batch.columns), claim.status), {**claim.key, **new})
    if held.rowcount != 1:
        return False
    for statement, rows in (
        (_START, batch.started), (_END, batch.ended), (_SETTLE, batch.settled), (_LOG, batch.lines),
    ):  # fmt: skip
        if rows:
            connection.execute(statement, rows)
    if batch.timers is not None:
        connection.execute(_UNSET, {"execution_id": claim.row["id"]})
        if batch.timers:
            connection.execute(_SET, batch.timers)
    if batch.listening is not None:
        connection.execute(signals.UNSUBSCRIBE, {"execution_id": claim.row["id"]})
    return True


FIRST_ROW = (*_COLUMNS, *OF_ORGANIZATION)


def first_row(execution: Execution) -> Columns:
    """What a claim would read of an execution right after its start, where it may begin at once."""
    return {name: getattr(execution, name) for name in FIRST_ROW}


class Journal:
    """The engine's reads and writes of one organization. `lease` is the length of a lease."""

    def __init__(self, engine: Engine, organization_id: str, owner: str, lease: timedelta) -> None:
        self.engine = engine
        self.organization_id = organization_id
        self.owner = owner
        self.lease = lease

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[Connection]:
        """A transaction that sees only this organization. `options`: of its connection."""
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            use_tenant(connection, self.organization_id)
            yield connection

    def claim(self, execution_id: str, now: datetime) -> Claim | None:
        """Takes the execution, unless it has ended or another worker holds it."""
        values = {
            "execution_id": execution_id,
            "org": self.organization_id,
            "at": now,
            "until": now + self.lease,
            "owner": self.owner,
        }
        with transaction(self.engine, self.organization_id, alone=True) as driver:
            found = cast(list[ExecutionRow], driver.read(_CLAIM, values, READ))
        return Claim(found[0], found[0]["fence"]) if found else None

    def look(self, execution_id: str, now: datetime) -> Claim | None:
        """A new execution that nobody has claimed, to be claimed by its first write. None: claim it in the usual way.

        What runs before that write runs without a lease, so it may be nothing but pure steps.
        """
        with self.transaction(**at_once(self.engine.dialect.name)) as connection:
            found = connection.execute(
                _LOOK, {"execution_id": execution_id, "org": self.organization_id}
            ).mappings().one_or_none()  # fmt: skip
        return self.first(cast(ExecutionRow, dict(found)), now) if found else None

    def first(self, row: ExecutionRow, now: datetime) -> Claim:
        """The same of a row that is known: whether it still is what it was, the first write tells."""
        return Claim({**row, "started_at": now}, row["fence"], status="pending", at=now)

    def definition(self, version_id: str) -> tuple[Columns, str]:
        """The definition of a version, and the project of its workflow."""
        versions, workflows = Version.__table__, Workflow.__table__
        with self.transaction() as connection:
            row = connection.execute(
                select(versions.c.definition, workflows.c.project_id)
                .join(workflows, workflows.c.id == versions.c.workflow_id)
                .where(versions.c.id == version_id, versions.c.organization_id == self.organization_id)
            ).one()
        return row.definition, row.project_id

    def results(self, execution_id: str) -> Sequence[PastRun]:
        """The attempts so far, oldest first: what a resuming worker needs to know."""
        with transaction(self.engine, self.organization_id, alone=True, writes=False) as driver:
            return cast(
                list[PastRun],
                driver.read(_RESULTS, {"execution_id": execution_id, "org": self.organization_id}, RESULT),
            )

    def write(self, claim: Claim, batch: Batch) -> None:
        """Writes a batch in one transaction. FencedError, and nothing written, where the claim was lost."""
        self._claim_too(claim, batch)
        given = one_statement.rows(batch) if self.engine.dialect.name == "postgresql" else None
        if given is not None:
            with transaction(self.engine, self.organization_id, alone=True) as driver:
                held = one_statement.write(driver, IN_WORDS[claim.status], claim.key, batch, given)
        else:
            held = self._write(claim, batch)
        if not held:
            raise FencedError("The execution was cancelled, or another worker has claimed it.")
        self._taken(claim)

    def gather(self, claim: Claim, batch: Batch, written: Callable[[], None]) -> bool:  # noqa: ARG002
        """Whether this last batch of a claim is written later, along with others, and `written` called then. Here it never is."""
        return False

    def _claim_too(self, claim: Claim, batch: Batch) -> None:
        """The first write is the claim as well; what it says itself wins, as where it is the last one too."""
        if not claim.taken:
            batch.columns = {**self._taking(claim), **batch.columns}

    def _taken(self, claim: Claim) -> None:
        """It was written: the claim is this worker's."""
        if not claim.taken:
            claim.fence, claim.status = claim.fence + 1, "running"

    def written(self, claim: Claim, batch: Batch) -> bool:
        """Whether a write of this batch whose answer was lost was made after all. Then the claim is taken by it."""
        c = _executions.c
        with self.transaction() as connection:
            found = connection.execute(
                select(c.fence, c.seq, c.status, c.lease_owner, c.started_at).where(
                    c.id == claim.row["id"], c.organization_id == self.organization_id
                )
            ).one_or_none()
        if found is None or found.fence != claim.fence + (not claim.taken):
            return False
        # No two claims begin in the same microsecond; a batch that only moves on leaves its mark in `seq` or the status.
        mine = claim.taken or (found.lease_owner, found.started_at) == (self.owner, claim.row["started_at"])
        if claim.status == "waiting" and found.status == "running":  # begun long ago, so its start says nothing
            mine = mine and claim.at is not None and found.lease_until == claim.at + self.lease
        ahead = found.seq == batch.columns["seq"] != (claim.row["seq"] if claim.seq is None else claim.seq)
        ended = found.status == batch.columns.get("status", "running") != "running"
        if not (mine and (ahead or ended)):
            return False
        claim.fence, claim.status = found.fence, "running"
        return True

    def _taking(self, claim: Claim) -> Columns:
        """The columns of a claim."""
        return {
            "status": "running",
            "fence": claim.fence + 1,
            "lease_until": claim.at + self.lease if claim.at else None,
            "lease_owner": self.owner,
            "started_at": claim.row["started_at"],
        }

    def _write(self, claim: Claim, batch: Batch) -> bool:
        """Writes on the driver what is the execution's own, and what more there is through SQLAlchemy."""
        if batch.reaches_others:
            with self.transaction() as connection:
                if not write_own(connection, claim, batch):
                    return False
                signals.write(connection, claim.row, batch)
            return True
        with transaction(self.engine, self.organization_id) as driver:
            return write_own(driver, claim, batch)

    def signals(self, execution_id: str) -> Sequence[ReceivedSignal]:
        """What has come for an execution that waits."""
        with self.transaction() as connection:
            return signals.waiting(connection, execution_id, self.organization_id)

    def catch_up(self, listening: Sequence[SubscriptionRow], since: str, now: datetime) -> None:
        """Signals for events that were handed on before anybody could see that the execution listens for them."""
        with self.transaction() as connection:
            signals.send(connection, event_matching.catch_up(connection, listening, since, now))

    def set_aside(self, over: list[str], kept: list[str], until: datetime) -> None:
        """Deletes signals that are over; the scheduler wakes those that are kept not before `until`."""
        with self.transaction() as connection:
            signals.consume(connection, over)
            signals.silence(connection, kept, until)

    def entities(self, about: Sequence[tuple[str, str]]) -> dict[str, View]:
        """What the (name, id) of `about` are now, by name, and what they lead to; without what was deleted."""
        with self.transaction() as connection:
            return read_all(connection, self.organization_id, about)

    def extend(self, claim: Claim, now: datetime) -> bool:
        """Prolongs the lease; False where the claim was lost."""
        with self.transaction() as connection:
            held = connection.execute(_change(("lease_until",)), {**claim.key, "new_lease_until": now + self.lease})
            return bool(held.rowcount == 1)

    def keep_wake_up(self, claim: Claim, now: datetime) -> None:
        """Tells that a new execution's first wake-up is being followed, though nothing is written yet."""
        with self.transaction() as connection:
            connection.execute(_change(("rung_at",), "pending"), {**claim.key, "new_rung_at": now})
