"""How much one execution may store, and all executions of one organization together.

An execution counts for itself what it writes (engine.runtime.recorder). Of an organization the sizes of its workflows are known
(engine.retention.sizes): they are looked at every few seconds, not at each start.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from time import monotonic

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.errors import StorageFullError
from flowapp.models import WorkflowSize
from flowapp.texts import say

LOOK = 10.0  # seconds for which an organization's size stands
_KNOWN = 10_000  # organizations
MIB = 1 << 20


class Quotas:
    """The limits of this process, in bytes. `execution` is infinite, `organization` 0, where there is none."""

    def __init__(self) -> None:
        self.execution: float = 64 * MIB
        self.organization = 0
        self._seen: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    def configure(self, execution: int, organization: int) -> None:
        """Sets the limits, in MiB; 0: none."""
        self.execution, self.organization = execution * MIB or inf, organization * MIB
        self._seen.clear()

    def check(self, session: Session, organization_id: str) -> None:
        """StorageFullError where the executions of the organization take as much as they may: none begins."""
        if self.organization and self._is_full(session, organization_id):
            raise StorageFullError(
                say(
                    "This organization's executions have reached their storage limit of %(mib)s MiB, so no "
                    "new one can start. Shorten the retention so that old ones are deleted, then run "
                    "“Measure sizes” under Background jobs, or raise FLOWAPP_ORGANIZATION_STORAGE.",
                    mib=str(self.organization // MIB),
                )
            )

    def has_room(self, organization_id: str) -> bool:
        """Whether `check` found room a moment ago, without asking anybody."""
        if not self.organization:
            return True
        seen_at, full = self._seen.get(organization_id, (-LOOK, True))
        return not full and monotonic() - seen_at < LOOK

    def passed(self, stored: int) -> str:
        """What is to be said of an execution that stored so many bytes, more than it may."""
        return say(
            "This execution has stored %(stored)s MiB; %(most)s MiB are the most that one may. Hand on "
            "less from step to step, or split the work into several executions (FLOWAPP_EXECUTION_STORAGE).",
            stored=stored // MIB,
            most=f"{self.execution // MIB:.0f}",
        )

    def _is_full(self, session: Session, organization_id: str) -> bool:
        now = monotonic()
        seen_at, full = self._seen.get(organization_id, (-LOOK, False))
        if now - seen_at >= LOOK:
            total = select(func.sum(WorkflowSize.bytes)).where(WorkflowSize.organization_id == organization_id)
            full = (session.scalar(total) or 0) >= self.organization
            self._seen[organization_id] = now, full
            if len(self._seen) > _KNOWN:
                self._seen.popitem(last=False)
        return full


quotas = Quotas()
