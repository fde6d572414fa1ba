"""One claimed execution in the hands of a worker. Its state, results, signals and unwritten rows belong to the Run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache, partial
from time import monotonic
from typing import Any, cast

from flowapp.catalog import Signal
from flowapp.catalog.entities import CONTACT, View
from flowapp.engine.machine import state as machine
from flowapp.engine.machine.transitions import is_late
from flowapp.engine.machine.types import SUSPENDED, Command, End, Outcome, State, Token
from flowapp.engine.runtime import waiting
from flowapp.engine.runtime.edges import refusal
from flowapp.engine.runtime.host import Host
from flowapp.engine.runtime.outcomes import Completion, Here, Meaning, columns_of, meaning, retry_words, tell_others
from flowapp.engine.runtime.program import Program, Step
from flowapp.engine.runtime.received_signals import ReceivedSignals
from flowapp.engine.runtime.recorder import Message, Recorder, execution_completed, responded, weigh
from flowapp.engine.runtime.resume import resume
from flowapp.engine.runtime.visit import Attempt, idempotency_key
from flowapp.engine.runtime.visit_context import Results, VisitContext
from flowapp.engine.store import leases
from flowapp.engine.store.control import awaiting
from flowapp.engine.store.journal import Batch, Claim, Journal
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.rows import Options
from flowapp.events import executions
from flowapp.models import TEST, new_id
from flowapp.security.opened import Opened
from flowapp.texts import say

_FLUSH_ROWS = 400
_FLUSH_SECONDS = 0.5
_WAITS = ("waiting", SUSPENDED, "joined", "looping")  # statuses of tokens whose attempt was written as waiting


class Run:
    """Drives one execution. `over` is true once it has ended or was given back."""

    context: VisitContext

    def __init__(self, host: Host, journal: Journal, claim: Claim) -> None:
        self.host, self.journal, self.claim = host, journal, claim
        self.row = claim.row
        self.options: Options = self.row["options"] or {}
        self.is_test = self.row["trigger_type"] == TEST
        self.state: State = self.row["state"] or machine.new_state()
        given = (self.row["input_data"], self.row["context"])
        self.recorder = Recorder(claim.row["id"], claim.row["organization_id"], claim.row["seq"], host.now, given)
        self.results = Results()
        self.signals: ReceivedSignals | None = None  # read where it is resumed
        self.since = new_id()  # of events recorded from now on, all ids are greater
        self.error = ""
        self.current = ""
        self.over = False
        self.target = self.options.get("run_to")
        self.arrived = False  # at `target`
        self.flushed = monotonic()
        self.progressed = False

    # --- beginning

    def open(self, program: Program) -> None:
        """Starts the execution, or resumes it where it stands."""
        self.program = program
        place = self.row["organization_id"], program.project_id, self.row["timezone"]
        services = cache(lambda: self.host.services(*place))
        self.context = VisitContext(self.row, program, services, self.host.now, self._entities())
        if not self.state["total"]:
            self.recorder.weight += weigh(self.row["input_data"]) + weigh(self.row["context"])
            if self.row.get("hears_executions"):
                self.recorder.batch.events += executions.started(
                    cast(executions.Known, self.row), self.row["started_at"]
                )
            self.advance({"type": "started"})
        else:
            self._resume()

    def _entities(self) -> dict[str, View]:
        """What the execution is about, as it is now, and what that leads to; without what was deleted."""
        about = [(self.row["trigger_entity_type"], self.row["trigger_entity_id"]), (CONTACT, self.row["contact_id"])]
        if not any(key for _name, key in about):
            return {}
        return self.journal.entities([(name, key) for name, key in about if key])

    def _resume(self) -> None:
        resumed = resume(self.context, self.state, self.journal)
        self.results, self.signals = resumed.results, resumed.signals
        self._consume()
        for ended in resumed.ended:
            self.recorder.end_earlier(*ended)
        for line in resumed.lines:
            self.recorder.line(*line)
        self.current = next((token["step"] for token in reversed(self.state["tokens"].values())), "")
        for outcome in resumed.outcomes:
            self.advance(outcome)

    # --- going on

    @property
    def overdrawn(self) -> str:
        """Why the execution may not go on: its time or its space is used up."""
        limit = self.program.timeout
        if limit is not None and (self.host.now() - self.row["started_at"]).total_seconds() > limit:
            return say("The workflow took longer than its timeout allows.")
        return quotas.passed(self.stored) if self.stored > quotas.execution else ""

    def next(self) -> tuple[str | None, Signal | None]:
        """The token to run next, and the signal that it waited for. It may be that the execution has ended meanwhile."""
        if (
            self.signals is not None
        ):  # what came in time counts, also where nobody could act on it before the time was over
            number, signal = self.signals.next(self.state["tokens"])
            if number is not None:
                return number, signal
        self._wake_due()
        return (None if self.over else self._ready()), None

    def _ready(self) -> str | None:
        """The oldest token that is ready, once the conditions of the edge that it came along hold."""
        while not self.over and (number := machine.next_ready(self.state)) is not None:
            token = self.state["tokens"][number]
            if "edge" not in token:
                return number
            line = refusal(self.context, self.results, token)
            if line:
                self.recorder.line(token["from"], *line)
            self.advance({"type": "refused" if line else "admitted", "token": number})
        return None

    def _wake_due(self) -> None:
        for number in machine.due(self.state, self.host.now().timestamp()):
            token = self.state["tokens"].get(number)
            if token is None or token["status"] not in machine.TIMED or self.over:
                continue  # what was woken before it let it go on, or ended it
            if token["status"] in ("waiting", SUSPENDED):
                self.current = token["step"]
                self._finish_wait(token, token.get("result"), token["branch"])
            self.advance({"type": "woken", "token": number})
        if self.arrived and not self.over:
            self.end("completed", "")

    def begin(self, number: str, signal: Signal | None) -> Step:
        """An attempt of the step that a token is on begins; that of a suspended one goes on by its signal."""
        token = self.state["tokens"][number]
        self.current = token["step"]
        step = self.program.step(token["step"])
        if signal is None:
            self.recorder.start(step.definition, number, token, step.spec)
        else:
            self.recorder.reopen(step.definition, number, token, step.spec)
            self._consume()
        return step

    def _consume(self) -> None:
        """What was taken of the signals is deleted with the next commit."""
        self.recorder.batch.consumed += self.signals.taken() if self.signals else []

    def intend(self, number: str, step: Step, params: object) -> None:
        """Writes that the attempt begins: it has an effect. `params`: what with, where they are known before."""
        self.recorder.batch.repeatable = not self.claim.taken and step.spec.effect == "idempotent"
        self.advance({"type": "intent", "token": number})
        key = idempotency_key(self.row["id"], self.current, self.state["tokens"][number]["iteration"])
        self.recorder.open_intent(key, params, Opened(step.secrets))
        self.flush()

    def log(self, step: Step) -> Callable[..., None]:
        """Writes a line for a step. Lines of one with an effect are told while it runs."""
        live = step.spec.effect != "pure"

        def write(message: str, level: str = "info", **data: object) -> None:
            self.recorder.line(step.definition.step_id, level, message, data or None)
            if live:
                self.publish([self.recorder.news.pop()])

        return write

    def end_visit(self, number: str, step: Step, attempt: Attempt) -> None:
        """The attempt is over: it is recorded, the state moves on, and where it must not happen again this is written."""
        self._take_in(number, step, attempt)
        self.progressed = True
        if self.over:
            return
        if self.arrived or (self.target == step.definition.step_id and not self._waits(number)):
            self.end("completed", "")
        elif step.spec.effect == "once" or self._much():
            self.flush()

    def _waits(self, number: str) -> bool:
        token = self.state["tokens"].get(number)
        return token is not None and token["status"] not in ("ready", "running")

    # --- what an outcome means

    def _take_in(self, number: str, step: Step, attempt: Attempt) -> None:
        """Records the attempt and lets the state move on."""
        host, seq = self.host, self.recorder.last_start
        here = Here(self.program, self.row, self.state, number, step, seq, host.now(), host.chance)
        means = meaning(attempt.outcome, here)
        self._record(means, attempt, here.token)
        if means.counted and not self.is_test:
            self.recorder.batch.taken.append((self.row["version_id"], self.current, means.branch))
        for level, message in means.lines:
            self.recorder.line(self.current, level, message)
        if means.reason is not None:
            self.error = means.reason
        if means.answer is not None:  # before the flow goes on: it may end here, and nothing can be written then
            self.advance({"type": "responded"})
            self.flush(response=means.answer)
            self.publish([responded(self.recorder.seq)])
        token = here.token
        self.advance(means.then)
        if means.status == "failed" and not self.over:
            words = retry_words(self.state["tokens"].get(number), here.now, busy=bool(means.then.get("busy")))
            if not words and is_late(token) and machine.stops(self.program, token["step"]):
                words = say("A merge went on without this branch: it ends here, and nothing else fails.")
            if words:
                self.recorder.line(step.definition.step_id, "warning", words)

    def _record(self, means: Meaning, attempt: Attempt, token: Token) -> None:
        if means.items is not None:
            attempt.params = {name: value for name, value in attempt.params.items() if name != "items"}
            self.results.begin_loop(machine.next_number(self.state), means.items)
        if means.status == "waiting":
            self.recorder.wait(attempt, means.output)
            return
        self.recorder.end(
            means.status, attempt, branch=means.branch, output=means.output, error=means.error, details=means.details
        )
        if means.status == "completed":
            self._gave(token, means.output)
        elif means.status == "failed":
            self.results.keep(token.get("frame", ""), token["step"], None, "failed", means.error)

    def _gave(self, token: Token, result: object) -> None:
        """A step is through; later ones see its result."""
        self.results.keep(token.get("frame", ""), token["step"], result, "completed", late=bool(token.get("late")))
        if token["step"] == self.target:
            self.arrived = True

    def _finish_wait(self, token: Token, result: object, branch: str, status: str = "completed") -> None:
        """The attempt that a waiting token began earlier is over. Without a branch the token ended there."""
        name = self.program.step(token["step"]).definition.name
        self.recorder.end_wait(token, name, branch, result, status)
        if status == "completed" and branch:
            self._gave(token, result)

    # --- what the state machine says

    def advance(self, outcome: Outcome) -> None:
        """Lets the state machine take in what happened, and does what it says."""
        self._carry_out(*machine.advance(self.program, self.state, outcome))

    def _carry_out(self, state: State, commands: Iterable[Command]) -> None:
        self.state = state
        for command in commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command["do"]:
            case "item":
                self._end_item(command)
            case "looped":
                result = self.results.end_loop(command["loop"], command["held"])
                self._finish_wait(command["token"], result, "done")
            case "merged":
                result = self.results.merged(command["tokens"])
                for token in command["tokens"][1:]:
                    self._finish_wait(token, None, "")
                self._finish_wait(command["tokens"][0], result, command["branch"])
            case "late":
                self._finish_wait(command["token"], None, "", "cancelled")
            case "dropped":
                self._drop(command["tokens"])
            case "end":
                failed = command["status"] in ("failed", "cancelled")
                known = self.error if failed else self.state.get("error", "")
                self.end(command["status"], command.get("reason") or known)

    def _end_item(self, command: Command) -> None:
        failed = "error" in command
        self.results.end_item(command["frame"], failed=failed)
        at = {"number": command["index"] + 1, "total": command["total"]}
        if failed:
            words = say("Item %(number)s of %(total)s failed: %(error)s", error=command["error"], **at)
            self.recorder.line(command["step"], "warning", words)
        else:
            self.recorder.line(command["step"], "debug", say("Item %(number)s of %(total)s is through.", **at))

    def _drop(self, tokens: Iterable[Token]) -> None:
        """The attempts of these tokens that wait are over: nobody waits for them any more, nor for their sub-workflows."""
        tokens = list(tokens)
        self.recorder.batch.abandoned += awaiting(tokens)
        for token in tokens:
            if token["status"] in _WAITS:
                self._finish_wait(token, None, "", "cancelled")

    # --- writing

    def _much(self) -> bool:
        return self.recorder.size > _FLUSH_ROWS or monotonic() - self.flushed > _FLUSH_SECONDS

    @property
    def stored(self) -> int:
        """Bytes that this execution has written, and is about to."""
        return self.state.get("stored", 0) + self.recorder.weight

    def flush(self, then: Callable[[], None] = lambda: None, **columns: object) -> None:
        """Commits what has happened since the last commit, then tells who watches, and does what is to be done `then`.

        The last commit of an execution may be made a little later, together with others'.
        """
        batch, news = self.recorder.take()
        self.state = {**self.state, "stored": self.stored}
        batch.columns = {
            "state": self.state,
            "seq": self.recorder.seq,
            "current_step_id": self.current,
            "crashes": 0 if self.progressed else self.row["crashes"],
            **({"error_message": "", "error_parts": None} if self.progressed and self.row["crashes"] else {}),
            "success_count": self.state["ok"],
            "failure_count": self.state["failed"],
            **columns,
        }
        if columns.get("status") == "waiting":
            batch.timers = waiting.timers(self.row, self.state, self.program.timeout) or self._none()
            batch.listening = waiting.subscriptions(self.row, self.state, self.program) or self._none()
        elif self.over:
            batch.timers = self._none()
            batch.listening = None if columns["status"] == "pending" else self._none()
        written = partial(self._written, batch, self.recorder.weight, news, then)
        self.recorder.weight = 0
        self.flushed = monotonic()
        if not (self.over and self.journal.gather(self.claim, batch, written)):
            self._write(batch)
            written()

    def _write(self, batch: Batch) -> None:
        try:
            self.journal.write(self.claim, batch)
        except Exception as error:  # noqa: BLE001 - raised again unless the database is away
            leases.write_again(self.journal, self.claim, batch, self.host.stopping, error)
        self.claim.seq = self.recorder.seq
        self.host.watch.settled()

    def _written(self, batch: Batch, weight: int, news: list[Message], then: Callable[[], None]) -> None:
        self.host.stored((self.row["organization_id"], self.row["workflow_id"], weight))
        self.publish(news)
        if batch.cancelled:
            self.host.cancelled(batch.cancelled)
        then()

    def _none(self) -> list[Any] | None:
        """Nothing wakes it any more. Where it never waited there is nothing to take away either."""
        return [] if self.row["state"] else None

    def rest(self) -> None:
        """Nothing is ready: the execution waits for its timers, for signals, or for a person."""
        self.over = True
        self.flush(self._look_again, status="waiting", lease_until=None)

    def _look_again(self) -> None:
        """Whether a signal came while nobody could be woken."""
        standing = self.row, self.state, self.program
        if waiting.signals_came(
            self.journal, self.signals or ReceivedSignals(), *standing, since=self.since, now=self.host.now()
        ):
            self.host.wake(self.row["id"], self.row["organization_id"])

    def give_back(self, rung_at: datetime | None = None) -> None:
        """Another worker goes on, soon: whoever gives it back wakes it, and says when, or the scheduler does."""
        self.over = True
        self.flush(status="pending", lease_until=None, rung_at=rung_at)

    def end(self, status: End, error: str) -> None:
        """The execution has ended."""
        self.over, error = True, self.recorder.named.mask(error)
        if status == "failed":  # what waits is kept to be made again, but for sub-workflows: these would begin anew
            self.recorder.batch.abandoned += awaiting(self.state["tokens"].values())
        self._carry_out(*machine.ended(self.state, status))
        self.recorder.seq += 1
        end = Completion(status, self.results.output, error, self.current, self.host.now())
        self.recorder.weight += weigh(end.output)
        self.recorder.news.append(execution_completed(self.row["id"], self.recorder.seq, status, error, end.output))
        tell_others(self.recorder.batch, self.row, end)
        self.flush(self._ended, **columns_of(end))

    def _ended(self) -> None:
        if self.options.get("parent") or self.row["concurrency_key"] is not None:
            self.host.ended(self.row)

    def publish(self, news: list[Message]) -> None:
        """Tells who watches."""
        if news:
            self.host.publish(self.row["organization_id"], self.row["id"], news)
