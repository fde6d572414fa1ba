"""One claimed execution in the hands of a worker: its state, its unwritten batch, and the steps it takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from flowapp.catalog import Branch, Done, Fail, Stop, Wait
from flowapp.engine import messages as m
from flowapp.engine import state as machine
from flowapp.engine.journal import Claim, Journal
from flowapp.engine.program import Program, Step
from flowapp.engine.record import Recorder
from flowapp.engine.scope import Scope
from flowapp.engine.visit import Attempt, Visit, idempotency_key, run

if TYPE_CHECKING:
    from flowapp.engine.runner import Runner

_FLUSH_ROWS = 400
_FLUSH_SECONDS = 0.5
UNCERTAIN = "The worker died while this step was running. Nobody knows whether it took effect: send it again, or treat it as done."


class Run:
    """Drives one execution. `over` is true once it has ended or was given back."""

    program: Program

    def __init__(self, runner: Runner, journal: Journal, claim: Claim) -> None:
        self.runner, self.journal, self.claim = runner, journal, claim
        self.row: Mapping[str, Any] = claim.row
        self.state: machine.State = self.row["state"] or machine.new_state()
        self.record = Recorder(claim.row["id"], claim.row["organization_id"], claim.row["seq"], runner.now)
        self.results: dict[str, dict[str, Any]] = {}
        self.output: Any = None
        self.error = ""
        self.current = ""
        self.over = False
        self.flushed = monotonic()
        self.progressed = False

    # --- beginning

    def open(self, program: Program) -> None:
        """Starts the execution, or takes it up where it stands."""
        self.program = program
        if not self.state["total"]:
            self._advance({"type": "started"})
        else:
            self._resume()
        self.services = self.runner.services(self.row["organization_id"], program.project_id, self.row["timezone"])

    def _resume(self) -> None:
        """Takes up results; settles attempts whose worker died; wakes what is due."""
        open_runs: dict[str, Mapping[str, Any]] = {}
        for past in self.journal.results(self.row["id"]):
            if past["status"] == "running":
                open_runs[past["token"]] = past
            elif past["status"] == "completed":
                self._remember(past["step_id"], past["output"], "completed", "")
            elif past["status"] == "failed":
                self._remember(past["step_id"], None, "failed", past["error_message"])
        for number, token in list(self.state["tokens"].items()):
            self.current = token["step"]
            if token["status"] == "running":
                self._settle(number, open_runs.get(number))

    def _settle(self, number: str, past: Mapping[str, Any] | None) -> None:
        """An attempt was begun and never ended: its worker died. Run it again, or let a person decide."""
        step = self.program.step(self.state["tokens"][number]["step"])
        if step.spec.effect == "once" and past is not None:
            self.record.end_earlier(past, "uncertain", UNCERTAIN)
            self._advance({"type": "uncertain", "token": number})
            return
        if past is not None:
            self.record.end_earlier(past, "failed", "The worker died while this step was running; it runs again.")
        self.state["tokens"][number]["status"] = "ready"

    def _wake(self, number: str) -> None:
        token = self.state["tokens"][number]
        if token["status"] == "waiting":
            past = {
                "seq": token["seq"],
                "step_id": token["step"],
                "iteration": token["iteration"],
                "attempt": token["attempt"],
            }
            step = self.program.step(token["step"])
            self.record.end_wait(past, step.definition.name, token["branch"], token.get("result"))
            self._remember(token["step"], token.get("result"), "completed", "")
        self._advance({"type": "woken", "token": number})

    # --- going on

    def step(self) -> bool:
        """Runs the next ready token. False once there is nothing to do now: the execution waits or has ended."""
        if self._timed_out():
            self.end("failed", "The workflow took longer than its timeout allows.")
            return False
        for due in machine.due(self.state, self.runner.now().timestamp()):
            self._wake(due)
        number = machine.next_ready(self.state)
        if self.over:
            return False
        if number is None:
            self.rest()
            return False
        token = self.state["tokens"][number]
        self.current = token["step"]
        step = self.program.step(token["step"])
        self.record.start(step.definition, number, token, step.spec)
        if step.spec.effect != "pure":
            self._intend(number)
        attempt = run(step, self._scope(), self._visit(token, step))
        self._settled(number, step, attempt)
        if not self.over and (step.spec.effect == "once" or self._much()):
            self.flush()
        return not self.over

    def _intend(self, number: str) -> None:
        self._advance({"type": "intent", "token": number})
        self.record.open_intent(
            idempotency_key(self.row["id"], self.current, self.state["tokens"][number]["iteration"])
        )
        self.flush()

    def _scope(self) -> Scope:
        return Scope(
            input=self.row["input_data"],
            variables=self.program.definition.variables,
            steps=self.results,
            context=self.row["context"],
            now=self.runner.now().astimezone(UTC).isoformat(timespec="seconds"),
            timezone=self.services.timezone,
        )

    def _visit(self, token: dict[str, Any], step: Step) -> Visit:
        live = step.spec.effect != "pure"

        def write(message: str, level: str = "info", **data: Any) -> None:
            self.record.line(step.definition.step_id, level, message, data or None)
            if live:
                self._publish([self.record.news.pop()])

        return Visit(
            execution_id=self.row["id"],
            workflow_id=self.row["workflow_id"],
            organization_id=self.row["organization_id"],
            project_id=self.program.project_id,
            attempt=token["attempt"],
            iteration=token["iteration"],
            services=self.services,
            now=self.runner.now,
            log=write,
        )

    def _settled(self, number: str, step: Step, attempt: Attempt) -> None:
        self.progressed = True
        handler = {Done: self._done, Branch: self._done, Wait: self._wait, Stop: self._stop, Fail: self._fail}
        handler[type(attempt.outcome)](number, step, attempt, attempt.outcome)

    def _done(self, number: str, step: Step, attempt: Attempt, outcome: Any) -> None:
        branch = outcome.name if isinstance(outcome, Branch) else outcome.branch
        self.record.end("completed", attempt, branch=branch, output=outcome.result)
        self._remember(step.definition.step_id, outcome.result, "completed", "")
        self._advance({"type": "done", "token": number, "branch": branch})

    def _wait(self, number: str, _step: Step, attempt: Attempt, outcome: Any) -> None:
        self.record.wait(attempt, outcome.until)
        until = outcome.until.timestamp()
        self._advance({"type": "waiting", "token": number, "branch": outcome.branch, "until": until})
        self.state["tokens"][number].update(result=outcome.result, seq=self.record.last_start)

    def _stop(self, _number: str, step: Step, attempt: Attempt, outcome: Any) -> None:
        self.record.end("completed", attempt, branch="", output=outcome.result)
        self._remember(step.definition.step_id, outcome.result, "completed", "")
        self.error = outcome.message if outcome.status == "failed" else ""
        self._advance({"type": "stopped", "status": outcome.status})

    def _fail(self, number: str, step: Step, attempt: Attempt, outcome: Any) -> None:
        details = outcome.details or {}
        if step.spec.effect == "once" and details.get("uncertain"):
            self.record.end("uncertain", attempt, error=outcome.message, details=details)
            self._advance({"type": "uncertain", "token": number})
            return
        self.record.end("failed", attempt, error=outcome.message, details=outcome.details)
        self._remember(step.definition.step_id, None, "failed", outcome.message)
        self.record.line(step.definition.step_id, "error", outcome.message, None)
        self.error = f"{step.definition.name}: {outcome.message}"
        now = self.runner.now().timestamp()
        jitter = self.runner.chance()
        self._advance({"type": "failed", "token": number, "permanent": outcome.permanent, "now": now, "jitter": jitter})
        token = self.state["tokens"].get(number)
        if token and token["status"] == "retry":
            self.record.line(
                step.definition.step_id,
                "warning",
                f"Attempt {token['attempt']} failed; the next one follows in {token['until'] - now:.0f} s.",
                None,
            )

    def _remember(self, step_id: str, result: Any, status: str, error: str) -> None:
        self.results[step_id] = {"result": result, "status": status, "error": error}
        if status == "completed":
            self.output = result

    def _advance(self, outcome: machine.Outcome) -> None:
        self.state, effects = machine.advance(self.program, self.state, outcome)
        for effect in effects:
            failed = effect["status"] == "failed"
            self.end(effect["status"], effect.get("reason") or (self.error if failed else ""))

    def _timed_out(self) -> bool:
        limit = self.program.timeout
        return limit is not None and (self.runner.now() - self.row["started_at"]).total_seconds() > limit

    # --- writing

    def _much(self) -> bool:
        return self.record.size > _FLUSH_ROWS or monotonic() - self.flushed > _FLUSH_SECONDS

    def flush(self, **columns: Any) -> None:
        """Commits what has happened since the last commit, then tells who watches."""
        batch, news = self.record.take()
        batch.columns = {
            "state": self.state,
            "seq": self.record.seq,
            "current_step_id": self.current,
            "crashes": 0 if self.progressed else self.row["crashes"],
            "success_count": self.state["ok"],
            "failure_count": self.state["failed"],
            **columns,
        }
        batch.timers = self._timers(columns.get("status"))
        self.journal.write(self.claim, batch)
        self.flushed = monotonic()
        self._publish(news)

    def _timers(self, status: str | None) -> list[dict[str, Any]] | None:
        """Timers are the alarm clocks of what the state says; they are set when the worker lets go."""
        if status is None:
            return None
        alarms = machine.alarms(self.state) if status == "waiting" else []
        rows = [self.journal.timer(self.row["id"], n, kind, self._alarm(at)) for n, kind, at in alarms]
        return rows if rows or self.row["state"] else None

    def _alarm(self, at: float) -> datetime:
        if self.program.timeout is not None:
            at = min(at, self.row["started_at"].timestamp() + self.program.timeout + 1)
        return datetime.fromtimestamp(at, UTC)

    def rest(self) -> None:
        """Nothing is ready: the execution waits for its timers, or for a person."""
        self.over = True
        self.flush(status="waiting", lease_until=None)

    def give_back(self) -> None:
        """The process ends: another worker goes on."""
        self.over = True
        self.flush(status="pending", lease_until=None, rung_at=None)

    def end(self, status: str, error: str) -> None:
        """The execution has ended."""
        self.over = True
        self.record.seq += 1
        now = self.runner.now()
        self.record.news.append(m.execution_completed(self.row["id"], self.record.seq, status, error, self.output))
        self.state["tokens"] = {}
        self.flush(
            status=status,
            output_data=self.output,
            error_message=error,
            completed_at=now,
            lease_until=None,
            goal_reached=status == "goal_reached",
        )

    def _publish(self, news: list[m.Message]) -> None:
        if news:
            self.runner.publish(self.row["organization_id"], self.row["id"], news)
