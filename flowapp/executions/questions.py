"""Questions to members that steps asked: found by whom they are for, by execution, by visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from flowapp.accounts import members
from flowapp.catalog import ACTIONS, Question, get_action
from flowapp.catalog.explanations import ASKED_OF_MEMBERS, asked_of_member, asked_of_role
from flowapp.engine.machine.types import SUSPENDED
from flowapp.errors import NotFoundError
from flowapp.models import TERMINAL, Execution, Member, StepRun, Subscription, User, Workflow, utcnow
from flowapp.records.paging import FIRST, Page, PageAt, paginate
from flowapp.security.roles import Role
from flowapp.texts import say


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


def waiting_in(session: Session, execution: Execution) -> list[Asked]:
    """Those of an execution whose visits wait, in the order in which they were asked."""
    return _asked(session, _waiting(session, [execution.id]))


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
