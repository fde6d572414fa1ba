"""What an execution leaves behind: rows of attempts and log lines, and the messages that go with them.

The messages are those that the WebSocket sends. Their `seq` numbers them in one order for each execution, without gaps that
a client could miss: a client that comes back with its last one gets what came after, rebuilt from the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Required, TypedDict

from sqlalchemy.orm import Session

from flowapp.catalog import ActionSpec
from flowapp.engine.language.definition import StepDef
from flowapp.engine.machine.types import Token
from flowapp.engine.runtime.visit import Attempt, shown_params
from flowapp.engine.store import message_log
from flowapp.engine.store.journal import ENDED, SETTLED, Batch
from flowapp.engine.store.rows import Columns, EndedRun, LineRow, RunRow
from flowapp.exact_json import dump_json
from flowapp.logs import kept_text, mask
from flowapp.models import TERMINAL, Execution, iso
from flowapp.security.opened import Opened, named_secrets
from flowapp.texts import Parts, Text, parts

LARGE = 256 * 1024  # characters of an attempt's input from which on the same one is kept once for each claim
_ROW = 200  # bytes that a row takes beside its texts
_WEIGHED = ("input", "output", "explanation", "error_message", "error_parts", "error_details")


class Message(TypedDict, total=False):
    """One message; which keys it has beside `type` and `seq` goes by its type."""

    type: Required[str]
    seq: Required[int]
    step_id: str
    step_name: str
    action_type: str
    status: str | int  # of a step or an execution; of an error the number that HTTP has for it
    attempt: int
    iteration: int
    branch: str
    at: str | None
    result: object
    error: str
    log: dict[str, object]
    logs: list[dict[str, object]]
    execution: dict[str, object]
    execution_id: str
    error_message: str
    output_data: object
    stats: object
    job: dict[str, object]  # of live.job
    unread: int  # of live.notifications
    message: str  # what was wrong with what the client sent
    parts: Parts | None  # of the message that it brings (texts.parts); no client sees them: live.line.shown


def weigh(value: object) -> int:
    """Characters that a value takes in the database."""
    if value is None:
        return 0
    return len(value) if isinstance(value, str) else len(dump_json(value))


class Past(TypedDict):
    """What must be known of an attempt that was begun earlier, to end it."""

    seq: int
    step_id: str
    iteration: int
    attempt: int


class Recorder:
    """Collects rows until they are taken for a commit. `seq` is the number of the last message, `weight` what all rows
    take, taken or not, in bytes. `given`: what the execution was started with; secrets in it are not shown."""

    _row: RunRow  # of the attempt that is under way

    def __init__(
        self,
        execution_id: str,
        organization_id: str,
        seq: int,
        now: Callable[[], datetime],
        given: Sequence[object] = (),
    ) -> None:
        self.execution_id, self.organization_id, self.seq, self.now = execution_id, organization_id, seq, now
        self._given = given
        self.batch = Batch()
        self.news: list[Message] = []
        self.last_start = 0
        self._spec: ActionSpec | None = None
        self._written = False
        self.weight = 0
        self._large: dict[bytes, str] = {}  # digest of an input to the attempt that it was kept with

    @cached_property
    def named(self) -> Opened:
        """What the execution was given under the names of secrets: steps use it, lines and inputs do not repeat it."""
        return Opened(named_secrets(list(self._given)))

    @property
    def size(self) -> int:
        """Rows not yet taken."""
        return len(self.batch.started) + len(self.batch.lines)

    def take(self) -> tuple[Batch, list[Message]]:
        """The batch to write and the messages to publish after it; both start anew."""
        batch, news = self.batch, self.news
        self.batch, self.news = Batch(), []
        return batch, news

    def start(self, step: StepDef, number: str, token: Token, spec: ActionSpec) -> None:
        """An attempt begins."""
        self.seq += 1
        self.last_start = self.seq
        self._written = False
        self._spec = spec
        self._row = {
            "organization_id": self.organization_id,
            "execution_id": self.execution_id,
            "seq": self.seq,
            "ended_seq": None,
            "step_id": step.step_id,
            "step_name": step.name,
            "action_type": spec.type,
            "token": number,
            "frame": token.get("frame", ""),
            "source": "",
            "iteration": token["iteration"],
            "attempt": token["attempt"],
            "status": "running",
            "branch": "",
            "input": None,
            "output": None,
            "explanation": None,
            "error_message": "",
            "error_parts": None,
            "error_details": None,
            "idempotency_key": "",
            "started_at": self.now(),
            "ended_at": None,
        }
        self.news.append(step_started(self._row))

    def open_intent(self, key: str, params: object = None, opened: Opened | None = None) -> None:
        """The attempt is written before it runs: it has an effect. `params`: what with, for whoever may have to decide."""
        self._row["idempotency_key"] = key
        self._row["input"] = self._shown(params, opened) if params else None
        self.batch.started.append(self._row.copy())
        self._written = True

    def end(
        self,
        status: str,
        attempt: Attempt,
        *,
        branch: str = "",
        output: object = None,
        error: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        """The attempt is over."""
        self.seq += 1
        self._close(status, attempt, branch=branch, output=output, error=error, details=details)
        self._row["ended_seq"], self._row["ended_at"] = self.seq, self.now()
        self._keep()
        self.news.append(step_ended(self._row))

    def reopen(self, step: StepDef, number: str, token: Token, spec: ActionSpec) -> None:
        """A suspended attempt, begun earlier as number `token["seq"]`, is taken up by a signal."""
        seq, news = self.seq, list(self.news)
        self.start(step, number, token, spec)
        self.seq, self.news, self.last_start = seq, news, token["seq"]
        self._row["seq"] = token["seq"]
        self._written = True

    def pinned(self) -> None:
        """The attempt's outcome is the one that a person pinned: the step does not run."""
        self._row["source"] = "pinned"

    def wait(self, attempt: Attempt, output: object = None) -> None:
        """The attempt waits: it ends when its time or its signal comes (end_wait, reopen)."""
        self._close("waiting", attempt, output=output)
        self._keep()

    def end_wait(self, token: Token, name: str, branch: str, output: object, status: str = "completed") -> None:
        """The attempt that a waiting token began earlier is over."""
        step_id, iteration, attempt = token["step"], token["iteration"], token["attempt"]
        past: Past = {"seq": token["seq"], "step_id": step_id, "iteration": iteration, "attempt": attempt}
        self._end_past(past, name, status, branch=branch, output=output)

    def end_earlier(self, past: Past, status: str, error: str) -> None:
        """An attempt of a worker that died is settled."""
        self._end_past(past, past["step_id"], status, error=error)

    def line(self, step_id: str, level: str, message: str, data: Mapping[str, object] | None = None) -> Message:
        """A line of the log. Secrets are masked before anything is cut."""
        self.seq += 1
        text = kept_text(self.named.mask(message))
        row: LineRow = {
            "organization_id": self.organization_id,
            "execution_id": self.execution_id,
            "seq": self.seq,
            "step_id": step_id,
            "level": level,
            "message": str(text),
            "message_parts": made_of(text),
            "data": mask(self.named.mask(data)),
            "created_at": self.now(),
        }
        self.weight += _ROW + weigh(row["message"]) + weigh(row["message_parts"]) + weigh(data)
        self.batch.lines.append(row)
        message_ = log_line(row)
        self.news.append(message_)
        return message_

    def _close(
        self,
        status: str,
        attempt: Attempt,
        *,
        branch: str = "",
        output: object = None,
        error: str = "",
        details: object = None,
    ) -> None:
        error = kept_text(self.named.mask(error)) if error else ""
        self._row.update(
            {
                "status": status,
                "branch": branch,
                "input": self._shown(attempt.params, attempt.opened),
                "output": output,
                "explanation": attempt.explanation,
                "error_message": str(error),
                "error_parts": made_of(error),
                "error_details": details,
            }
        )

    def _shown(self, params: object, opened: Opened | None) -> object:
        """The input as it is kept: a large one that was kept before is named in its place, and not masked again."""
        row, text = self._row, dump_json(params)
        if len(text) >= LARGE:
            mine = f"“{row['step_id']}”, visit {row['iteration'] + 1}, attempt {row['attempt']}"
            first = self._large.setdefault(hashlib.sha256(text.encode()).digest(), mine)
            if first != mine:
                return f"The same {len(text):,} characters as at {first}: large values are kept once."
        return shown_params(self._spec, self.named.mask(params), opened) if self._spec else None

    def _keep(self) -> None:
        row: Mapping[str, object] = self._row
        self.weight += _ROW + sum(weigh(row[name]) for name in _WEIGHED)
        if self._written:
            self.batch.ended.append(self._values(self._row, ENDED))
        else:
            self.batch.started.append(self._row)

    def _values(self, row: Mapping[str, object], names: tuple[str, ...]) -> Columns:
        return {"b_execution_id": self.execution_id, "b_seq": row["seq"], **{name: row[name] for name in names}}

    def _end_past(
        self,
        past: Past,
        name: str,
        status: str,
        *,
        branch: str = "",
        output: object = None,
        error: str = "",
    ) -> None:
        self.seq += 1
        row: EndedRun = {
            "seq": past["seq"],
            "ended_seq": self.seq,
            "step_id": past["step_id"],
            "step_name": name,
            "attempt": past["attempt"],
            "iteration": past["iteration"],
            "status": status,
            "branch": branch,
            "output": output,
            "error_message": str(error),
            "error_parts": made_of(error),
            "ended_at": self.now(),
        }
        self.weight += weigh(output) + weigh(error) + weigh(row["error_parts"])
        self.batch.settled.append(self._values(row, SETTLED))
        self.news.append(step_ended(row))


