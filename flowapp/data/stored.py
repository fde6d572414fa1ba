"""What schemas, hosted forms and e-mail templates have in common: a project's things that workflows know by their slug."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy.orm import Session

from flowapp.models import EmailTemplate, Form, Schema
from flowapp.workflows import projects

Row = TypeVar("Row", EmailTemplate, Form, Schema)


def add(session: Session, kind: type[Row], values: Mapping[str, object], project_id: str | None, **more: object) -> Row:
    """A new one with checked values, in the default project where none is given; its slug is free there."""
    project_id = project_id or projects.default_project(session).id
    slug = projects.free_slug(session, kind, project_id, str(values["name"]))
    row = kind(project_id=project_id, slug=slug, **values, **more)
    session.add(row)
    session.flush()
    return row


def change(session: Session, row: Row, values: Mapping[str, object]) -> Row:
    """Sets checked values. The slug stays, because workflows know it."""
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return row
