"""Data tables, validation schemas and forms of a project, as parameters name them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.data.names import Named
from flowapp.models import DataTable, Form, Schema


@resource(
    "table",
    missing=N_("There is no data table “%(name)s” in this project.%(near)s Create it, or choose another."),
)
def tables(session: Session, project_id: str) -> Choices:
    """By their slugs."""
    return _choices(session.scalars(select(DataTable).filter_by(project_id=project_id)))


@resource(
    "schema",
    missing=N_("There is no validation schema “%(name)s” in this project.%(near)s Create it, or choose another."),
)
def schemas(session: Session, project_id: str) -> Choices:
    """By their slugs."""
    return _choices(session.scalars(select(Schema).filter_by(project_id=project_id)))


@resource(
    "form",
    missing=N_("There is no form “%(name)s” in this project.%(near)s Create it, or choose another."),
)
def forms(session: Session, project_id: str) -> Choices:
    """By their slugs."""
    return _choices(session.scalars(select(Form).filter_by(project_id=project_id)))


def _choices(rows: Iterable[Named]) -> Choices:
    found = [Choice(row.slug, row.name, (row.name, row.id, *_number(row))) for row in rows]
    return sorted(found, key=lambda one: one.label.lower())


def _number(row: Named) -> tuple[str, ...]:
    return (str(row.number),) if isinstance(row, Form) else ()