# --- messages


def execution_started(row: Mapping[str, object]) -> Message:
    """A new execution, a row of executions, is about to run; the monitors of its organization are told."""
    shown = {name: row[name] for name in ("id", "status", "trigger_type")}
    return {"type": "execution_started", "seq": 0, "execution": {**shown, "workflow": row["workflow_id"]}}


def step_started(run: RunRow) -> Message:
    """An attempt has begun; `run` is a row of step_runs."""
    return {
        "type": "step_started",
        "seq": run["seq"],
        "step_id": run["step_id"],
        "step_name": run["step_name"],
        "action_type": run["action_type"],
        "attempt": run["attempt"],
        "iteration": run["iteration"],
        "at": iso(run["started_at"]),
    }


def step_ended(run: EndedRun) -> Message:
    """An attempt is over: step_completed (also for a wait that began) or step_failed."""
    failed = run["status"] in ("failed", "uncertain")
    message: Message = {
        "type": "step_failed" if failed else "step_completed",
        "seq": run["ended_seq"] or 0,
        "step_id": run["step_id"],
        "step_name": run["step_name"],
        "status": run["status"],
        "attempt": run["attempt"],
        "iteration": run["iteration"],
        "branch": run["branch"],
        "at": iso(run["ended_at"]),
    }
    if not failed:
        return {**message, "result": run["output"]}
    return _with_parts({**message, "error": run["error_message"]}, run["error_parts"])


