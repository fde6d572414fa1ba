"""What the JSON API says about jobs (see api.schemas)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from flowapp.api.schemas import ListOut, Out

_EXAMPLE: dict[str, JsonValue] = {
    "id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
    "kind": "bulk",
    "title": "Add the tag “R&D” to 2,000 contacts",
    "status": "running",
    "total": 2000,
    "done": 1250,
    "changed": 1248,
    "failed": 2,
    "start_workflows": True,
    "result": "",
    "created_by": "0190f3c2-7a1e-7c55-8000-000000000001",
    "created_at": "2026-03-01T12:00:00+00:00",
    "started_at": "2026-03-01T12:00:00+00:00",
    "ended_at": None,
}


class JobOut(Out):
    """A job: long work that a person started. It runs in the background; read it again for its progress."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    kind: str
    title: str
    status: Literal["pending", "running", "completed", "cancelled", "failed"]
    total: int = Field(description="How many rows it works on, fixed at its start; 0 where that is not known yet.")
    done: int = Field(description="Rows that are done, those that failed included.")
    changed: int = Field(description="Rows that were changed.")
    failed: int = Field(description="Rows that failed; …/errors/ says why.")
    start_workflows: bool
    result: str = Field(description="A summary of what it did, once it has ended.")
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobsOut(ListOut):
    """Jobs, the newest first."""

    results: list[JobOut]
