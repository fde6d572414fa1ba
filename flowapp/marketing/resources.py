"""E-mail templates of a project, as parameters name them and as they go along with workflows."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.marketing import email_templates as service
from flowapp.models import EmailTemplate
from flowapp.workflows.exports.file import PARTS, Part

PARTS["email_templates"] = Part(EmailTemplate, ("name", "subject", "html", "text"), service.create)


@resource(
    "email_template",
    missing=N_("There is no e-mail template “%(name)s” in this project.%(near)s Create it, or choose another."),
)
def email_templates(session: Session, project_id: str) -> Choices:
    """By their slugs."""
    named = select(EmailTemplate.slug, EmailTemplate.name, EmailTemplate.id, EmailTemplate.number)
    found = session.execute(named.where(EmailTemplate.project_id == project_id).order_by(EmailTemplate.name))
    return [Choice(row.slug, row.name, (row.name, row.id, str(row.number))) for row in found]
