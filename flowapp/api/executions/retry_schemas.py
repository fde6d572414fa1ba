"""What the JSON API takes and gives about failures, retries and replays (see api.schemas)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from flowapp.api.schemas import In, ListOut, Out, PageQuery
from flowapp.engine.language.workflow_config import Whole


class RetryIn(In):
    """How to run an execution again. `from`: by default the failed step, where there is one, else the start."""

    from_step: Literal["start", "failed"] | None = Field(default=None, alias="from")
    version: Literal["same", "newest"] = Field(default="same", description="same: the version that it ran.")
    input_data: object = Field(default=None, description="Instead of the input that it had.")


class DecisionIn(In):
    """What is known of an attempt whose outcome was lost."""

    decision: Literal["resend", "done"] = Field(description="resend: run the step again. done: it took effect.")
    result: object = Field(default=None, description="With done: what later steps see as its result.")


class ReplayFilters(In):
    """Which executions: those that have ended and meet all of it; none given: every one."""

    status: list[Literal["completed", "goal_reached", "failed", "cancelled", "skipped"]] = Field(default=[])
    workflow: UUID | Whole | None = Field(default=None, description="Id or number.")
    fingerprint: str = Field(default="", max_length=16, description="Of the error; - means failures without one.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(default=None, description="Not included.")
    ids: list[UUID] = Field(default=[], max_length=1000)
    fresh: bool = Field(default=True, description="Leave out those that were run again before.")


class ReplayIn(In):
    """Which executions to run again, how, and how many at most; the oldest come first."""

    filters: ReplayFilters = ReplayFilters()
    from_step: Literal["start", "failed"] = Field(default="start", alias="from")
    version: Literal["same", "newest"] = "same"
    limit: Whole = Field(default=1000, ge=1, le=10_000)


class FailureQuery(PageQuery):
    """Which failures."""

    days: int = Field(default=7, ge=1, le=366, description="Those of the last days.")
    workflow: str = Field(default="", max_length=64, description="Id or number of a workflow.")


class FailureOut(Out):
    """Failures for one reason; the message and the step are those of the newest, `execution`."""

    workflow: str
    workflow_name: str
    fingerprint: str
    count: int
    first_at: datetime
    last_at: datetime
    execution: str
    error_message: str
    step_id: str
    step_name: str


class FailuresOut(ListOut):
    """The groups, the latest first."""

    results: list[FailureOut]


class UndecidedOut(Out):
    """An attempt of which nobody knows whether it took effect."""

    execution: str
    workflow_name: str
    seq: int
    step_id: str
    step_name: str
    action_type: str
    error_message: str
    started_at: datetime


class UndecidedListOut(ListOut):
    """The oldest first."""

    results: list[UndecidedOut]


class EffectOut(Out):
    """What would happen `count` times. `target`: scheme and host of what is called, where that is known."""

    action_type: str
    label: str
    target: str
    count: int


class ReplayPreviewOut(Out):
    """`matched` executions fit, `taken` of them would run again. The effects are an estimate."""

    matched: int
    taken: int
    effects: list[EffectOut]


class ReplayOut(Out):
    """Executions that are run again. `done` were begun, `refused` do not fit any more; `executions` by status."""

    id: str
    status: str
    filters: dict[str, object]
    from_step: str = Field(alias="from")
    version: str
    total: int
    done: int
    refused: int
    executions: dict[str, int]
    created_by: str | None
    created_at: datetime
    completed_at: datetime | None
