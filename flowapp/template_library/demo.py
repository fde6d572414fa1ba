"""What a new installation starts with: one template that is ready to run, and, if wanted, an example that uses all.

Both run green at the first click: no credentials, no public address, and input of their own where nobody gave any.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from flowapp import workflows
from flowapp.data import forms, schemas, tables
from flowapp.events import audit
from flowapp.exact_json import Json
from flowapp.models import AuditEntry, DataTable, Form, Organization, Project, Schema, User, Workflow
from flowapp.texts import localized_values, say
from flowapp.workflows.projects import default_project

TEMPLATE = "Hello, Flowapp"
ADDED = "example.added"  # the audit line of what a person did not make
FORM, TABLE, SCHEMA = "contact_form_1", "contacts", "contact_schema"


def furnish(
    session: Session, organization: Organization, owner: User, *, language: str = "en", example: bool = False
) -> None:
    """A new organization's first content: the template; with `example` also the example that uses all."""
    seed_template(session, owner.id, language)
    if example:
        seed_demo(session, organization, owner.id, language)


def seed_template(session: Session, actor_id: str | None, language: str = "en") -> Workflow:
    """The template “Hello, Flowapp”, made where the organization has none of that name."""
    return _workflow(session, localized_values(_template(), language), actor_id, is_template=True)


def seed_demo(session: Session, organization: Organization, actor_id: str | None, language: str = "en") -> Workflow:
    """The example: form, data table, schema and the active workflow that ties them. Adds only what is missing."""
    project = default_project(session)
    _table(session, project, language)
    _schema(session, project, language)
    _form(session, project, language)
    actor = session.get(User, actor_id) if actor_id else None
    return example_workflow(session, _welcome(organization, actor), actor_id, language)


def example_workflow(session: Session, body: Json, actor_id: str | None, language: str) -> Workflow:
    """An active workflow of an example, made where the organization has none of its name."""
    workflow = _workflow(session, localized_values(body, language), actor_id)
    if workflow.status == "draft":
        workflows.activate(session, workflow, actor_id=actor_id)
    return workflow


def has_own(session: Session, model: type[Workflow | Form], *where: ColumnElement[bool]) -> bool:
    """Whether somebody here made one, besides the example's."""
    example = session.scalars(select(AuditEntry.object_id).where(AuditEntry.action == ADDED)).all()
    return session.scalar(select(model.id).where(model.id.not_in(example), *where).limit(1)) is not None


def _added(session: Session, kind: str, row: Workflow | Form) -> None:
    audit(session, ADDED, target=(kind, row.id, row.name))


def _workflow(session: Session, body: Json, actor_id: str | None, *, is_template: bool = False) -> Workflow:
    known = session.scalars(select(Workflow).filter_by(name=body["name"]).limit(1)).first()
    if known:
        return known
    made = workflows.create(session, body | {"is_template": is_template}, actor_id=actor_id)
    _added(session, "workflow", made)
    return made


def _missing(session: Session, model: type[DataTable | Schema | Form], project: Project, slug: str) -> bool:
    return session.scalar(select(model.id).filter_by(project_id=project.id, slug=slug)) is None


def _table(session: Session, project: Project, language: str) -> None:
    if _missing(session, DataTable, project, TABLE):
        columns = [
            {"key": "name", "label": say("Name"), "type": "text", "required": True},
            {"key": "email", "label": say("E-mail"), "type": "email", "unique": True},
            {"key": "message", "label": say("Message"), "type": "text"},
        ]
        body = {"name": "Contacts", "columns": localized_values(columns, language)}
        tables.create(session, body, project_id=project.id)


def _schema(session: Session, project: Project, language: str) -> None:
    if _missing(session, Schema, project, SCHEMA):
        rules = [
            {"field": "name", "rule": "required", "message": say("Please write your name.")},
            {"field": "email", "rule": "required"},
            {"field": "email", "rule": "email", "message": say("Please write a valid e-mail address.")},
        ]
        body = {"name": "Contact schema", "rules": localized_values(rules, language)}
        schemas.create(session, body, project_id=project.id)


def _form(session: Session, project: Project, language: str) -> None:
    if _missing(session, Form, project, FORM):
        fields = [
            {"key": "name", "label": say("Name"), "type": "text", "required": True},
            {"key": "email", "label": say("E-mail"), "type": "email", "required": True},
            {"key": "message", "label": say("Message"), "type": "textarea"},
        ]
        body = {"name": "Contact form 1", "title": say("Contact us"), "fields": fields}
        _added(session, "form", forms.create(session, localized_values(body, language), project_id=project.id))


def _template() -> Json:
    return {
        "name": TEMPLATE,
        "description": say("The smallest workflow: it says hello and writes a log line. Run it, then change it."),
        "variables": {"name": say("world")},
        "triggers": [{"trigger_type": "manual"}],
        "steps": [
            {
                "step_id": "greeting",
                "name": say("Write the greeting"),
                "action_type": "transform_data",
                "params": {"set": {"text": say("Hello, %(name)s!", name="{{ input.name | default(variables.name) }}")}},
            },
            {
                "step_id": "say",
                "name": say("Log it"),
                "action_type": "log",
                "params": {"message": "{{ steps.greeting.text }}"},
            },
        ],
    }


def _welcome(organization: Organization, actor: User | None) -> Json:
    """Run by hand, it welcomes the person who set Flowapp up; else whoever sent the form."""
    somebody = {
        "name": actor.name if actor else "Ada Lovelace",
        "email": actor.email if actor else "ada@example.com",
        "message": say("A first try"),
    }
    answers = {key: f"{{{{ input.form_data.{key} | default(variables.somebody.{key}) }}}}" for key in somebody}
    return {
        "name": say("Welcome a new contact"),
        "description": say("Checks what a visitor entered in the contact form, saves it, and replies by e-mail."),
        "variables": {"somebody": somebody, "organization": organization.name},
        "triggers": [{"trigger_type": "form_submit", "config": {"form_id": FORM}}, {"trigger_type": "manual"}],
        "steps": _welcome_steps(answers),
    }


def _welcome_steps(answers: Mapping[str, object]) -> list[Json]:
    subject = say("Welcome, %(name)s", name="{{ steps.answers.name }}")
    message = say(
        "Hello %(name)s,\n\nthank you for your message. We will be in touch soon.\n\n%(organization)s",
        name="{{ steps.answers.name }}",
        organization="{{ variables.organization }}",
    )
    return [
        _step("answers", say("Read the answers"), "transform_data", set=answers),
        _step("check", say("Check the answers"), "validate_data", schema=SCHEMA, data="{{ steps.answers.result }}"),
        _step(
            "save", say("Save the contact"), "database_save",
            table=TABLE, mode="upsert", match=["email"], data="{{ steps.answers.result }}",
        ),
        _step("welcome", say("Send a welcome e-mail"), "send_email", to="{{ steps.answers.email }}", subject=subject, message=message),
        _step("done", say("Log it"), "log", message=say("%(name)s was welcomed.", name="{{ steps.answers.name }}")),
    ]  # fmt: skip


def _step(step_id: str, name: str, action_type: str, **params: object) -> Json:
    return {"step_id": step_id, "name": name, "action_type": action_type, "params": params}
