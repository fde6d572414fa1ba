"""What the selects of a form offer: the project's tables, schemas and forms, integrations, members, the other steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from flowapp.crm.steps.names import names_of
from flowapp.models import DataTable, EmailTemplate, Form, Integration, Member, Schema, User, Workflow
from flowapp.models.definitions import ColumnJson

Choices = Sequence[tuple[str, str]]
Columns = Sequence[ColumnJson]


def _no_columns(_table: str) -> Columns:
    return ()


def _no_names(_kind: str) -> Choices:
    return ()


@dataclass(frozen=True, slots=True)
class Providers:
    """Choices are (value, name). `integrations` are (id, name, type); `columns` gives a table's by its slug, `template_names` an e-mail template's slug by its name, number and id, `names` the CRM's by kind."""

    tables: Choices = ()
    schemas: Choices = ()
    forms: Choices = ()
    email_templates: Choices = ()
    steps: Choices = ()
    workflows: Choices = ()
    members: Choices = ()
    integrations: Sequence[tuple[str, str, str]] = ()
    template_names: Mapping[str, str] = field(default_factory=dict)
    columns: Callable[[str], Columns] = _no_columns
    names: Callable[[str], Choices] = _no_names


_TEMPLATES = select(EmailTemplate.id, EmailTemplate.number, EmailTemplate.name, EmailTemplate.slug).order_by(
    EmailTemplate.name
)


def of_project(session: Session, project_id: str, steps: Choices = (), without: str = "") -> Providers:
    """What a project has; `steps` are the other steps of the workflow, which `without` is the id of."""
    tables = session.scalars(select(DataTable).filter_by(project_id=project_id).order_by(DataTable.name)).all()
    columns = {table.slug: table.columns for table in tables}
    members = _members(session)
    templates = session.execute(_TEMPLATES.where(EmailTemplate.project_id == project_id)).all()
    return Providers(
        tables=[(table.slug, table.name) for table in tables],
        schemas=_pairs(session, select(Schema.slug, Schema.name).filter_by(project_id=project_id)),
        forms=_pairs(session, select(Form.slug, Form.name).filter_by(project_id=project_id)),
        email_templates=[(row.slug, row.name) for row in templates],
        template_names={str(name).casefold(): row.slug for row in templates for name in (row.id, row.number, row.name)},
        steps=steps,
        workflows=_workflows(session, without),
        members=members,
        integrations=[
            (row.id, row.name, row.integration_type)
            for row in session.scalars(select(Integration).order_by(Integration.name))
        ],
        columns=lambda slug: columns.get(slug, ()),
        names=cache(lambda kind: names_of(session, kind, members)),
    )


def _workflows(session: Session, without: str) -> list[tuple[str, str]]:
    """Every workflow of the organization, archived ones left out."""
    found = select(Workflow.id, Workflow.name).where(Workflow.status != "archived")
    return _pairs(session, found.where(Workflow.id != without) if without else found)


def _members(session: Session) -> list[tuple[str, str]]:
    """Everybody in the organization, by e-mail address."""
    found = select(User.email, User.name).join(Member, Member.user_id == User.id)
    return [(email, f"{name} ({email})") for email, name in _pairs(session, found)]


def _pairs(session: Session, statement: Select[str, str]) -> list[tuple[str, str]]:
    return sorted(((slug, name) for slug, name in session.execute(statement)), key=lambda pair: pair[1].lower())
