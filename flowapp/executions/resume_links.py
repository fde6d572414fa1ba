"""Resume links ({{ resume_url }}): which wait a call of one passes, and that it passes one only.

A link names the visit of a step that made it. It is for the first wait for a call that the same token comes to after
that visit; where the flow parts in between, for the first one of any token. A call that comes before is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS, get_action
from flowapp.engine.store import signals
from flowapp.errors import ConflictError
from flowapp.executions.history import lock
from flowapp.models import TERMINAL, Execution, Signal, StepRun, utcnow
from flowapp.security.links import read
from flowapp.texts import say

MOST = 1000  # visits that are looked through
_BEFORE = ("running", "waiting")


@dataclass(frozen=True, slots=True)
class Link:
    """`visit`: token, step and iteration that made it, None for a link of an earlier release; `key` is what it is
    remembered by once it was used; `step_id` the step that the caller means, empty: whichever waits."""

    execution_id: str
    visit: tuple[str, str, int] | None
    key: str
    step_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """What a call would do now: pass the wait of `run`, be kept for one that is yet to come, or nothing any more."""

    status: Literal["open", "early", "used", "passed", "ended"]
    run: StepRun | None = None

    @property
    def number(self) -> int:
        """Which visit a form is about; 0 before there is one."""
        return self.run.seq if self.run else 0


def read_link(secret_key: str, token: str, step_id: str) -> Link:
    """The link of a token. NotFoundError where it was not signed here."""
    value: Any = read(secret_key, "resume", token)
    known = value if isinstance(value, list) else token
    key = hashlib.sha256(json.dumps([known, step_id]).encode()).hexdigest()[:16]
    if not isinstance(value, list):
        return Link(value, None, key, step_id)
    execution_id, number, step, iteration = value
    return Link(execution_id, (number, step, iteration), key, step_id)


def wait_of(session: Session, execution: Execution, link: Link) -> Wait:
    """What a call of the link would do now."""
    if link.key in execution.options.get("resumed", ()):
        return Wait("used")
    if execution.status in TERMINAL:
        return Wait("ended")
    since = _made_at(session, link)
    if since is None:
        return Wait("early")
    visits = list(_visits(session, link, since))
    own = next((run for run in visits if link.visit and run.token == link.visit[0]), None)
    run = own or next((run for run in visits if run.status == "waiting"), None)
    if run is None:
        return Wait("early")
    if run.status not in _BEFORE or _is_taken(session, run):
        return Wait("passed")
    return Wait("open", run) if run.status == "waiting" else Wait("early")


def take(session: Session, execution: Execution, link: Link, payload: object, visit: int | None = None) -> None:
    """Keeps a call for the wait that it passes. The caller commits, then wakes the execution.

    `visit`: of the form that was sent; it passes no other. ConflictError where nothing can come of the call.
    """
    lock(session, execution)
    wait = wait_of(session, execution, link)
    if wait.status == "ended":
        raise ConflictError(say("This execution has already ended."))
    if wait.status == "used":
        raise ConflictError(say("This link has already been used. It can continue the workflow only once."))
    if wait.status == "passed" or (visit and visit != wait.number):
        raise ConflictError(say("The workflow has already continued past the step that this link was made for."))
    token, step_id = (wait.run.token, wait.run.step_id) if wait.run else ("", link.step_id)
    session.add(
        Signal(
            **signals.row(
                execution.organization_id, execution.id, "resume", payload, utcnow(), token=token, step=step_id
            )
        )
    )
    execution.options = {**execution.options, "resumed": [*execution.options.get("resumed", ()), link.key]}


def _made_at(session: Session, link: Link) -> int | None:
    """The number of the visit that made the link; None while it is not stored."""
    if link.visit is None:
        return 0
    number, step_id, iteration = link.visit
    return session.scalar(
        select(StepRun.seq)
        .where(
            StepRun.execution_id == link.execution_id, StepRun.token == number, StepRun.step_id == step_id,
            StepRun.iteration == iteration,
        )
        .order_by(StepRun.seq)
        .limit(1)
    )  # fmt: skip


def _visits(session: Session, link: Link, since: int) -> Iterator[StepRun]:
    """The waits for a call since then: those that still wait, and all of the link's own token."""
    taking = [kind for kind, spec in ACTIONS.items() if spec.takes_calls]
    which = StepRun.status == "waiting"
    statement = select(StepRun).where(
        StepRun.execution_id == link.execution_id, StepRun.action_type.in_(taking), StepRun.seq > since,
        or_(which, StepRun.token == link.visit[0]) if link.visit else which,
    )  # fmt: skip
    if link.step_id:
        statement = statement.where(StepRun.step_id == link.step_id)
    runs = session.scalars(statement.order_by(StepRun.seq).limit(MOST).execution_options(populate_existing=True))
    return (run for run in runs if _takes_calls(run))


def _takes_calls(run: StepRun) -> bool:
    spec = get_action(run.action_type)
    return bool(spec.takes_calls and spec.takes_calls(spec.params.model_validate(run.input or {})))


def _is_taken(session: Session, run: StepRun) -> bool:
    """Whether a call for this visit has come and waits for a worker."""
    pending = select(Signal.id).where(
        Signal.execution_id == run.execution_id, Signal.kind == "resume", Signal.token == run.token,
        Signal.step_id == run.step_id,
    )  # fmt: skip
    return session.scalar(pending.limit(1)) is not None
