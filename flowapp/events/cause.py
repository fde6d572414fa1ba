"""Why something happened: the person, or the step of which workflow, that did it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict


class CauseColumns(TypedDict):
    """The cause as it stands in a row of events."""

    actor_id: str | None
    by_workflow_id: str | None
    by_execution_id: str | None
    by_step_id: str
    origin: str
    depth: int
    bulk: bool
    silent: bool


class EventRow(CauseColumns):
    """A fact for the outbox."""

    id: str
    organization_id: str
    type: str
    entity_type: str
    entity_id: str
    payload: dict[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """Who or what did it: a person, a step of an execution, or an origin such as `form:contact_form_1` or `import:<job>`.

    `depth` counts the executions that led to it, each started by an event of the one before: 0 for what a person did,
    1 for a step of the execution that this started. `bulk`: one of the many rows that a job changes; nobody waits for it,
    and nobody is notified of it. `silent`: it starts no workflow; executions that wait for it hear of it.
    """

    actor_id: str | None = None
    workflow_id: str | None = None
    execution_id: str | None = None
    step_id: str = ""
    origin: str = ""
    depth: int = 0
    bulk: bool = False
    silent: bool = False

    def columns(self) -> CauseColumns:
        """What a row of events keeps of it."""
        return {
            "actor_id": self.actor_id,
            "by_workflow_id": self.workflow_id,
            "by_execution_id": self.execution_id,
            "by_step_id": self.step_id,
            "origin": self.origin,
            "depth": self.depth,
            "bulk": self.bulk,
            "silent": self.silent,
        }

    def made_by(self) -> dict[str, object]:
        """What a task or a note keeps of it: who or what made it."""
        return {name: value for name, value in self.columns().items() if name not in _OF_EVENTS and value}


_OF_EVENTS = ("depth", "bulk", "silent")
SYSTEM = Cause()  # nobody: Flowapp itself
