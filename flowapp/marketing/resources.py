"""E-mail templates of a project, as parameters name them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.models import EmailTemplate


@resource(
    "email_template",
    missing=N_("There is no e-mail template “%(name)s” in this project.%(near)s Create it, or choose another."),
)
def email_templates(session: Session, project_id: str) -> Choices:
    """By their slugs."""
    found = select(EmailTemplate).filter_by(project_id=project_id).order_by(EmailTemplate.name)
    return [Choice(row.slug, row.name, (row.name, row.id, str(row.number))) for row in session.scalars(found)]
