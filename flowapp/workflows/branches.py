"""How often the branches of splits were taken."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.models import BranchCount, Workflow


def taken(session: Session, workflow: Workflow) -> dict[str, dict[str, int]]:
    """The counts of the published version: by step, by branch. Nothing for one that was never published."""
    counts: dict[str, dict[str, int]] = {}
    if workflow.published_version_id is None:
        return counts
    for row in session.scalars(select(BranchCount).where(BranchCount.version_id == workflow.published_version_id)):
        counts.setdefault(row.step_id, {})[row.branch] = row.count
    return counts
