"""What the API takes and gives about events."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, model_validator

from flowapp.api.schemas import In, ListOut, Out, PageQuery


class EventQuery(PageQuery):
    """Which events."""

    type: str = Field(default="", max_length=100, description="Of this type, for example payment.created.")
    entity_type: str = Field(default="", max_length=64, description="About this kind of record, with entity_id.")
    entity_id: str = Field(default="", max_length=64, description="About this record.")


class EventIn(In):
    """Something that happened in another system. The same `idempotency_key` (or Idempotency-Key header) again records nothing."""

    type: str = Field(
        default="", max_length=100, examples=["payment.created"], description="Words with dots between them."
    )
    event_type: str = Field(default="", max_length=100, description="The same as type.")
    payload: dict[str, object] = Field(
        default_factory=dict, max_length=500, examples=[{"amount": 129.9}], description="The input of what it starts."
    )
    data: dict[str, object] = Field(default_factory=dict, max_length=500, description="The same as payload.")
    entity_type: str = Field(default="", max_length=64, description="What it is about, for example order.")
    entity_id: str = Field(default="", max_length=64)
    idempotency_key: str = Field(default="", max_length=255)

    @model_validator(mode="after")
    def _settle(self) -> EventIn:
        self.type = self.type or self.event_type
        self.payload = self.payload or self.data
        return self


class EventOut(Out):
    """An event: what happened, about what, and what caused it."""

    id: str
    type: str
    entity_type: str
    entity_id: str
    payload: dict[str, object]
    actor_id: str | None
    workflow_id: str | None = Field(description="Of the workflow that caused it.")
    execution_id: str | None
    step_id: str
    origin: str
    created_at: datetime


class EventsOut(ListOut):
    """A page of events, the newest first."""

    results: list[EventOut]
