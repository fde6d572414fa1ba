"""Executions whose time has come, taken together: read by two statements, and their last writes made in one transaction.

None of them is claimed when it is read. Most only end their wait and go on with pure steps; what that gives is one write, and
this is the claim, guarded by the fence that was read: where a signal, a person or another worker came first, that
execution's part is left out, and whoever came first does what was due. Before anything else is written, an intent above all,
what was gathered is committed, so nothing waits for a step that takes its time. A process that is killed meanwhile held
nothing: the scheduler wakes them again in a few seconds, one by one, and then they are claimed before they run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Table, bindparam, select

from flowapp.engine.store import leases, one_statement
from flowapp.engine.store.journal import IN_WORDS, READ, RESULT, ROW, Batch, Claim, Journal, write_own
from flowapp.engine.store.rows import ExecutionRow, PastRun
from flowapp.errors import FencedError
from flowapp.logs import get_logger
from flowapp.models import Execution, StepRun
from flowapp.models.driver import Driver, transaction

MOST = 20  # executions of one message
log = get_logger(__name__)

_runs, _executions = cast(Table, StepRun.__table__), cast(Table, Execution.__table__)
_THESE = [bindparam(f"id_{n}", type_=_executions.c.id.type) for n in range(MOST)]
_OF = (_runs.c.execution_id, *RESULT)
_DUE = select(*ROW).where(
    _executions.c.id.in_(_THESE),
    _executions.c.organization_id == bindparam("org"),
    _executions.c.status.concat("") == "waiting",
)
_RESULTS = (
    select(*_OF)
    .where(_runs.c.execution_id.in_(_THESE), _runs.c.organization_id == bindparam("org"))
    .order_by(_runs.c.execution_id, _runs.c.seq)
)


class Part(NamedTuple):
    """The last write of an execution, and what follows it. `given`: its rows, as PostgreSQL takes them."""

    claim: Claim
    batch: Batch
    given: dict[str, str]
    written: Callable[[], None]


class GroupJournal(Journal):
    """The journal of executions that run one after the other in this thread. `before_write` is called before one of them
    writes by itself; `stopping` as leases.write_again asks it."""

    def __init__(self, journal: Journal, before_write: Callable[[], None], stopping: Callable[[], bool]) -> None:
        super().__init__(journal.engine, journal.organization_id, journal.owner, journal.lease)
        self._before_write, self._stopping = before_write, stopping
        self._results: dict[str, list[PastRun]] = {}
        self._gathered: list[Part] = []

    def due(self, ids: Sequence[str], now: datetime) -> dict[str, Claim]:
        """Those that wait, each to be claimed by its first write. The others have gone on, or ended. At most MOST."""
        named = {f"id_{n}": ids[min(n, len(ids) - 1)] for n in range(MOST)} | {"org": self.organization_id}
        with transaction(self.engine, self.organization_id, alone=True, writes=False) as driver:
            rows = cast(list[ExecutionRow], driver.read(_DUE, named, READ))
            for result in driver.read(_RESULTS, named, _OF):
                self._results.setdefault(result["execution_id"], []).append(cast(PastRun, result))
        return {row["id"]: Claim(row, row["fence"], status="waiting", at=now) for row in rows}

    def results(self, execution_id: str) -> Sequence[PastRun]:
        """What was read with the execution."""
        return self._results.get(execution_id, [])

    def write(self, claim: Claim, batch: Batch) -> None:
        """At once; what was gathered before it."""
        self.commit()
        self._before_write()
        super().write(claim, batch)

    def gather(self, claim: Claim, batch: Batch, written: Callable[[], None]) -> bool:
        """The last write of one that has written nothing before, unless it reaches others."""
        given = one_statement.rows(batch) if self.engine.dialect.name == "postgresql" else {}
        if claim.taken or batch.reaches_others or given is None:
            return False
        self._claim_too(claim, batch)
        self._gathered.append(Part(claim, batch, given, written))
        return True

    def commit(self) -> None:
        """Writes what was gathered, all in one transaction, or each by itself where that fails."""
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        try:
            held = self._together(gathered)
        except Exception as error:  # noqa: BLE001 - it is whose write fails by itself, too
            held = [self._alone(one, error) for one in gathered]
        for one, is_held in zip(gathered, held, strict=True):
            if is_held:
                self._taken(one.claim)
                self._tell(one)
            else:
                log.info("lease lost", execution_id=one.claim.row["id"])

    def _tell(self, one: Part) -> None:
        try:
            one.written()
        except Exception:
            log.exception("written, but who waits for it was not told", execution_id=one.claim.row["id"])

    def _together(self, gathered: list[Part]) -> list[bool]:
        with transaction(self.engine, self.organization_id) as driver:
            return [self._write_one(driver, one) for one in gathered]

    def _write_one(self, driver: Driver, one: Part) -> bool:
        if self.engine.dialect.name == "postgresql":
            return one_statement.write(driver, IN_WORDS[one.claim.status], one.claim.key, one.batch, one.given)
        return write_own(driver, one.claim, one.batch)

    def _alone(self, one: Part, error: Exception) -> bool:
        """Whether it was written, then or now. An error that is its own is logged: the others are not to suffer for it."""
        try:
            try:
                super().write(one.claim, one.batch)
            except FencedError:
                return self.written(one.claim, one.batch)  # together with the others, though the answer was lost
            except Exception as again:  # noqa: BLE001 - raised again unless the database is away
                leases.write_again(self, one.claim, one.batch, self._stopping, again)
        except FencedError:
            return False
        except Exception:
            log.exception(
                "outcome not written, the scheduler will wake it again",
                execution_id=one.claim.row["id"],
                first=str(error),
            )
            return False
        return True
