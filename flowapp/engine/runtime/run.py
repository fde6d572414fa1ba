"""One claimed execution in the hands of a worker: its state, its unwritten batch, and the steps it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from flowapp.catalog import Done, Signal
from flowapp.engine.machine import state as machine
from flowapp.engine.machine.types import Outcome, State
from flowapp.engine.runtime import commands, completion, outcomes
from flowapp.engine.runtime.program import Program, Step
from flowapp.engine.runtime.received_signals import Inbox
from flowapp.engine.runtime.recorder import Recorder, weigh
from flowapp.engine.runtime.results import Memory
from flowapp.engine.runtime.resume import take_up
from flowapp.engine.runtime.visit import Attempt, Ready, Services, idempotency_key, run
from flowapp.engine.runtime.visit_context import circumstances, scope
from flowapp.engine.store import messages as m
from flowapp.engine.store import persistent_writes
from flowapp.engine.store.journal import Claim, Journal
from flowapp.engine.store.quota import quotas
from flowapp.errors import FlowError
from flowapp.models import TEST, new_id
from flowapp.security.opened import Opened

if TYPE_CHECKING:
    from flowapp.engine.runtime.runner import Runner

_FLUSH_ROWS = 400
_FLUSH_SECONDS = 0.5


class Run:
    """Drives one execution. `over` is true once it has ended or was given back."""

    program: Program
    services: Services

    def __init__(self, runner: Runner, journal: Journal, claim: Claim) -> None:
        self.runner, self.journal, self.claim = runner, journal, claim
        self.row: Mapping[str, Any] = claim.row
        self.options: Mapping[str, Any] = self.row["options"] or {}
        self.is_test = self.row["trigger_type"] == TEST
        self.state: State = self.row["state"] or machine.new_state()
        given = (self.row["input_data"], self.row["context"])
        self.record = Recorder(claim.row["id"], claim.row["organization_id"], claim.row["seq"], runner.now, given)
        self.memory = Memory()
        self.inbox = Inbox()
        self.since = new_id()  # of events recorded from now on, all ids are greater
        self.contact: dict[str, Any] | None = None
        self.error = ""
        self.current = ""
        self.over = False
        self.target = self.options.get("run_to")
        self.arrived = False  # at `target`
        self.flushed = monotonic()
        self.progressed = False

    # --- beginning

    def open(self, program: Program) -> None:
        """Starts the execution, or takes it up where it stands."""
        self.program = program
        self.services = self.runner.services(self.row["organization_id"], program.project_id, self.row["timezone"])
        if self.row["contact_id"]:
            self.contact = self.journal.contact(self.row["contact_id"])
        if not self.state["total"]:
            self.record.weight += weigh(self.row["input_data"]) + weigh(self.row["context"])
            self.advance({"type": "started"})
        else:
            take_up(self)

    # --- going on

    def step(self) -> bool:
        """Runs the next ready token. False once there is nothing to do now: the execution waits or has ended."""
        if self._timed_out():
            self.end("failed", "The workflow took longer than its timeout allows.")
            return False
        if too_much := quotas.passed(self.stored):
            self.end("failed", too_much)
            return False
        number, signal = self.inbox.next(self.state["tokens"])
        if number is None:  # what came in time counts, also where nobody could act on it before the time was over
            self._wake_due()
            if self.over:
                return False
            number = machine.next_ready(self.state)
        if number is None:
            self.rest()
            return False
        self._visit(number, signal)
        return not self.over

    def _wake_due(self) -> None:
        for number in machine.due(self.state, self.runner.now().timestamp()):
            token = self.state["tokens"].get(number)
            if token is None or token["status"] not in machine.TIMED or self.over:
                continue  # what was woken before it let it go on, or ended it
            if token["status"] in ("waiting", "parked"):
                self.current = token["step"]
                self.finish_wait(token, token.get("result"), token["branch"])
            self.advance({"type": "woken", "token": number})
        if self.arrived and not self.over:
            self.end("completed", "")

    def _visit(self, number: str, signal: Signal | None) -> None:
        """One attempt of the step that a token is on; a parked one is taken up by its signal."""
        token = self.state["tokens"][number]
        self.current = token["step"]
        step = self.program.step(token["step"])
        if signal is not None:
            self.record.reopen(step.definition, number, token, step.spec)
            self.record.batch.consumed += self.inbox.taken()
        else:
            self.record.start(step.definition, number, token, step.spec)
        outcomes.apply(self, number, step, self._attempt(number, token, step, signal))
        self.progressed = True
        if self.over:
            return
        if self.arrived or (self.target == step.definition.step_id and number not in self.waiting()):
            self.end("completed", "")
        elif step.spec.effect == "once" or self._much():
            self.flush()

    def waiting(self) -> list[str]:
        """Tokens that are neither ready nor running."""
        return [n for n, t in self.state["tokens"].items() if t["status"] not in ("ready", "running")]

    def _pinned(self) -> bool:
        return self.current in (self.options.get("pins") or {})

    def _attempt(self, number: str, token: dict[str, Any], step: Step, signal: Signal | None) -> Attempt:
        if self._pinned():
            self.record.pinned()
            ways = step.spec.ways(step.definition.params) or ("next",)
            branch = next((way for way in ("next", "done") if way in ways), ways[0])
            return Attempt(Done(self.options["pins"][self.current], branch), step.definition.params)
        watch, timeout = self.runner.watch, step.definition.timeout
        watch.step(self.current, timeout)
        names, ready = scope(self, token), None
        if step.spec.effect == "once" and signal is None:  # should the worker die in it, a person must know what it was
            with contextlib.suppress(FlowError):  # the attempt itself says what is wrong
                ready = step.params(names)
        if step.spec.effect != "pure" and signal is None:
            self.record.batch.repeatable = not self.claim.taken and step.spec.effect == "idempotent"
            watch.between()
            self._intend(number, token, ready, step)
            watch.step(self.current, timeout, once=step.spec.effect == "once")
        attempt = run(step, names, circumstances(self, number, step, signal), ready)
        watch.between()
        return attempt

    def _intend(self, number: str, token: dict[str, Any], ready: Ready | None, step: Step) -> None:
        self.advance({"type": "intent", "token": number})
        key = idempotency_key(self.row["id"], self.current, token["iteration"])
        self.record.open_intent(key, ready[1] if ready else None, Opened(step.secrets))
        self.flush()

    def advance(self, outcome: Outcome) -> None:
        """Lets the state machine take in what happened, and does what it says."""
        self.state, todo = machine.advance(self.program, self.state, outcome)
        for effect in todo:
            commands.carry_out(self, effect)

    def gave(self, token: Mapping[str, Any], step_id: str, result: Any) -> None:
        """A step is through; later ones see its result."""
        self.memory.keep(token.get("frame", ""), step_id, result, "completed", late=bool(token.get("late")))
        if step_id == self.target:
            self.arrived = True

    def finish_wait(self, token: Mapping[str, Any], result: Any, branch: str, status: str = "completed") -> None:
        """The attempt that a waiting token began earlier is over. Without a branch the token ended there."""
        past = {"seq": token["seq"], "step_id": token["step"], "iteration": token["iteration"]}
        name = self.program.step(token["step"]).definition.name
        self.record.end_wait({**past, "attempt": token["attempt"]}, name, branch, result, status)
        if status == "completed" and branch:
            self.gave(token, token["step"], result)

    def _timed_out(self) -> bool:
        limit = self.program.timeout
        return limit is not None and (self.runner.now() - self.row["started_at"]).total_seconds() > limit

    # --- writing

    def _much(self) -> bool:
        return self.record.size > _FLUSH_ROWS or monotonic() - self.flushed > _FLUSH_SECONDS

    def flush(self, **columns: Any) -> None:
        """Commits what has happened since the last commit, then tells who watches."""
        batch, news = self.record.take()
        self.state = {**self.state, "stored": self.stored}
        batch.columns = {
            "state": self.state,
            "seq": self.record.seq,
            "current_step_id": self.current,
            "crashes": 0 if self.progressed else self.row["crashes"],
            **({"error_message": ""} if self.progressed and self.row["crashes"] else {}),
            "success_count": self.state["ok"],
            "failure_count": self.state["failed"],
            **columns,
        }
        status = columns.get("status")
        batch.timers = self._timers(status)
        batch.listening = self.inbox.listening(self, status)
        persistent_writes.write(self.journal, self.claim, batch, self.runner.stopping)
        self.runner.watch.settled()
        self._count()
        self.flushed = monotonic()
        self.publish(news)

    @property
    def stored(self) -> int:
        """Bytes that this execution has written, and is about to."""
        return int(self.state.get("stored", 0)) + self.record.weight

    def _count(self) -> None:
        """What was written is known from now on."""
        self.runner.stored(self.row["organization_id"], self.row["workflow_id"], self.record.weight)
        self.record.weight = 0

    def _timers(self, status: str | None) -> list[dict[str, Any]] | None:
        """Timers are the alarm clocks of what the state says; they are set when the worker lets go."""
        if status is None:
            return None
        alarms = machine.alarms(self.state) if status == "waiting" else []
        rows = [self.journal.timer(self.row["id"], n, kind, self._alarm(at)) for n, kind, at in alarms]
        if status == "waiting" and not rows and self.program.timeout is not None:
            rows = [self.journal.timer(self.row["id"], "*", "timeout", self._alarm(float("inf")))]
        return rows if rows or self.row["state"] else None

    def _alarm(self, at: float) -> datetime:
        if self.program.timeout is not None:
            at = min(at, self.row["started_at"].timestamp() + self.program.timeout + 1)
        return datetime.fromtimestamp(at, UTC)

    def rest(self) -> None:
        """Nothing is ready: the execution waits for its timers, for signals, or for a person."""
        self.over = True
        self.flush(status="waiting", lease_until=None)
        if self.inbox.has_news(self):  # came after the inbox was read, while nobody could be woken
            self.runner.ring(self.row["id"], self.row["organization_id"])

    def give_back(self, rung_at: datetime | None = None) -> None:
        """Another worker goes on, soon: whoever gives it back rings, and says when, or the scheduler does."""
        self.over = True
        self.flush(status="pending", lease_until=None, rung_at=rung_at)

    def end(self, status: str, error: str) -> None:
        """The execution has ended."""
        self.over, error = True, self.record.named.mask(error)
        if status != "failed":  # a failed one can go on where it stands: what waits there is kept
            commands.drop(self, self.state["tokens"].values())
        self.record.seq += 1
        output = self.memory.output
        self.record.weight += weigh(output)
        self.record.news.append(m.execution_completed(self.row["id"], self.record.seq, status, error, output))
        columns = completion.prepare(self, status, error)
        self.flush(
            status=status,
            output_data=output,
            error_message=error,
            completed_at=self.runner.now(),
            lease_until=None,
            goal_reached=status == "goal_reached",
            **columns,
        )
        self.runner.ended(self.row, status)

    def publish(self, news: list[m.Message]) -> None:
        """Tells who watches."""
        if news:
            self.runner.publish(self.row["organization_id"], self.row["id"], news)
