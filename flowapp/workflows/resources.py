"""Workflows of the organization, as parameters name them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.models import Workflow


@resource("workflow", missing=N_("There is no workflow “%(name)s”.%(near)s Create it, or choose another."))
def workflows(session: Session, _project_id: str) -> Choices:
    """All but the archived ones, by their ids."""
    rows = session.execute(
        select(Workflow.id, Workflow.name, Workflow.number).where(Workflow.status != "archived")
    ).all()
    found = [Choice(row.id, row.name, (row.name, str(row.number))) for row in rows]
    return sorted(found, key=lambda one: one.label.lower())
