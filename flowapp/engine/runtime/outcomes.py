"""What a step's outcome means for its execution, and the execution's end for others: one function for each outcome of the
catalog. They change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from flowapp.catalog import Branch, Done, Each, Fail, Goal, Join, Outcome, Respond, Stop, Suspend, Wait
from flowapp.catalog.outcome import ANSWER_WITHIN
from flowapp.engine.machine import types as machine
from flowapp.engine.machine.merges import expected
from flowapp.engine.runtime.program import Program, Step
from flowapp.engine.runtime.recorder import made_of
from flowapp.engine.store import signals
from flowapp.engine.store.control import end_of_child
from flowapp.engine.store.failures import fingerprint
from flowapp.engine.store.journal import Batch
from flowapp.engine.store.rows import Columns, ExecutionRow, SignalRow
from flowapp.events import executions
from flowapp.models import TEST
from flowapp.texts import labelled, say

_ANSWERED = timedelta(seconds=ANSWER_WITHIN)


@dataclass(frozen=True, slots=True)
class Here:
    """Where and when a step gave its outcome. `seq` is that of its attempt, `row` its execution's."""

    program: Program
    row: ExecutionRow
    state: machine.State
    number: str
    step: Step
    seq: int
    now: datetime
    chance: Callable[[], float]

    @property
    def token(self) -> machine.Token:
        return self.state["tokens"][self.number]


@dataclass(slots=True)
class Meaning:
    """How the attempt is written (`status`, `branch`, `output`, `error`, `details`), what the log says of it, and what the
    state machine is to take in (`then`).

    `counted`: the branch is one of those that are counted. `items`: a loop runs over them. `answer`: what the caller gets.
    `reason`: why the execution ends, should it end by this.
    """

    status: Literal["completed", "waiting", "failed", "uncertain"]
    then: machine.Outcome
    branch: str = ""
    output: object = None
    error: str = ""
    details: Mapping[str, object] | None = None
    lines: Sequence[tuple[str, str]] = ()  # level, message
    counted: bool = False
    items: list[object] | None = None
    answer: dict[str, object] | None = None
    reason: str | None = None


def meaning(outcome: Outcome, here: Here) -> Meaning:
    """What it means here."""
    return _MEANINGS[type(outcome)](outcome, here)


def retry_words(token: machine.Token | None, now: datetime, *, busy: bool) -> str:
    """What the log says where an attempt is made again: it failed, or the other side was `busy`."""
    if token is None or token["status"] != "retry":
        return ""
    seconds = f"{(token.get('until') or 0) - now.timestamp():.0f}"
    if busy:
        return say("It waits for its turn and goes on in %(seconds)s s.", seconds=seconds)
    return say(
        "Attempt %(attempt)s failed; the next one follows in %(seconds)s s.",
        attempt=token["attempt"],
        seconds=seconds,
    )


def _done(outcome: Done, here: Here) -> Meaning:
    return _completed(here, outcome.branch, outcome.result)


def _branch(outcome: Branch, here: Here) -> Meaning:
    return _completed(here, outcome.name, outcome.result)


def _completed(here: Here, branch: str, result: object) -> Meaning:
    then: machine.Outcome = {"type": "done", "token": here.number, "branch": branch}
    return Meaning("completed", then, branch, result, counted=here.step.spec.counted)


def _wait(outcome: Wait, here: Here) -> Meaning:
    then: machine.Outcome = {
        "type": "waiting",
        "token": here.number,
        "branch": outcome.branch,
        "until": outcome.until.timestamp(),
        "result": outcome.result,
        "seq": here.seq,
    }
    return Meaning("waiting", then, lines=[("info", say("Waiting until %(time)s.", time=_utc(outcome.until)))])


def _suspend(outcome: Suspend, here: Here) -> Meaning:
    again = here.token["status"] == machine.SUSPENDED  # after a signal: its patience is what it was
    then: machine.Outcome = {
        "type": "suspended",
        "token": here.number,
        "branch": outcome.timeout_branch,
        "until": here.token["until"] if again else _epoch(outcome.until),
        "accepts": list(outcome.accepts),
        "events": list(outcome.events),
        "same_entity": outcome.same_entity,
        "result": outcome.result,
        "seq": here.seq,
    }
    return Meaning("waiting", then, lines=[] if again else [("info", _waiting_for(outcome))])


def _waiting_for(outcome: Suspend) -> str:
    what = outcome.waits_for
    if outcome.until is None:
        return say("Waiting for %(what)s.", what=what)
    return say("Waiting for %(what)s, until %(time)s at the latest.", what=what, time=_utc(outcome.until))


