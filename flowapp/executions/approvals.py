"""Open approvals: steps that asked members a question and wait for their decision. Found, and decided once.

A decision is a signal to the step's token, written while the execution's row is locked: of two people who decide at
once, the second one finds the first one's signal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from flowapp import events
from flowapp.accounts import members
from flowapp.catalog import ACTIONS, Question, get_action
from flowapp.catalog.explanations import ASKED_OF_MEMBERS, asked_of_member, asked_of_role
from flowapp.engine.machine.types import SUSPENDED
from flowapp.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from flowapp.executions.history import lock
from flowapp.models import TERMINAL, Execution, Member, Signal, StepRun, Subscription, User, Workflow, utcnow
from flowapp.records.paging import FIRST, Page, PageAt, paginate
from flowapp.security.roles import Role
from flowapp.texts import say

MAX_COMMENT = 2000
Decision = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A visit of a step that asked for a decision. `people`: whom it names, those who are members by what they are named."""

    run: StepRun
    execution: Execution
    workflow_name: str
    question: Question
    people: Mapping[str, User] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.question.title.strip() or self.run.step_name

    @property
    def role(self) -> Role:
        return Role.read(self.question.role)

    @property
    def missing(self) -> list[str]:
        """Whom it names who is no member (any more)."""
        return [name for name in self.question.members if name not in self.people]

    def is_for(self, user: User, role: Role) -> bool:
        """Whether it is addressed to this member: by name, else by role; to admins where nobody else is left."""
        if self.question.members:
            return self.question.is_for(user.email, user.id) or (not self.people and role >= Role.ADMIN)
        return role >= self.role

    def may_be_decided_by(self, user: User, role: Role) -> bool:
        """Whom it is for, and where people are named, admins and owners."""
        return self.is_for(user, role) or (bool(self.question.members) and role >= Role.ADMIN)

    @property
    def until(self) -> datetime | None:
        """When it goes on without a decision."""
        token = self._token
        return datetime.fromtimestamp(token["until"], UTC) if token and token.get("until") else None

    @property
    def is_open(self) -> bool:
        """Whether a decision can still be taken (unless one was, see `decision`)."""
        return self._token is not None and (self.until is None or utcnow() < self.until)

    @property
    def _token(self) -> dict[str, Any] | None:
        token = (self.execution.state or {}).get("tokens", {}).get(self.run.token)
        waits = self.run.status == "waiting" and self.execution.status not in TERMINAL
        here = waits and token and token["step"] == self.run.step_id and token["iteration"] == self.run.iteration
        return token if here and token["status"] == SUSPENDED else None


def open_for(session: Session, user: User, role: Role, at: PageAt = FIRST) -> tuple[list[Asked], Page[object]]:
    """What is addressed to a member, newest first, and the page of the list. InvalidError: broken cursor."""
    kinds = [asked_of_role(lower.label) for lower in Role if lower <= role]
    mine = Subscription.event_type.in_([*kinds, asked_of_member(user.email), asked_of_member(user.id)])
    return _open(session, or_(mine, _left_alone(session)) if role >= Role.ADMIN else mine, at)


def all_open(session: Session, at: PageAt = FIRST) -> tuple[list[Asked], Page[object]]:
    """Every open approval of the organization, as `open_for`."""
    kinds = [ASKED_OF_MEMBERS, *(asked_of_role(role.label) for role in Role)]
    return _open(session, Subscription.event_type.in_(kinds), at)


def count_left_alone(session: Session) -> int:
    """How many open approvals name only people who have left the organization."""
    return session.scalar(select(func.count()).select_from(Subscription).where(_left_alone(session))) or 0


def _left_alone(session: Session) -> ColumnElement[bool]:
    """Of people who have all left the organization."""
    rows = session.execute(select(User.email, User.id).join(Member, Member.user_id == User.id))
    other = aliased(Subscription)
    somebody = select(other.id).where(
        other.execution_id == Subscription.execution_id,
        other.token == Subscription.token,
        other.event_type.in_([asked_of_member(name) for row in rows for name in row]),
    )
    return and_(Subscription.event_type == ASKED_OF_MEMBERS, ~somebody.exists())