def log_line(row: LineRow) -> Message:
    """A line of the log; `row` is a row of log_lines. The feed of a socket adds the step's name."""
    return _with_parts({"type": "log", "seq": row["seq"], "log": line_json(row)}, row["message_parts"])


def _with_parts(message: Message, kept: Parts | None) -> Message:
    return {**message, "parts": kept} if kept else message


def made_of(message: str) -> Parts | None:
    """The parts of a message to be kept; of other text, the most there is, none."""
    return parts(message) if isinstance(message, Text) else None


def line_json(row: Mapping[str, Any], step_name: str = "") -> dict[str, object]:
    """A line of the log as it is shown everywhere; `row` is a row of log_lines, its data without secrets."""
    return {
        "seq": row["seq"],
        "level": row["level"].upper(),
        "message": row["message"],
        "step_id": row["step_id"],
        "step_name": step_name or row["step_id"],
        "data": row["data"],
        "created_at": iso(row["created_at"]),
    }


def responded(seq: int) -> Message:
    """A `respond` step has answered: whoever waits for it reads it in the execution's row."""
    return {"type": "responded", "seq": seq}


def execution_completed(execution_id: str, seq: int, status: str, error: str, output: object) -> Message:
    """The execution has ended, whatever its status."""
    message: Message = {
        "type": "execution_completed",
        "seq": seq,
        "execution_id": execution_id,
        "status": status,
        "error_message": str(error),
        "output_data": output,
    }
    return _with_parts(message, made_of(error))


def messages_since(session: Session, execution: Execution, after: int = 0) -> list[Message]:
    """The messages with seq > `after`, in order, rebuilt from the rows."""
    runs, lines = message_log.since(session, execution, after)
    messages = [step_started(run) for run in runs if run["seq"] > after]
    messages += [step_ended(run) for run in runs if (run["ended_seq"] or 0) > after]
    messages += map(log_line, lines)
    if execution.status in TERMINAL and execution.seq > after:
        messages.append(end_of(execution))
    return sorted(messages, key=lambda message: int(message["seq"]))


def end_of(execution: Execution) -> Message:
    """The last message of an execution that has ended."""
    return execution_completed(execution.id, execution.seq, execution.status, execution.error, execution.output_data)
