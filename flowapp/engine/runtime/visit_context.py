"""What a step finds around it: the names that its expressions know, and who and when it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flowapp.catalog import Signal
from flowapp.catalog.context import Logger
from flowapp.catalog.entities import CONTACT, ENTITIES, View
from flowapp.engine.language.scope import Scope
from flowapp.engine.machine.types import Token
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.results import Results
from flowapp.engine.runtime.visit import Services, Visit

Row = Mapping[str, Any]  # of the execution


@dataclass(slots=True)
class VisitContext:
    """What is the same for all visits of an execution while a worker holds it."""

    row: Row
    program: Program
    services: Services
    now: Callable[[], datetime]
    entities: Mapping[str, View]  # by name, what the execution is about: its contact, the entity of its trigger

    @property
    def timezone(self) -> str:
        """The contact's, else the organization's."""
        return self.entities.get(CONTACT, {}).get("timezone") or self.services.timezone

    def scope(self, results: Results, frame: str) -> Scope:
        """What the expressions of a step in this frame can name."""
        extra = results.names(frame)
        for name, view in self.entities.items():
            extra = {**ENTITIES[name].names(view), **extra}
        if self.program.asks_resume_url:
            extra["resume_url"] = self.services.resume_url(self.row["id"])
        return Scope(
            input=self.row["input_data"],
            variables=self.program.definition.variables,
            steps=results.seen(frame),
            context=self.row["context"],
            now=self.now().astimezone(UTC).isoformat(timespec="seconds"),
            extra=extra,
            timezone=self.timezone,
        )

    def visit(self, number: str, token: Token, signal: Signal | None, log: Logger) -> Visit:
        """What identifies an attempt, and what it may use."""
        options = self.row["options"] or {}
        return Visit(
            execution_id=self.row["id"],
            workflow_id=self.row["workflow_id"],
            organization_id=self.row["organization_id"],
            project_id=self.program.project_id,
            attempt=token["attempt"],
            iteration=token["iteration"],
            services=self.services,
            now=self.now,
            log=log,
            token=number,
            timezone=self.timezone,
            signal=signal,
            contact_id=self.row["contact_id"] or "",
            entity=(self.row["trigger_entity_type"], self.row["trigger_entity_id"]),
            business_hours=self.program.business_hours,
            ancestors=options.get("ancestors", ()),
            root=options.get("root", ""),
        )