def _open(session: Session, which: ColumnElement[bool], at: PageAt) -> tuple[list[Asked], Page[object]]:
    statement = select(Subscription).where(which)
    page = paginate(session, statement, at, key=Subscription.id, id_column=Subscription.id)
    runs = _waiting(session, {row.execution_id for row in page.rows})
    by_token = {(run.execution_id, run.token): run for run in runs}
    asked = [
        by_token[waiting_token] for row in page.rows if (waiting_token := (row.execution_id, row.token)) in by_token
    ]
    return _asked(session, asked), page


def of_execution(session: Session, execution: Execution) -> list[Asked]:
    """The open approvals of one execution, in the order in which they were asked for; decided ones left out."""
    if execution.status in TERMINAL:
        return []
    open_ones = [asked for asked in _asked(session, _waiting(session, [execution.id])) if asked.is_open]
    return [asked for asked in open_ones if decision(session, asked) is None]


def _waiting(session: Session, execution_ids: Iterable[str]) -> list[StepRun]:
    """As they are now: the session may have read them before their worker wrote what they ask."""
    return list(
        session.scalars(
            select(StepRun)
            .where(
                StepRun.execution_id.in_(list(execution_ids)),
                StepRun.action_type.in_(_asking()),
                StepRun.status == "waiting",
            )
            .order_by(StepRun.execution_id, StepRun.seq)
            .execution_options(populate_existing=True)
        )
    )


def _asked(session: Session, runs: list[StepRun]) -> list[Asked]:
    rows = session.execute(
        select(Execution, Workflow.name)
        .join(Workflow, Workflow.id == Execution.workflow_id)
        .where(Execution.id.in_({run.execution_id for run in runs}))
    )
    known = {execution.id: (execution, name) for execution, name in rows}
    asked = [(run, question) for run in runs if (question := _question(run))]
    people = members.named(session, {name for _run, question in asked for name in question.members})
    return [
        Asked(
            run, *known[run.execution_id], question,
            {name: people[name] for name in question.members if name in people},
        )
        for run, question in asked
    ]  # fmt: skip


def _asking() -> list[str]:
    """The step types that may ask for a decision."""
    return [kind for kind, spec in ACTIONS.items() if spec.question]


def _question(run: StepRun) -> Question | None:
    spec = get_action(run.action_type)
    return spec.question(spec.params.model_validate(run.input)) if spec.question else None


def find(
    session: Session, execution_id: str, *, step_id: str = "", iteration: int | None = None, seq: int | None = None
) -> Asked:
    """The newest visit of that step that asked for a decision. NotFoundError where there is none."""
    statement = select(StepRun).where(StepRun.execution_id == execution_id, StepRun.action_type.in_(_asking()))
    if step_id:
        statement = statement.where(StepRun.step_id == step_id)
    if iteration is not None:
        statement = statement.where(StepRun.iteration == iteration)
    if seq is not None:
        statement = statement.where(StepRun.seq == seq)
    run = session.scalars(statement.where(StepRun.input.is_not(None)).order_by(StepRun.seq.desc()).limit(1)).first()
    asked = _asked(session, [run]) if run else []
    if not asked:
        raise NotFoundError(say("There is no such approval."))
    return asked[0]


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
        raise ForbiddenError(say("This approval needs the role %(role)s or a higher one.", role=asked.role.label))
    who = ", ".join(asked.question.members)
    raise ForbiddenError(say("This approval is for %(who)s. Admins and owners can decide, too.", who=who))


def decision_text(made: dict[str, Any]) -> str:
    """Who has decided already, in words."""
    if made["decision"] == "approved":
        return say("%(who)s has already approved this.", who=made["by"])
    return say("%(who)s has already rejected this.", who=made["by"])