def _utc(moment: datetime) -> str:
    """As pages find it in a text, to show it in the reader's zone (web.locale.local_times)."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _epoch(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _each(outcome: Each, here: Here) -> Meaning:
    passed = here.program.passed_by_each(here.step.definition.step_id)
    left = here.program.max_visits - here.state["total"]
    if len(outcome.items) * passed > left:
        return _fail(Fail(_beyond_budget(len(outcome.items), passed, left, here), permanent=True), here)
    then: machine.Outcome = {
        "type": "looping",
        "token": here.number,
        "total": len(outcome.items),
        "at_once": outcome.at_once,
        "keep_going": outcome.keep_going,
        "seq": here.seq,
    }
    lines = [("info", say("Items: %(count)s.", count=len(outcome.items)))]
    return Meaning("waiting", then, output={"items": outcome.items}, lines=lines, items=outcome.items)


def _beyond_budget(items: int, passed: int, left: int, here: Here) -> str:
    return say(
        "The list has %(items)s items, and each takes %(passed)s steps: %(needed)s in all. This execution can run "
        "%(left)s more (“Maximum steps per execution” is %(most)s). No item was processed. Raise that "
        "number in the workflow's settings, or set a batch size in this step.",
        items=items,
        passed=passed,
        needed=items * passed,
        left=left,
        most=here.program.max_visits,
    )


def _join(outcome: Join, here: Here) -> Meaning:
    merge = here.step.definition.step_id, here.token.get("frame", "")
    others = set(expected(here.program, here.state, merge)) - {here.number}
    then: machine.Outcome = {
        "type": "joined",
        "token": here.number,
        "mode": outcome.mode,
        "until": _epoch(outcome.until),
        "seq": here.seq,
    }
    waits = others and outcome.mode == "all"
    return Meaning("waiting", then, lines=[("info", say("Here; waiting for the other branches."))] if waits else [])


def _goal(outcome: Goal, here: Here) -> Meaning:
    return Meaning("completed", {"type": "goal", "token": here.number}, "next", outcome.result)


def _respond(outcome: Respond, here: Here) -> Meaning:
    answer = {"status": outcome.status, "headers": dict(outcome.headers), "body": outcome.body}
    then: machine.Outcome = {"type": "done", "token": here.number, "branch": "next"}
    found = Meaning("completed", then, "next", answer, answer=answer)
    if here.state.get("responded"):
        found.answer = None
        found.lines = [("warning", say("The caller was answered before: only that counts."))]
    elif here.row["trigger_type"] == "webhook" and here.now - here.row["started_at"] > _ANSWERED:
        late = say(
            "The caller waits %(seconds)s seconds at most: nobody got this answer.", seconds=f"{ANSWER_WITHIN:g}"
        )
        found.lines = [("warning", late)]
    return found


def _stop(outcome: Stop, here: Here) -> Meaning:
    then: machine.Outcome = {"type": "stopped", "token": here.number, "status": outcome.status}
    level = "error" if outcome.status == "failed" else "info"
    lines = [(level, outcome.message)] if outcome.message else []
    return Meaning("completed", then, output=outcome.result, lines=lines, reason=outcome.message)


def _fail(outcome: Fail, here: Here) -> Meaning:
    details = outcome.details or {}
    if here.step.spec.effect == "once" and details.get("uncertain"):
        unknown: machine.Outcome = {"type": "uncertain", "token": here.number}
        return Meaning("uncertain", unknown, error=outcome.message, details=details)
    reason = labelled(here.step.definition.name, outcome.message)
    then: machine.Outcome = {
        "type": "failed",
        "token": here.number,
        "permanent": outcome.permanent,
        "error": outcome.message,
        "now": here.now.timestamp(),
        "jitter": here.chance(),
        "after": _asked(details),
        "reason": reason,
    }
    busy = bool(details.get("busy"))  # the other side had no time for it
    if busy:
        then["busy"], then["advanced"] = True, bool(details.get("advanced"))
    lines = [("warning" if busy else "error", outcome.message)]
    return Meaning("failed", then, error=outcome.message, details=outcome.details, lines=lines, reason=reason)


def _asked(details: Mapping[str, object]) -> float:
    """Seconds for which the other side asked to be left alone (details.retry_after)."""
    after = details.get("retry_after")
    return float(after) if isinstance(after, int | float) else 0.0


_MEANINGS: dict[type, Callable[..., Meaning]] = {
    Done: _done,
    Branch: _branch,
    Wait: _wait,
    Suspend: _suspend,
    Each: _each,
    Join: _join,
    Goal: _goal,
    Respond: _respond,
    Stop: _stop,
    Fail: _fail,
}


# --- the end of the execution


@dataclass(frozen=True, slots=True)
class Completion:
    """How an execution ended. `step_id`: where it stood last."""

    status: str
    output: object
    error: str
    step_id: str
    at: datetime


def columns_of(end: Completion) -> Columns:
    """What the end writes into the execution's row."""
    more = {"error_fingerprint": fingerprint(end.step_id, end.error)} if end.status == "failed" else {}
    return {
        "status": end.status,
        "output_data": end.output,
        "error_message": str(end.error),
        "error_parts": made_of(end.error),
        "completed_at": end.at,
        "lease_until": None,
        "goal_reached": end.status == "goal_reached",
        **more,
    }


def tell_others(batch: Batch, row: ExecutionRow, end: Completion) -> None:
    """Adds to the batch what others hear: the parent that waits, and who listens for ends. Tests fail unheard."""
    parent = (row["options"] or {}).get("parent")
    if parent:
        batch.signals.append(_signal_to_parent(row, parent, end))
    if end.status == "failed" and row["trigger_type"] != TEST:
        batch.events.append(executions.failed(cast(executions.Known, row), end.error, end.step_id, end.at))
    elif row.get("hears_executions"):
        batch.events += executions.ended(cast(executions.Known, row), end.status, end.error, end.step_id, end.at)


def _signal_to_parent(row: ExecutionRow, parent: Sequence[str], end: Completion) -> SignalRow:
    """A row of signals, for the (execution, token) that waits for this one."""
    payload = end_of_child(row["id"], end.status, end.output, end.error)
    return signals.row(row["organization_id"], parent[0], "child", payload, end.at, token=parent[1])
