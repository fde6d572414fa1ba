"""What a step hands back to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done: `result` (any JSON value) is what later steps see; the flow follows `branch`."""

    result: object = None
    branch: str = "next"


@dataclass(frozen=True, slots=True)
class Branch:
    """The step decided where the flow goes on: along the edges called `name`."""

    name: str
    result: object = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The token sleeps until `until` (aware, UTC), then goes on along `branch` with `result`."""

    until: datetime
    result: object = None
    branch: str = "next"


@dataclass(frozen=True, slots=True)
class Stop:
    """The whole execution ends here, with `status` and `result` as its output."""

    status: Literal["completed", "failed", "cancelled"] = "completed"
    message: str = ""
    result: object = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt failed. `permanent`: trying again cannot help. Raising StepError means the same."""

    message: str
    permanent: bool = False
    details: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Suspend:
    """The token waits for a signal: an event of a type in `events`, a resume call, a decision, a sub-workflow's end.

    Each signal has the step run again, with `ctx.signal` set and without a new intent; it may suspend again, until the
    moment that it named first. A crash can repeat that visit: an effect that must happen once comes before the step
    suspends. At `until` (None: never) the flow goes on along `timeout_branch`. `same_entity`: only
    events about the execution's contact or entity count. `accepts`: kinds of signals; `waits_for` says in words what is
    waited for. `result` is what later steps see after a timeout.
    """

    waits_for: str
    accepts: tuple[str, ...]
    until: datetime | None = None
    timeout_branch: str = "timeout"
    events: tuple[str, ...] = ()
    same_entity: bool = True
    result: object = None


@dataclass(frozen=True, slots=True)
class Each:
    """A loop: the branch `each` runs for each of `items`, at most `at_once` of them at a time, then `done`.

    `keep_going`: a failing item does not end the execution, it is counted. The step's result, once all are through, is
    {"count", "ok", "failed", "results": the last result of each item, "errors": [{"index", "error"}]}.
    """

    items: list[object]
    at_once: int = 1
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Parallel branches come together: `all` that can still arrive, or the `first`. At `until`: along `timeout`."""

    mode: Literal["all", "first"] = "all"
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal is reached: the execution will end as goal_reached. `result` as of Done."""

    result: object = None


ANSWER_WITHIN = 25.0  # seconds that the caller of a webhook is kept waiting: most senders give up after 30


@dataclass(frozen=True, slots=True)
class Respond:
    """Answers the caller who waits for this execution (a webhook), once; the flow goes on along `next`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None


Outcome = Done | Branch | Wait | Stop | Fail | Suspend | Each | Join | Goal | Respond
