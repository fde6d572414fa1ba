"""The runner: claims an execution and runs as many steps as it can, token by token, until it ends or must wait.

Pure steps cost no commit of their own: their attempts and log lines are kept and written with the next commit. A step
with an effect gets its intent committed before it runs. After a crash between intent and outcome, a pure or idempotent
step runs again under the same key; one that must happen once becomes uncertain, and a person decides.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from flowapp.catalog import Done, Signal
from flowapp.engine.runtime.host import Host
from flowapp.engine.runtime.program import Program, Programs, Step
from flowapp.engine.runtime.run import Run
from flowapp.engine.runtime.visit import Attempt
from flowapp.engine.runtime.visit import run as make_attempt
from flowapp.engine.store.group_commit import GroupJournal
from flowapp.engine.store.journal import Claim, Journal
from flowapp.engine.store.leases import Held, Keeper
from flowapp.engine.store.rows import ExecutionRow
from flowapp.errors import FencedError, FlowError
from flowapp.logs import get_logger
from flowapp.texts import join, restored, say

MAX_CRASHES = 3
TOGETHER = 0.5  # seconds for executions that run one after the other; then other threads get those that are left
SHORTEST_TURN = 10  # times as long as it took to open an execution

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Runner(Host):
    """Runs executions of any organization in this process.

    An execution that could go on for ever lets others have a turn after `turn` seconds: it goes to the end of the queue.
    """

    journal: Callable[[str], Journal]
    programs: Programs
    keeper: Keeper
    turn: float = inf

    def run(
        self, execution_id: str, organization_id: str, *, fresh: bool = False, row: ExecutionRow | None = None
    ) -> None:
        """Runs an execution as far as it goes now. Returns at once where there is nothing to do.

        `fresh`: this wake-up is its first one. Then its first write claims it too, one commit less; `row` (journal.first_row)
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

    def run_together(self, ids: Sequence[str], organization_id: str) -> None:
        """The first wake-up of executions whose time has come: those that go on with pure steps alone are read, and written,
        together (engine.store.group_commit). Once one of them takes longer, or has an effect, other threads get the rest.
        """
        left = list(ids)

        def hand_over() -> None:
            rest = [(execution_id, organization_id) for execution_id in left]
            left.clear()
            if rest:
                self.hand_over(rest)

        journal = GroupJournal(self.journal(organization_id), hand_over, self.stopping)
        claims, until = journal.due(left, self.now()), monotonic() + TOGETHER
        while left and monotonic() < until and not self.stopping():
            execution_id = left.pop(0)
            if claim := claims.get(execution_id):
                self._run_one_of(journal, claim)
        hand_over()
        journal.commit()

    def _run_one_of(self, journal: GroupJournal, claim: Claim) -> None:
        execution_id = claim.row["id"]
        try:
            with self.watch.holding(execution_id, journal.organization_id):
                self._hold(journal, claim)
        except Exception:
            log.exception("run failed, the scheduler will wake it again", execution_id=execution_id)

    def _hold(self, journal: Journal, claim: Claim) -> None:
        """Drives it; meanwhile its lease is kept."""
        self.keeper.held[id(claim)] = Held(journal, claim, self.now())
        if not self.keeper.awake:
            self.keeper.start()
        try:
            self._drive(journal, claim)
        except FencedError:
            log.info("lease lost", execution_id=claim.row["id"])
        finally:
            del self.keeper.held[id(claim)]

    def _drive(self, journal: Journal, claim: Claim) -> None:
        run = Run(self, journal, claim)
        try:
            self._go(run, claim)
        except FencedError:
            raise
        except FlowError as error:  # this release cannot read the stored version, or knows a step of it no more
            run.end("failed", say("The workflow's version cannot be run: %(error)s", error=error.message))

    def _go(self, run: Run, claim: Claim) -> None:
        began = monotonic()
        run.open(self._program(run.journal, claim.row["version_id"]))
        if claim.row["crashes"] >= MAX_CRASHES:
            run.end("failed", _set_aside(claim.row, run.current))
            return
        until = monotonic() + max(self.turn, SHORTEST_TURN * (monotonic() - began))
        while not run.over:
            if self.stopping():
                run.give_back()
            elif self._step(run) and monotonic() > until:
                run.give_back(rung_at=self.now())
                self.wake(run.row["id"], run.row["organization_id"])

    def _program(self, journal: Journal, version_id: str) -> Program:
        found = self.programs.get(version_id)
        return found or self.programs.make(version_id, *journal.definition(version_id))

    def _step(self, run: Run) -> bool:
        """Runs the next ready token. False once there is nothing to do now: the execution waits or has ended."""
        if reason := run.overdrawn:
            run.end("failed", reason)
            return False
        number, signal = run.next()
        if number is not None:
            step = run.begin(number, signal)
            run.end_visit(number, step, self._attempt(run, number, step, signal))
        elif not run.over:
            run.rest()
        return not run.over

    def _attempt(self, run: Run, number: str, step: Step, signal: Signal | None) -> Attempt:
        """One attempt of the step that a token is on."""
        pins = run.options.get("pins") or {}
        if run.current in pins:
            run.recorder.pinned()
            return _pinned(step, pins[run.current])
        effect, timeout, token = step.spec.effect, step.definition.timeout, run.state["tokens"][number]
        self.watch.step(run.current, timeout)
        visit, ready = run.context.visit(number, token, signal, run.results, run.log(step)), None
        if effect == "once" and signal is None:  # should the worker die in it, a person must know what it was
            with contextlib.suppress(FlowError):  # the attempt itself says what is wrong
                ready = step.params(visit)
        if effect != "pure" and signal is None:
            self.watch.between()
            run.intend(number, step, ready[1] if ready else None)
            self.watch.step(run.current, timeout, once=effect == "once")
        attempt = make_attempt(step, visit, ready)
        self.watch.between()
        return attempt


def _set_aside(row: ExecutionRow, step_id: str) -> str:
    """Why its workers died, where whoever had to end them said so (engine.store.rescue)."""
    if reason := restored(row["error_message"], row["error_parts"]):
        return join(" ", (say("Set aside after %(tries)s tries.", tries=MAX_CRASHES), reason))
    return say(
        "Set aside: its worker died %(tries)s times in a row, last at step “%(step)s”.", tries=MAX_CRASHES, step=step_id
    )


def _pinned(step: Step, result: Any) -> Attempt:
    """The outcome that a person gave in place of the step."""
    branches = step.spec.branches_of(step.definition.params) or ("next",)
    branch = next((name for name in ("next", "done") if name in branches), branches[0])
    return Attempt(Done(result, branch), step.definition.params)
