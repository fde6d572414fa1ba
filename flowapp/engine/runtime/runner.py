"""The runner: claims an execution and runs as many steps as it can, token by token, until it ends or must wait.

Pure steps cost no commit of their own: their attempts and log lines are kept and written with the next commit. A step
with an effect gets its intent committed before it runs. After a crash between intent and outcome, a pure or idempotent
step runs again under the same key; one that must happen once becomes uncertain, and a person decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from time import monotonic
from typing import Any

from flowapp.engine.runtime.activity import Watch
from flowapp.engine.runtime.program import Program, Programs
from flowapp.engine.runtime.run import Run
from flowapp.engine.runtime.visit import Services
from flowapp.engine.store import messages as m
from flowapp.engine.store.journal import Claim, Journal
from flowapp.engine.store.leases import Keeper
from flowapp.errors import FencedError, FlowError
from flowapp.logs import get_logger
from flowapp.models import utcnow

MAX_CRASHES = 3
TAKING_UP = 10  # times as long as it took to take an execution up, its turn is at least
Publish = Callable[[str, str, list[m.Message]], None]  # organization, execution, messages

log = get_logger(__name__)


@dataclass(slots=True)
class Runner:
    """Runs executions of any organization in this process.

    `services(organization_id, project_id, timezone)` opens what steps may use; `publish` hands messages to the live bus after a
    commit; `stopping()` says that the process wants to end; `chance` gives the jitter of retries;
    `ring` has an execution looked at again; `ended(row, status)` is told of an end after its commit; `stored` counts
    bytes that were written; `watch` hears what this thread is doing.

    An execution that could go on for ever lets others have a turn after `turn` seconds: it goes to the end of the queue.
    """

    journal: Callable[[str], Journal]
    services: Callable[[str, str, str], Services]
    publish: Publish
    programs: Programs
    keeper: Keeper
    stopping: Callable[[], bool] = lambda: False
    now: Callable[[], datetime] = utcnow
    chance: Callable[[], float] = random.random
    ring: Callable[[str, str], None] = lambda _execution, _organization: None
    ended: Callable[[Mapping[str, Any], str], None] = lambda _row, _status: None
    stored: Callable[[str, str, int], None] = lambda _organization, _workflow, _bytes: None
    turn: float = inf
    watch: Watch = field(default_factory=Watch)

    def run(
        self, execution_id: str, organization_id: str, *, fresh: bool = False, row: Mapping[str, Any] | None = None
    ) -> None:
        """Runs an execution as far as it goes now. Returns at once where there is nothing to do.

        `fresh`: this bell is its first one. Then its first write claims it too, one commit less; `row` (journal.first_row)
        is what there would be to read before. Bells after a crash or a loss are not, so that a step which kills its worker
        is counted.
        """
        with self.watch.holding(execution_id, organization_id):
            journal = self.journal(organization_id)
            claim: Claim | None = None
            if fresh:
                claim = journal.first(row, self.now()) if row else journal.look(execution_id, self.now())
            claim = claim or journal.claim(execution_id, self.now())
            if claim is not None:
                self._hold(journal, claim)

    def _hold(self, journal: Journal, claim: Claim) -> None:
        with self.keeper.holding(journal, claim):
            try:
                self._drive(journal, claim)
            except FencedError:
                log.info("lease lost", execution_id=claim.row["id"])

    def _drive(self, journal: Journal, claim: Claim) -> None:
        run = Run(self, journal, claim)
        try:
            self._go(run, claim)
        except FencedError:
            raise
        except FlowError as error:  # this release cannot read the stored version, or knows a step of it no more
            run.end("failed", f"The workflow's version cannot be run: {error.message}")

    def _go(self, run: Run, claim: Claim) -> None:
        began = monotonic()
        run.open(self._program(run.journal, claim.row["version_id"]))
        if claim.row["crashes"] >= MAX_CRASHES:
            died = f"its worker died {MAX_CRASHES} times in a row, last at step “{run.current}”."
            why = claim.row.get("error_message")  # said by whoever had to end the worker (engine.store.rescue)
            run.end("failed", f"Set aside after {MAX_CRASHES} tries. {why}" if why else f"Set aside: {died}")
            return
        until = monotonic() + max(self.turn, TAKING_UP * (monotonic() - began))
        while not run.over:
            if self.stopping():
                run.give_back()
            elif run.step() and monotonic() > until:
                run.give_back(rung_at=self.now())
                self.ring(run.row["id"], run.row["organization_id"])

    def _program(self, journal: Journal, version_id: str) -> Program:
        found = self.programs.get(version_id)
        return found or self.programs.make(version_id, *journal.definition(version_id))
