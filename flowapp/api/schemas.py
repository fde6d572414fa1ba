"""What the JSON API takes and gives, as pydantic models: they check what comes in and document both (DESIGN §8)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from flowapp.catalog.context import LogLevel
from flowapp.engine.language.definition import EdgeDef, StepDef, TriggerDef
from flowapp.engine.language.workflow_config import Whole, WorkflowConfig
from flowapp.errors import UnsuitableError
from flowapp.models import EXECUTION_STATUSES, WORKFLOW_STATUSES
from flowapp.records.paging import MAX_NUMBER, PageAt
from flowapp.texts import say
from flowapp.workflows.extras import STATUS_ALIASES
from flowapp.workflows.listing import SORTS
from flowapp.workflows.polling import Polling

ENDED_ALIASES = {"success": "completed", "canceled": "cancelled"}


def one_of(*names: str, several: bool = False) -> object:
    """Documents a text as one of the names, in any case; or as several of them with commas, or none."""
    word = "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else re.escape(c) for c in name) for name in names)
    pattern = f"^(({word})( *, *({word}))*)?$" if several else f"^({word})$"
    return WithJsonSchema({"type": "string", "pattern": pattern})


def lower_case(value: object) -> object:
    """A text in lower case, anything else as it is."""
    return value.lower() if isinstance(value, str) else value


class In(BaseModel):
    """What comes in: unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """What goes out: exactly these names."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(BaseModel):
    """One page of a list: at a cursor, or by its number."""

    limit: int = Field(default=25, ge=1, le=200, description="Rows of a page.")
    cursor: str | None = Field(default=None, max_length=1000, description="From `next` or `previous` of a page.")
    page: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="Number of the page, in place of a cursor.")
    page_size: int | None = Field(default=None, ge=1, le=200, description="The same as limit, and goes before it.")

    @property
    def at(self) -> PageAt:
        """The page that is asked for. UnsuitableError where a cursor and a number are."""
        if self.cursor and self.page is not None:
            raise UnsuitableError.at("page", say("Give a page or a cursor, not both."))
        return PageAt(self.page_size or self.limit, self.cursor, self.page)


class WorkflowQuery(PageQuery):
    """Which workflows."""

    status: Annotated[str, one_of(*WORKFLOW_STATUSES, *STATUS_ALIASES, several=True)] = Field(
        default="", description="draft, active, paused (or inactive), archived; several with commas."
    )
    trigger_type: str = Field(default="", max_length=100, description="One that has such a trigger.")
    is_template: bool | None = None
    is_deleted: bool | None = Field(default=None, description="None is: what is deleted is gone. false is all of them.")
    project: UUID | None = Field(default=None, description="Id of a project.")
    search: str = Field(default="", max_length=200, description="Part of the name or the description.")
    sort: Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^-?({'|'.join(SORTS)})$"})] = Field(
        default="-updated_at",
        description="name, status, created_at, updated_at, execution_count or last_executed_at; - for the highest first.",
    )


class ExecutionQuery(PageQuery):
    """Which executions."""

    status: Annotated[str, one_of(*EXECUTION_STATUSES, *ENDED_ALIASES, several=True)] = Field(
        default="", description="One or several with commas; success and canceled are read too."
    )
    workflow: str = Field(default="", max_length=64, description="Id or number of a workflow.")
    trigger_type: str = Field(default="", max_length=100)
    search: str = Field(
        default="",
        max_length=200,
        description="Words of what it is about (an e-mail address, a name, an order number), or its id.",
    )


class LogQuery(BaseModel):
    """Which lines of a log."""

    level: Annotated[LogLevel | None, BeforeValidator(lower_case)] = Field(
        default=None, description="This level or above, in any case."
    )
    after: int = Field(default=0, ge=0, description="Lines after this sequence number.")
    limit: int = Field(default=500, ge=1, le=5000)


class ActivateIn(In):
    """Nothing, or which way."""

    status: Annotated[str, one_of("active", "inactive", "paused")] = Field(
        default="active", description="active or inactive."
    )


class PublishIn(In):
    """A note for the list of versions."""

    note: str = Field(default="", max_length=500)


class DuplicateIn(In):
    """What the copy is called."""

    name: str | None = Field(default=None, min_length=1, max_length=200)


class ExecuteIn(In):
    """What to run a workflow with."""

    input_data: object = Field(default_factory=dict, description="What the steps see as `input`.")
    async_execution: bool = Field(default=True, description="false waits for the end, up to a minute.")
    trigger_entity_type: str | None = Field(default=None, max_length=64)
    trigger_entity_id: Annotated[str, Field(max_length=64)] | Whole | None = None
    contact: Annotated[str, Field(max_length=254)] | Whole | None = Field(
        default=None, description="Id, number or e-mail address of a contact."
    )
    context: dict[str, object] = Field(default_factory=dict)
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=255)


class WorkflowItemOut(Out):
    """A workflow in a list. `success_rate`: percent of all ended executions; `version`: null before the first publication."""

    id: str
    number: int | None = Field(description="Counted in the organization, and taken wherever the id is.")
    name: str
    description: str
    status: str
    organization: str
    project: str
    version: int | None
    is_template: bool
    is_deleted: bool = Field(description="Always false: what is deleted is gone.")
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    execution_count: int
    success_count: int
    failure_count: int
    success_rate: float
    last_executed_at: datetime | None
    triggers_count: int
    steps_count: int


class WorkflowOut(WorkflowItemOut):
    """A workflow with what it is made of; `canvas_data` as it was sent, `polling` as its published triggers do."""

    language: int = Field(description="The meaning of values that it was written for.")
    variables: dict[str, object]
    config: WorkflowConfig
    steps: list[StepDef]
    edges: list[EdgeDef]
    triggers: list[TriggerDef]
    canvas_data: dict[str, object]
    polling: list[Polling]


class LogLineOut(Out):
    """A line of a log; `seq` orders it among the steps. `level` is in capitals."""

    seq: int
    level: str
    message: str
    step_id: str
    step_name: str
    data: object
    created_at: datetime


class ActionOut(Out):
    """An action that was executed."""

    step_id: str
    action_type: str
    status: str


class ExecutionItemOut(Out):
    """An execution in a list. Durations are seconds, null until it ends."""

    id: str
    workflow: str
    version: int | None
    status: str
    trigger_type: str
    trigger_entity_type: str
    trigger_entity_id: str
    contact: str | None
    current_step_id: str
    current_node: str = Field(description="The same as current_step_id.")
    goal_reached: bool
    error_message: str
    idempotency_key: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="Sha256 of the workflow, the trigger and the key of the delivery or event; else of the execution's own id.",
    )
    retry_of: str | None = Field(description="The execution that this one repeats.")
    replay: str | None = Field(description="The replay that it belongs to.")
    is_test: bool = Field(description="A test run of the draft.")
    success_count: int
    failure_count: int
    seq: int = Field(description="Number of its last message: what `after` of a socket or of its log continues.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: float | None
    duration_seconds: float | None


class ExecutionOut(ExecutionItemOut):
    """An execution. `execution_path` has a step for each visit; `context` shows what it was started with, and beside it
    the workflow's `variables` and the results so far as `state`."""

    input_data: object
    output_data: object
    context: dict[str, object]
    context_data: dict[str, object] = Field(description="The same as context.")
    completed_steps: list[str]
    execution_path: list[str]
    actions_executed: list[ActionOut]
    execution_logs: list[LogLineOut]


