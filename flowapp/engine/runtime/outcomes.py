"""What a step's outcome means for its execution: one function for each outcome of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flowapp.catalog import Branch, Done, Each, Fail, Goal, Join, Park, Respond, Stop, Wait
from flowapp.catalog.outcome import ANSWER_WITHIN
from flowapp.engine.machine.merges import expected
from flowapp.engine.runtime.program import Step
from flowapp.engine.runtime.visit import Attempt
from flowapp.engine.store import messages as m

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run

_ANSWERED = timedelta(seconds=ANSWER_WITHIN)


def apply(run: Run, number: str, step: Step, attempt: Attempt) -> None:
    """Records the attempt and moves the state on."""
    _HANDLERS[type(attempt.outcome)](run, number, step, attempt, attempt.outcome)


def _frame(run: Run, number: str) -> str:
    return str(run.state["tokens"][number].get("frame", ""))


def _completed(run: Run, number: str, step: Step, attempt: Attempt, branch: str, result: Any) -> None:
    run.record.end("completed", attempt, branch=branch, output=result)
    run.gave(run.state["tokens"][number], step.definition.step_id, result)


def _done(run: Run, number: str, step: Step, attempt: Attempt, outcome: Any) -> None:
    branch = outcome.name if isinstance(outcome, Branch) else outcome.branch
    _completed(run, number, step, attempt, branch, outcome.result)
    if step.spec.counted and not run.is_test:
        run.record.batch.taken.append((run.row["version_id"], step.definition.step_id, branch))
    run.advance({"type": "done", "token": number, "branch": branch})


def _wait(run: Run, number: str, _step: Step, attempt: Attempt, outcome: Wait) -> None:
    run.record.wait(attempt, f"Waiting until {outcome.until:%Y-%m-%d %H:%M:%S} UTC.")
    until = outcome.until.timestamp()
    run.advance({"type": "waiting", "token": number, "branch": outcome.branch, "until": until})
    run.state["tokens"][number].update(result=outcome.result, seq=run.record.last_start)


def _park(run: Run, number: str, _step: Step, attempt: Attempt, outcome: Park) -> None:
    token = run.state["tokens"][number]
    until = outcome.until.timestamp() if outcome.until else None
    if token["status"] == "parked":  # again, after a signal: its patience is what it was
        until = token["until"]
        run.record.wait(attempt, "")
    else:
        limit = f", until {outcome.until:%Y-%m-%d %H:%M:%S} UTC at the latest" if outcome.until else ""
        run.record.wait(attempt, f"Waiting for {outcome.waits_for}{limit}.")
    run.advance(
        {
            "type": "parked",
            "token": number,
            "branch": outcome.timeout_branch,
            "until": until,
            "accepts": list(outcome.accepts),
        }
    )
    run.state["tokens"][number].update(
        result=outcome.result,
        seq=run.record.last_start,
        events=list(outcome.events),
        same_entity=outcome.same_entity,
    )


def _each(run: Run, number: str, _step: Step, attempt: Attempt, outcome: Each) -> None:
    token = run.state["tokens"][number]
    attempt.params = {name: value for name, value in attempt.params.items() if name != "items"}
    run.record.wait(attempt, f"Items: {len(outcome.items)}.", output={"items": outcome.items})
    token["seq"] = run.record.last_start
    loop = str(run.state["next"])  # the number that the state machine gives it
    run.memory.begin_loop(loop, outcome.items)
    run.advance(
        {
            "type": "looping",
            "token": number,
            "total": len(outcome.items),
            "at_once": outcome.at_once,
            "keep_going": outcome.keep_going,
        }
    )


def _join(run: Run, number: str, step: Step, attempt: Attempt, outcome: Join) -> None:
    here = step.definition.step_id, _frame(run, number)
    others = set(expected(run.program, run.state, here)) - {number}
    run.record.wait(attempt, "Here; waiting for the other branches." if others and outcome.mode == "all" else "")
    run.state["tokens"][number]["seq"] = run.record.last_start
    until = outcome.until.timestamp() if outcome.until else None
    run.advance({"type": "joined", "token": number, "mode": outcome.mode, "until": until})


def _goal(run: Run, number: str, step: Step, attempt: Attempt, outcome: Goal) -> None:
    _completed(run, number, step, attempt, "next", outcome.result)
    run.advance({"type": "goal", "token": number})


def _respond(run: Run, number: str, step: Step, attempt: Attempt, outcome: Respond) -> None:
    answer = {"status": outcome.status, "headers": dict(outcome.headers), "body": outcome.body}
    _completed(run, number, step, attempt, "next", answer)
    if run.state.get("responded"):
        run.record.line(step.definition.step_id, "warning", "The caller was answered before: only that counts.", None)
    else:  # before the flow goes on: it may end here, and nothing can be written then
        if run.row["trigger_type"] == "webhook" and run.runner.now() - run.row["started_at"] > _ANSWERED:
            late = f"The caller waits {ANSWER_WITHIN:g} seconds at most: nobody got this answer."
            run.record.line(step.definition.step_id, "warning", late, None)
        run.state["responded"] = True
        run.flush(response=answer)
        run.publish([m.responded(run.record.seq)])
    run.advance({"type": "done", "token": number, "branch": "next"})


def _stop(run: Run, number: str, step: Step, attempt: Attempt, outcome: Stop) -> None:
    _completed(run, number, step, attempt, "", outcome.result)
    if outcome.message:
        level = "error" if outcome.status == "failed" else "info"
        run.record.line(step.definition.step_id, level, outcome.message, None)
    run.error = outcome.message
    run.advance({"type": "stopped", "token": number, "status": outcome.status})


def _fail(run: Run, number: str, step: Step, attempt: Attempt, outcome: Fail) -> None:
    details = outcome.details or {}
    if step.spec.effect == "once" and details.get("uncertain"):
        run.record.end("uncertain", attempt, error=outcome.message, details=details)
        run.advance({"type": "uncertain", "token": number})
        return
    step_id = step.definition.step_id
    run.record.end("failed", attempt, error=outcome.message, details=outcome.details)
    run.memory.keep(_frame(run, number), step_id, None, "failed", outcome.message)
    run.record.line(step_id, "error", outcome.message, None)
    run.error = f"{step.definition.name}: {outcome.message}"
    now = run.runner.now().timestamp()
    failure = {"type": "failed", "token": number, "permanent": outcome.permanent, "error": outcome.message, "now": now}
    run.advance({**failure, "jitter": run.runner.chance(), "after": _asked(details)})
    token = run.state["tokens"].get(number)
    if token and token["status"] == "retry":
        words = f"Attempt {token['attempt']} failed; the next one follows in {token['until'] - now:.0f} s."
        run.record.line(step_id, "warning", words, None)


def _asked(details: Mapping[str, Any]) -> float:
    """Seconds for which the other side asked to be left alone (details.retry_after)."""
    after = details.get("retry_after")
    return float(after) if isinstance(after, int | float) else 0.0


_HANDLERS: dict[type, Callable[..., None]] = {
    Done: _done,
    Branch: _done,
    Wait: _wait,
    Park: _park,
    Each: _each,
    Join: _join,
    Goal: _goal,
    Respond: _respond,
    Stop: _stop,
    Fail: _fail,
}
