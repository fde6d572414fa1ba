"""Integrations, as parameters name them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.models import Integration


@resource(
    "integration",
    missing=N_("There is no integration “%(name)s”.%(near)s Create it, or choose another."),
)
def integrations(session: Session, _project_id: str) -> Choices:
    """Those that are switched on, by their ids; a step may also say the name, the type or the provider."""
    rows = session.scalars(select(Integration).where(Integration.is_active).order_by(Integration.name))
    return [
        Choice(
            row.id, row.name, tuple(filter(None, (row.name, row.integration_type, row.provider))), row.integration_type
        )
        for row in rows
    ]
