"""Waits for something from outside: a call of a URL, a member's decision, an event."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from flowapp.actions.time.family import ASKED, LENGTHS, WAITS
from flowapp.actions.time.wait_condition import TIMEOUT, about_what, deadline
from flowapp.catalog import (
    N_,
    Branch,
    Outcome,
    Params,
    PastVisit,
    Question,
    Reason,
    Signal,
    StepContext,
    Suspend,
    action,
    ui,
)
from flowapp.catalog.fields import Duration, Lines, Text
from flowapp.texts import either, join, say

Kind = Literal["url", "approval", "event"]
_APPROVAL, _EVENT = {"kind": ["approval"]}, {"kind": ["event"]}
_ROLES = [("owner", N_("Owner")), ("admin", N_("Administrator")), ("editor", N_("Editor")), ("operator", N_("Operator")), ("viewer", N_("Viewer"))]  # fmt: skip


def kind_of(params: Mapping[str, object]) -> str:
    """The kind that stored params mean: what they say, else what they are about."""
    if params.get("kind"):
        return str(params["kind"])
    if params.get("events") or params.get("event"):
        return "event"
    return "approval" if any(params.get(name) for name in ("role", "members", "title", "message")) else "url"


class WaitEventParams(Params):
    """`kind` follows from what is given where it is not said."""

    kind: Kind = Field(
        "url",
        json_schema_extra=ui(
            N_("Wait for"),
            widget="select",
            choices=[("url", N_("A call to a URL")), ("approval", N_("An approval")), ("event", N_("An event"))],
        ),
    )  # fmt: skip
    role: Literal["owner", "admin", "editor", "operator", "viewer"] = Field(
        "operator",
        json_schema_extra=ui(
            N_("Who decides"), N_("Members with this role or a higher one, unless people are chosen below."), widget="select", choices=_ROLES,
            show_if=_APPROVAL,
        ),
    )  # fmt: skip
    members: Lines = Field(
        [],
        max_length=20,
        json_schema_extra=ui(
            N_("Only these people"),
            N_("They are asked instead of everyone with the role. Admins and owners can decide, too."),
            widget="members",
            show_if=_APPROVAL,
        ),
    )
    title: Text = Field(
        "",
        max_length=300,
        json_schema_extra=ui(N_("Question"), N_("Leave empty to use the step's name."), show_if=_APPROVAL),
    )
    message: Text = Field(
        "",
        max_length=10_000,
        json_schema_extra=ui(
            N_("Details"), N_("What they need to know to decide."), widget="textarea", show_if=_APPROVAL
        ),
    )
    by_email: bool = Field(
        default=True, json_schema_extra=ui(N_("Also ask by e-mail"), widget="checkbox", show_if=_APPROVAL)
    )
    events: Lines = Field(
        [],
        max_length=20,
        json_schema_extra=ui(
            N_("Events"),
            N_("One per line, such as contact.updated or order.*."),
            widget="lines",
            suggest="events",
            show_if=_EVENT,
        ),
    )
    same_entity: bool = Field(
        default=True,
        json_schema_extra=ui(N_("Only about the same contact or record"), widget="checkbox", show_if=_EVENT),
    )
    timeout: Duration = Field("", validate_default=False, json_schema_extra=TIMEOUT)

    @model_validator(mode="before")
    @classmethod
    def _read_kind(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        given = dict(data)
        if "event" in given:
            given.setdefault("events", given.pop("event"))
        return {**given, "kind": kind_of(given)}

    @model_validator(mode="after")
    def _complete(self) -> WaitEventParams:
        if self.kind == "event" and not self.events:
            raise ValueError(say("Enter the events to wait for, for example contact.updated."))
        if any(c in self.title for c in "\r\n"):
            raise ValueError(say("The question must be a single line."))
        return self


def _branches(params: Mapping[str, object]) -> list[str]:
    kind = kind_of(params)
    if "{{" in kind:
        return ["next", "approved", "rejected"]
    return ["approved", "rejected"] if kind == "approval" else ["next"]


def question(params: WaitEventParams) -> Question | None:
    """What members are asked, where it waits for a decision."""
    asked = params.kind == "approval"
    return Question(params.role, params.title, params.message, tuple(params.members)) if asked else None


def explain(visit: PastVisit) -> list[Reason]:
    """Who decided, and how."""
    made = visit.output
    if made.get("kind") != "approval" or made.get("decision") not in ("approved", "rejected"):
        return []
    who = str(made.get("by") or "")
    approved = made["decision"] == "approved"
    told = say("%(who)s approved this.", who=who) if approved else say("%(who)s rejected this.", who=who)
    by_link = say("Decided by the link in the e-mail, without signing in.")
    return [Reason(told), *([Reason(by_link)] if made.get("by_link") else [])]


@action(
    "wait_event",
    label=N_("Wait for a call, an approval or an event"),
    description=N_("Waits until a URL is called, a person approves or rejects, or an event arrives."),
    group=N_("Flow"),
    icon="bell-ringing",
    synonyms="pause delay approve approval confirm signature ask human attendre approuver approbation demander validation événement",
    effect="idempotent",
    params=WaitEventParams,
    aliases=("approval", "wait_for_event", "wait_for_approval"),
    branches=("*", "timeout"),
    own_branches=_branches,
    branch_if={"timeout": ("timeout", None)},
    param_aliases={**LENGTHS, **ASKED},
    kinds=WAITS,
    traits=frozenset({"waits"}),
    question=question,
    takes_calls=lambda params: params.kind == "url",
    explain=explain,
    sample={
        "kind": "approval",
        "payload": None,
        "decision": "approved",
        "by": "ada@example.com",
        "by_link": False,
        "comment": "",
        "at": "2026-03-31T09:00:00+00:00",
    },
    result={
        "kind": N_("url, event or approval"),
        "payload": N_("Data from the call or the event"),
        "decision": N_("Approval: approved or rejected"),
        "by": N_("Approval: e-mail address of the person who decided"),
        "by_link": N_("Approval: whether it was given by the link in the e-mail, without signing in"),
        "comment": N_("Approval: the comment"),
        "at": N_("Approval: time"),
    },
)
def wait_event(ctx: StepContext, params: WaitEventParams) -> Outcome:
    """Asks, once, and waits for the answer."""
    answer = _answer(ctx, params, ctx.signal) if ctx.signal else None
    if answer is not None:
        return answer
    if params.kind == "approval" and ctx.signal is None:
        _ask(ctx, params)
    return _suspend(ctx, params)


def _ask(ctx: StepContext, params: WaitEventParams) -> None:
    title = params.title.strip() or ctx.step_name
    question = Question(params.role, title, params.message, tuple(params.members))
    asked = ctx.people.ask_approval(question, by_email=params.by_email)
    one = say("Asked 1 person to decide: “%(title)s”.", title=title)
    several = say("Asked %(count)s people to decide: “%(title)s”.", count=asked.people, title=title)
    ctx.log(one if asked.people == 1 else several)
    if asked.missing:
        ctx.log(say("Not a member of the organization: %(names)s.", names=", ".join(asked.missing)), "warning")
    if len(asked.missing) == len(params.members) > 0:
        ctx.log(say("Nobody of those who were to decide is a member, so admins and owners were asked."), "warning")
    if asked.caught:
        ctx.log(say("The e-mails were caught, not sent: no mail server is connected."), "warning")


def _suspend(ctx: StepContext, params: WaitEventParams) -> Suspend:
    until, result = deadline(ctx, params.timeout), {"kind": params.kind, "payload": None}
    if params.kind == "url":
        return Suspend(say("a call of its web address (resume_url)"), ("resume",), until, result=result)
    if params.kind == "event":
        same = params.same_entity and bool(about_what(ctx))
        words = say("an event: %(events)s", events=", ".join(params.events))
        return Suspend(words, ("event",), until, events=tuple(params.events), same_entity=same, result=result)
    asked = Question(params.role, members=tuple(params.members))
    by_role = say("a decision by a member with the role %(role)s or a higher one", role=say(params.role))
    words = say("a decision by %(who)s", who=either(params.members)) if params.members else by_role
    return Suspend(words, ("approval",), until, events=asked.listening, same_entity=False, result=result)


_DECIDED_ANYHOW = N_("Decided by %(by)s.")
_DECIDED = {
    ("approved", False): N_("Approved by %(by)s."),
    ("approved", True): N_("Approved by %(by)s, by the link in the e-mail."),
    ("rejected", False): N_("Rejected by %(by)s."),
    ("rejected", True): N_("Rejected by %(by)s, by the link in the e-mail."),
}


def _answer(ctx: StepContext, params: WaitEventParams, signal: Signal) -> Outcome | None:
    """Where the flow goes on; None where the signal is not meant for this visit."""
    payload = signal.payload
    if params.kind == "url":
        return Branch("next", {"kind": "url", "payload": payload})
    if params.kind == "event":
        arrived = payload.get("type") if isinstance(payload, dict) else None
        wanted = arrived is None or any(fnmatchcase(arrived, pattern) for pattern in params.events)
        return Branch("next", {"kind": "event", "payload": payload}) if wanted else None
    if not isinstance(payload, dict) or payload.get("iteration", ctx.iteration) != ctx.iteration:
        return None  # a decision that came too late, for an earlier visit
    decided = {name: payload.get(name) for name in ("decision", "by", "comment", "at")}
    by_link = bool(payload.get("by_link"))
    decision = str(decided["decision"])
    how = say(_DECIDED.get((decision, by_link), _DECIDED_ANYHOW), by=decided["by"])
    ctx.log(join(" ", (how, str(decided["comment"]))) if decided["comment"] else how)
    return Branch(decision, {"kind": "approval", **decided, "by_link": by_link})
