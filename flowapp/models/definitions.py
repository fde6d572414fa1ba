"""The shapes of what JSON columns hold.

A definition is what `Definition.canonical()` of engine.language writes; drafts and versions hold it.
"""

from __future__ import annotations

from typing import Literal, NotRequired, Required, TypedDict

OnError = Literal["stop", "continue", "retry", "goto"]
OnExhausted = Literal["stop", "continue", "goto"]


class PositionJson(TypedDict):
    """Where a step stands on the canvas."""

    x: float
    y: float


class StepJson(TypedDict):
    """One step."""

    step_id: str
    name: str
    action_type: str
    params: dict[str, object]
    order: int
    on_error: OnError
    on_exhausted: OnExhausted
    goto_step: str | None
    retry_count: int
    retry_delay: int
    timeout: int
    position: NotRequired[PositionJson]


class EdgeJson(TypedDict):
    """From step to step; what has its default is left out."""

    source: str
    target: str
    branch: NotRequired[str]
    label: NotRequired[str]
    conditions: NotRequired[object]


class TriggerJson(TypedDict, total=False):
    """What starts the workflow; what it is sent without has its default."""

    key: str
    trigger_type: Required[str]
    config: dict[str, object]
    conditions: object
    is_active: bool


class TestDataJson(TypedDict):
    """What a draft is tried with. Pins are results by step_id; `input` is missing where none is kept."""

    input: NotRequired[object]
    pins: dict[str, object]
    execution_id: str | None


class ColumnJson(TypedDict):
    """A column of a data table."""

    key: str
    label: str
    type: str
    required: bool
    unique: bool
    options: NotRequired[list[str]]
    locale: NotRequired[str]


class FieldJson(TypedDict):
    """A field of a form."""

    key: str
    label: str
    type: str
    required: bool
    options: list[str]
    help: str


class DefinitionJson(TypedDict):
    """A whole workflow."""

    language: NotRequired[Literal[1, 2, 3]]
    name: str
    description: str
    variables: dict[str, object]
    config: dict[str, object]
    triggers: list[TriggerJson]
    steps: list[StepJson]
    edges: list[EdgeJson]
