"""The rows that the engine reads and writes, as plain dictionaries: what stands in each."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from flowapp.engine.machine.types import State
from flowapp.texts import Parts

Columns = dict[str, object]  # of a row, by their names


class Options(TypedDict, total=False):
    """How an execution was started, beside its input."""

    parent: list[str]  # the (execution, token) that waits for its end
    ancestors: list[str]  # workflows that it was started in, the outermost first
    depth: int  # how many executions led to it, each by an event of the one before (events.Cause)
    bulk: bool  # it was started by one of many events that a job made together
    root: str  # the first of all executions above it
    pins: dict[str, object]  # results of steps that do not run
    run_to: str  # the step at which it ends


OF_ORGANIZATION = ("timezone", "hears_executions")  # what a worker is told of it, along with the execution


class ExecutionRow(TypedDict):
    """What a worker knows of an execution that it claimed, with its organization's timezone."""

    id: str
    organization_id: str
    workflow_id: str
    version_id: str
    fence: int
    crashes: int
    state: State
    seq: int
    input_data: object
    context: dict[str, object]
    started_at: datetime
    trigger_type: str
    trigger_entity_type: str
    trigger_entity_id: str
    contact_id: str | None
    options: Options
    concurrency_key: str | None
    error_message: str
    error_parts: Parts | None
    timezone: str
    hears_executions: NotRequired[bool]  # somebody of the organization listens for starts and ends of executions


class PastRun(TypedDict):
    """What a resuming worker knows of an attempt."""

    seq: int
    ended_seq: int | None
    step_id: str
    token: str
    status: str
    output: object
    error_message: str
    iteration: int
    attempt: int
    frame: str


class RunRow(PastRun):
    """An attempt."""

    organization_id: str
    execution_id: str
    step_name: str
    action_type: str
    source: str
    branch: str
    input: object
    explanation: object
    error_parts: Parts | None  # of error_message (texts.parts)
    error_details: object
    idempotency_key: str
    started_at: datetime
    ended_at: datetime | None


class EndedRun(TypedDict):
    """What is known of any attempt that is over."""

    seq: int
    ended_seq: int | None
    step_id: str
    step_name: str
    attempt: int
    iteration: int
    status: str
    branch: str
    output: object
    error_message: str
    error_parts: Parts | None
    ended_at: datetime | None


class LineRow(TypedDict):
    """A line of the log."""

    organization_id: str
    execution_id: str
    seq: int
    step_id: str
    level: str
    message: str
    message_parts: Parts | None
    data: object
    created_at: datetime


class TimerRow(TypedDict):
    """When a token must be woken."""

    id: str
    organization_id: str
    execution_id: str
    token: str
    kind: str
    due_at: datetime


class ReceivedSignal(TypedDict):
    """What has come for an execution."""

    id: str
    token: str
    step_id: str
    kind: str
    payload: object
    rung_at: datetime | None


class SignalRow(ReceivedSignal):
    """A signal to an execution."""

    organization_id: str
    execution_id: str
    created_at: datetime


class SubscriptionRow(TypedDict):
    """An event that an execution listens for."""

    id: str
    organization_id: str
    execution_id: str
    token: str
    event_type: str
    entity_type: str
    entity_id: str
