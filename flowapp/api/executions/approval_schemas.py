"""What the API takes and gives about approvals and calls that resume an execution."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from flowapp.api.schemas import In, ListOut, Out, PageQuery


class DecideIn(In):
    """Why; and which step is meant, where the execution waits for several approvals."""

    comment: str = Field(default="", max_length=2000)
    step_id: str = Field(default="", max_length=64)


class DecidedOut(Out):
    """The decision is stored, and the execution goes on."""

    execution_id: str
    step_id: str
    decision: str
    by: str


class ApprovalsQuery(PageQuery):
    """`mine`: those addressed to the caller, by name or by role; `all`: every open one of the organization."""

    scope: Literal["mine", "all"] = "mine"


class ApprovalOut(Out):
    """An open approval; `until`: when the execution goes on without it, null: never.

    Where `members` names people, they decide, admins and owners too; else whoever has the role or a higher one.
    """

    execution_id: str
    workflow: str
    workflow_name: str
    step_id: str
    title: str
    message: str
    role: str
    members: list[str]
    asked_at: datetime
    until: datetime | None


class ApprovalsOut(ListOut):
    results: list[ApprovalOut]


class ResumeOut(Out):
    """The call is stored; `status` is the execution's before it went on."""

    execution_id: str
    status: str
