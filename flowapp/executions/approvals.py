"""Open approvals: steps that asked members a question and wait for their decision. Decided once.

A decision is a signal to the step's token, written while the execution's row is locked: of two people who decide at
once, the second one finds the first one's signal.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.errors import ConflictError, ForbiddenError, InvalidError
from flowapp.executions.history import lock
from flowapp.executions.questions import Asked, waiting_in
from flowapp.models import TERMINAL, Execution, Signal, StepRun, User, utcnow
from flowapp.security.roles import Role
from flowapp.texts import say

MAX_COMMENT = 2000
Decision = Literal["approved", "rejected"]


def of_execution(session: Session, execution: Execution) -> list[Asked]:
    """The open approvals of one execution, in the order in which they were asked for; decided ones left out."""
    if execution.status in TERMINAL:
        return []
    open_ones = [asked for asked in waiting_in(session, execution) if asked.is_open]
    return [asked for asked in open_ones if decision(session, asked) is None]


def the_one(session: Session, execution: Execution, step_id: str) -> Asked:
    """The approval that is meant where a client names the execution, and perhaps the step.

    ConflictError where it waits for none; InvalidError where it waits for several and the step is not said.
    """
    waiting = [asked for asked in of_execution(session, execution) if step_id in ("", asked.run.step_id)]
    if not waiting:
        raise ConflictError(say("This execution is not waiting for an approval."))
    steps = sorted({asked.run.step_id for asked in waiting})
    if len(steps) > 1:
        raise InvalidError.at("step_id", say("Specify the step: %(steps)s.", steps=", ".join(steps)))
    return waiting[0]


def decision(session: Session, asked: Asked) -> dict[str, Any] | None:
    """{"decision", "by", "by_link", "comment", "at"}, None where nobody has decided."""
    made = _taken_in(asked.run) or _on_its_way(session, asked)
    if made is None:  # a worker may have taken it in between the two looks
        session.refresh(asked.run)
        made = _taken_in(asked.run)
    return made


def _taken_in(run: StepRun) -> dict[str, Any] | None:
    output = run.output
    return output if run.status == "completed" and isinstance(output, dict) and output.get("decision") else None


def _on_its_way(session: Session, asked: Asked) -> dict[str, Any] | None:
    signals = session.scalars(
        select(Signal)
        .where(Signal.execution_id == asked.run.execution_id, Signal.kind == "approval")
        .order_by(Signal.id)
    )
    own = (asked.run.token, asked.run.step_id, asked.run.iteration)
    payloads = ((signal, signal.payload) for signal in signals)
    return next(
        (p for s, p in payloads if isinstance(p, dict) and (s.token, s.step_id, p.get("iteration")) == own), None
    )


def decide(
    session: Session, asked: Asked, how: Decision, *, user: User, role: Role, comment: str = "", by_link: bool = False
) -> None:
    """Takes the decision of a member, and records it. The caller commits, then wakes the execution.

    `by_link`: of whoever had the link that was sent to that member. The execution, its log and the audit say so.

    ForbiddenError for whoever is not asked; ConflictError where it was decided, or went on without a decision; InvalidError for
    a comment that is too long.
    """
    _refuse_others(asked, user, role)
    if len(comment) > MAX_COMMENT or "\0" in comment:
        raise InvalidError.at("comment", say("Enter at most %(count)s characters.", count=MAX_COMMENT))
    lock(session, asked.execution)
    session.refresh(asked.run)
    earlier = decision(session, asked)
    if earlier is not None:
        raise ConflictError(decision_text(earlier))
    if not asked.is_open:
        raise ConflictError(say("This approval is no longer open: the workflow has continued or ended."))
    run, now = asked.run, utcnow()
    payload = {
        "decision": how, "by": user.email, "by_link": by_link, "comment": comment, "at": now.isoformat(),
        "iteration": run.iteration,
    }  # fmt: skip
    session.add(
        Signal(
            execution_id=run.execution_id, token=run.token, step_id=run.step_id, kind="approval", payload=payload,
            created_at=now, rung_at=now,
        )
    )  # fmt: skip
    events.audit(
        session,
        f"approval.{how}",
        actor=(user.id, user.email),
        target=("execution", run.execution_id, asked.workflow_name),
        details={"step_id": run.step_id, "title": asked.title, "comment": comment, "by_link": by_link},
    )


def _refuse_others(asked: Asked, user: User, role: Role) -> None:
    if asked.may_be_decided_by(user, role):
        return
    if not asked.question.members:
        raise ForbiddenError(say("This approval needs the role %(role)s or a higher one.", role=say(asked.role.label)))
    who = ", ".join(asked.question.members)
    raise ForbiddenError(say("This approval is for %(who)s. Admins and owners can decide, too.", who=who))


def decision_text(made: dict[str, Any]) -> str:
    """Who has decided already, in words."""
    if made["decision"] == "approved":
        return say("%(who)s has already approved this.", who=made["by"])
    return say("%(who)s has already rejected this.", who=made["by"])