class StepRunOut(Out):
    """One attempt of one visit of a step."""

    seq: int
    step_id: str
    step_name: str
    action_type: str
    status: str
    source: str = Field(description="reused: taken over from the execution that this one repeats; pinned: by a person.")
    frame: str = Field(description="In which items of which loops it ran: loop:index, the inner one last.")
    attempt: int
    iteration: int
    branch: str
    input: object
    output: object
    explanation: object
    error_message: str
    error_details: object
    started_at: datetime
    ended_at: datetime | None
    duration: float | None


class ExecutionDetailsOut(ExecutionOut):
    """An execution with its steps."""

    steps: list[StepRunOut]


class ListOut(Out):
    """A page of a list."""

    count: int
    next: str | None
    previous: str | None


class WorkflowsOut(ListOut):
    results: list[WorkflowItemOut]


class ExecutionsOut(ListOut):
    results: list[ExecutionItemOut]


class LogsOut(ListOut):
    """Lines of a log; `next` (or `next_after`, as `after`) continues it, null at the end. It is read forwards only."""

    next_after: int | None
    results: list[LogLineOut]


class ProblemOut(Out):
    path: str
    message: str
    step_id: str | None
    code: str


class ValidationOut(Out):
    """Errors keep a draft from being published; warnings do not."""

    valid: bool
    errors: list[ProblemOut]
    warnings: list[ProblemOut]


class PublishOut(Out):
    """The version that runs now."""

    version: int
    workflow: WorkflowOut


class StartedOut(BaseModel):
    """An execution was started. `async` is true where the answer came before its end."""

    message: str
    task_id: str
    execution_id: str
    is_async: bool = Field(alias="async")
    status: str | None = None
    output_data: object = None
    error_message: str | None = None


class StatsOut(Out):
    """Counts of a workflow; the average is that of successful executions, in seconds."""

    total_executions: int
    success_count: int
    failed_count: int
    skipped_count: int
    cancelled_count: int
    goal_reached_count: int
    running_count: int
    success_rate: float
    avg_duration_seconds: float | None
    last_execution: datetime | None


class TypeOut(BaseModel):
    """A kind of trigger, step or integration; `schema` is the JSON Schema of its parameters."""

    type: str
    label: str
    description: str
    group: str = ""
    icon: str
    aliases: list[str] = []
    schema_: dict[str, object] = Field(alias="schema")


class ActionTypeOut(TypeOut):
    effect: str
    branches: list[str]
    result: dict[str, str]


class ConnectorTypeOut(TypeOut):
    """`actions` are the step types that use such an integration; `default_action` the one that is meant where none is named."""

    actions: list[str]
    default_action: str


class CatalogOut(Out):
    triggers: list[TypeOut]
    actions: list[ActionTypeOut]
    connectors: list[ConnectorTypeOut]


class HookOut(Out):
    """The execution is committed, and will run."""

    execution_id: str
    status_url: str


class Problem(BaseModel):
    """application/problem+json (RFC 9457); `errors` name the fields of a 422."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemOut] = []


class HealthOut(Out):
    """`status`: ok or unavailable; `checks`: of each part "ok", or what is wrong with it."""

    status: str
    checks: dict[str, str]
