"""What a body says of a workflow besides its definition: status, project, canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.engine.language.validation_messages import nearest
from flowapp.errors import NotFoundError, Problem, UnknownReferenceError
from flowapp.models import WORKFLOW_STATUSES, Project
from flowapp.texts import say

STATUS_ALIASES = {"inactive": "paused"}
# Printed with each workflow, so that what was read can be sent back; never taken from a body.
READ_ONLY = frozenset(
    {"id", "number", "version", "created_by", "created_at", "updated_at", "execution_count", "success_count", "failure_count",
     "success_rate", "last_executed_at", "triggers_count", "steps_count", "is_deleted", "polling"}
)  # fmt: skip
_KNOWN = frozenset({"organization", "organization_id", "project", "project_id", "status", "canvas_data", "is_template"})


@dataclass(slots=True)
class Extras:
    """Each None where the body does not speak of it."""

    status: str | None = None
    project_id: str | None = None
    canvas_data: dict[str, object] | None = None
    is_template: bool | None = None


def read_status(value: object) -> str | None:
    """The workflow status that is meant, in any case and by its aliases; None where there is no such status."""
    text = value.strip().lower() if isinstance(value, str) else ""
    text = STATUS_ALIASES.get(text, text)
    return text if text in WORKFLOW_STATUSES else None


def read_extras(session: Session, rest: Mapping[str, object]) -> tuple[Extras, list[Problem]]:
    """The extras and what is wrong with them. NotFoundError for another organization or a project that is not there."""
    extras, problems = Extras(), []
    for key in rest.keys() - _KNOWN - READ_ONLY:
        message = say(
            "There is no field “%(name)s” here.%(near)s%(known)s", name=key[:100], near=nearest(key, _KNOWN), known=""
        )
        problems.append(Problem(key[:100], message, code="unknown_field"))
    for key in ("organization", "organization_id"):
        refuse_other_organization(session, rest.get(key))
    if rest.get("status") is not None:
        extras.status = read_status(rest["status"])
        if extras.status is None:
            problems.append(Problem("status", f"Choose one of: {', '.join(WORKFLOW_STATUSES)}."))
    project = rest["project"] if rest.get("project") is not None else rest.get("project_id")
    if project is not None and not isinstance(project, str):
        problems.append(Problem("project", "Enter the id or slug of a project."))
    elif project is not None:
        extras.project_id = _project_id(session, project)
        if extras.project_id is None:
            raise UnknownReferenceError.at("project", "There is no such project: give its id or slug, or leave it out.")
    for key, kind, words in (
        ("canvas_data", dict, "an object"),
        ("is_template", bool, "true or false"),
    ):
        value = rest.get(key)
        if value is not None and not isinstance(value, kind):
            problems.append(Problem(key, f"Enter {words}."))
        else:
            setattr(extras, key, value)
    return extras, problems


def refuse_other_organization(session: Session, value: object) -> None:
    """`organization` of a body: an id that is not the session's own is nobody we know. Anything else says nothing."""
    try:
        named = str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        named = None
    if named is not None and named != session.info.get("organization_id"):
        raise NotFoundError("There is no such organization.")


def _project_id(session: Session, value: str) -> str | None:
    try:
        by_id = [Project.id == str(UUID(value))]
    except ValueError:
        by_id = []
    return session.scalar(select(Project.id).where(or_(Project.slug == value, *by_id)))
