"""E-mail templates: written once, sent by workflows, which call them by their slug."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog.mail_text import has_controls
from flowapp.data import names, stored
from flowapp.engine.language import expression
from flowapp.errors import ConflictError, InvalidError, NotFoundError, Problem
from flowapp.models import EmailTemplate, iso
from flowapp.texts import say
from flowapp.workflows.uses import uses, with_published

LIMITS: Mapping[str, int] = {"name": 200, "subject": 998, "html": 500_000, "text": 200_000}
_LINES = frozenset({"name", "subject"})  # what is a single line
_NAMED = (EmailTemplate.id, EmailTemplate.slug, EmailTemplate.name, EmailTemplate.number)


def get(session: Session, reference: str) -> EmailTemplate:
    """By its id, number, slug or name. NotFoundError for an unknown one, or another organization's."""
    template = find(session, reference)
    if template is None:
        raise NotFoundError(say("This e-mail template does not exist, or was deleted."))
    return template


def find(session: Session, reference: str, project_id: str | None = None) -> EmailTemplate | None:
    """The one called so, of a project or of all; None where there is none."""
    statement = select(*_NAMED).order_by(EmailTemplate.id)
    rows = session.execute(statement.where(EmailTemplate.project_id == project_id) if project_id else statement)
    found = names.find(rows, reference)
    return session.get(EmailTemplate, found.id) if found else None


def suggestion(session: Session, reference: str, project_id: str) -> str:
    """What is near to a name that none has; one sentence with a space before it, or nothing."""
    slugs = session.scalars(select(EmailTemplate.slug).where(EmailTemplate.project_id == project_id))
    return names.suggestion(reference, slugs)


def create(session: Session, body: Mapping[str, object], *, project_id: str | None = None) -> EmailTemplate:
    """A template from {"name", "subject", "html", "text"}. InvalidError by path."""
    return stored.add(session, EmailTemplate, read(body), project_id)


def update(session: Session, template: EmailTemplate, body: Mapping[str, object]) -> EmailTemplate:
    """Changes what `body` names. The slug stays, because workflows call the template by it."""
    now = {name: getattr(template, name) for name in LIMITS}
    return stored.change(session, template, read({**now, **body}))


def delete(session: Session, template: EmailTemplate) -> None:
    """ConflictError while a workflow uses it."""
    if found := uses(with_published(session), template):
        named = ", ".join(dict.fromkeys(f"“{use.workflow.name}”" for use in found))
        message = say(
            "“%(name)s” is still used by %(workflows)s. Choose another template there first.",
            name=template.name, workflows=named,
        )  # fmt: skip
        raise ConflictError(message)
    session.delete(template)
    session.flush()


def read(body: Mapping[str, object]) -> dict[str, object]:
    """The checked fields. InvalidError names each that cannot be used, and why."""
    values = {name: str(body.get(name) or "").strip() for name in LIMITS}
    problems = [problem for name, value in values.items() for problem in _faults(name, value)]
    if not values["name"]:
        problems.append(Problem("name", say("Give the template a name."), code="missing"))
    if not values["subject"]:
        problems.append(Problem("subject", say("Enter a subject."), code="missing"))
    if not values["html"] and not values["text"]:
        problems.append(Problem("html", say("Write the e-mail: as HTML, as text, or both."), code="missing"))
    if problems:
        raise InvalidError(problems)
    return dict(values)


def _faults(name: str, value: str) -> list[Problem]:
    if len(value) > LIMITS[name]:
        return [Problem(name, say("Enter at most %(limit)s characters.", limit=LIMITS[name]))]
    if "\x00" in value or (name in _LINES and has_controls(value)):
        return [Problem(name, say("Control characters are not allowed here."))]
    return [] if name == "name" else expression.check(value, name)


def template_json(template: EmailTemplate, *, light: bool = False) -> dict[str, object]:
    """A template as answers, messages and files print it; `light`: for lists."""
    long = {} if light else {"html": template.html, "text": template.text}
    return {
        "id": template.id,
        "number": template.number,
        "name": template.name,
        "slug": template.slug,
        "subject": template.subject,
        **long,
        "organization": template.organization_id,
        "project": template.project_id,
        "created_at": iso(template.created_at),
        "updated_at": iso(template.updated_at),
    }
