"""`ctx.workflows`: a step starts another workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.engine.failures import find
from flowapp.engine.start import start
from flowapp.engine.visit import Visit
from flowapp.errors import StepError
from flowapp.models import Execution, Version
from flowapp.tasks.bus import begin

if TYPE_CHECKING:
    from flowapp.tasks.services import StepServices

MAX_DEPTH = 10


class SubWorkflows:
    """Starts sub-workflows for one visit of a step."""

    def __init__(self, services: StepServices, visit: Visit, token: str, key: str) -> None:
        self._services, self._visit, self._token = services, visit, token
        self._key = f"{key}:{visit.attempt}"

    def start(self, workflow: str, input_data: Any, *, wait: bool) -> str:
        """The new execution's id; the same one when this attempt runs again, after a crash or for a signal."""
        execution, created = self._services.within(lambda session: self._start(session, workflow, input_data, wait))
        if created and execution.status == "pending":
            begin(execution)
        if created and wait and execution.status == "skipped":  # no end of it will ever be signalled
            why = (execution.context or {}).get("skipped_because", "")
            raise StepError(f"“{workflow}” was skipped: {why}", permanent=True)
        return execution.id

    def _start(self, session: Session, reference: str, input_data: Any, wait: bool) -> tuple[Execution, bool]:
        visit = self._visit
        begun = session.scalars(
            select(Execution).where(Execution.parent_id == visit.execution_id, Execution.idempotency_key == self._key)
        ).first()
        if begun is not None:  # whatever became of its workflow since
            return begun, False
        target = find(session, visit.organization_id, reference)
        if target is None:
            raise StepError(f"There is no workflow “{reference}”.", permanent=True)
        if target.published_version_id is None or target.status == "archived":
            raise StepError(f"“{target.name}” cannot run: it is archived, or was never published.", permanent=True)
        above = [*visit.ancestors, visit.workflow_id]
        if target.id in above:
            raise StepError(f"“{target.name}” is already running above this step: it would never end.", permanent=True)
        if len(above) > MAX_DEPTH:
            raise StepError(f"Workflows that run workflows are {MAX_DEPTH} deep at most.", permanent=True)
        options: dict[str, Any] = {"ancestors": above}
        if wait:
            options["parent"] = [visit.execution_id, self._token]
        return start(
            session,
            target,
            session.get_one(Version, target.published_version_id),
            trigger_type="workflow",
            input_data=input_data,
            idempotency_key=self._key,
            contact_id=visit.contact_id or None,
            more={"options": options, "parent_id": visit.execution_id},
        )
