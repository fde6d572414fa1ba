"""Projects, and what a project has: the names that a workflow may call its tables, schemas and forms by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.models import DataTable, EmailTemplate, Form, Project, Schema
from flowapp.values.text import slug

Thing = DataTable | Schema | Form | EmailTemplate
Choices = list[tuple[str, str]]
MAX_SLUG = 48


def default_project(session: Session) -> Project:
    """The organization's default project, made where it is missing."""
    project = session.scalars(select(Project).order_by(Project.is_default.desc(), Project.id).limit(1)).first()
    if project is None:
        project = Project(name="Default", slug="default", is_default=True)
        session.add(project)
        session.flush()
    return project


def choices_tables(session: Session) -> Choices:
    """(slug, name) of the data tables, for select boxes."""
    return _choices(session, DataTable)


def choices_schemas(session: Session) -> Choices:
    """(slug, name) of the validation schemas, for select boxes."""
    return _choices(session, Schema)


def choices_forms(session: Session) -> Choices:
    """(slug, name) of the forms, for select boxes."""
    return _choices(session, Form)


def _choices(session: Session, model: type[Thing]) -> Choices:
    rows = session.execute(select(model.slug, model.name).order_by(model.name)).all()
    return [(row.slug, row.name) for row in rows]


def slugify(text: str, limit: int, fallback: str) -> str:
    """A name for machines: lower-case letters, digits and underscores, a letter first."""
    name = slug(re.sub("e-mail", "email", text, flags=re.IGNORECASE), "_")
    if name and not name[0].isalpha():
        name = f"{fallback}_{name}"
    return (name or fallback)[:limit].rstrip("_")


def free(wanted: str, taken: Iterable[str], limit: int) -> str:
    """`wanted`, or with the first free number behind it; never longer than `limit`."""
    used, name, number = set(taken), wanted, 1
    while name in used:
        number += 1
        name = f"{wanted[: limit - len(str(number)) - 1]}_{number}"
    return name


def free_slug(session: Session, model: type[Thing], project_id: str, name: str) -> str:
    """The slug of a new thing called `name`, unique in its project."""
    taken = session.scalars(select(model.slug).where(model.project_id == project_id))
    fallback = {DataTable: "table", Schema: "schema", Form: "form", EmailTemplate: "template"}[model]
    return free(slugify(name, MAX_SLUG, fallback), taken, MAX_SLUG)
