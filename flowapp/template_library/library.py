"""Workflow templates, built in and an organization's own: listed, filled in, made into a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from pydantic import Field, create_model
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import workflows
from flowapp.catalog import Params, ui
from flowapp.engine.language.definition import json_problems
from flowapp.engine.language.validation_messages import check_params
from flowapp.errors import InvalidError, NotFoundError, Problem
from flowapp.exact_json import Json
from flowapp.marketing import email_templates
from flowapp.models import Workflow, by_reference
from flowapp.template_library import builtin as _builtin  # noqa: F401 - declares the built-in ones
from flowapp.template_library.declared import DECLARED, Declared
from flowapp.texts import localized, localized_values, say
from flowapp.workflows.projects import default_project

OWN = 200  # an organization's own ones that are listed


@dataclass(frozen=True, slots=True)
class WorkflowTemplate:
    """`params` is what a form asks for, `values` what stands there at first; `own` the organization's workflow."""

    key: str
    icon: str
    name: str
    description: str
    params: type[Params]
    values: Json
    definition: Json
    declared: Declared | None = None
    own: Workflow | None = None

    @property
    def asks(self) -> bool:
        """Whether there is something to fill in."""
        return bool(self.params.model_fields)


def every(session: Session, language: str, email: str) -> list[WorkflowTemplate]:
    """The organization's own, then those built in; `email` is of whoever asks."""
    mine = select(Workflow).where(Workflow.is_template, Workflow.status != "archived").order_by(Workflow.id).limit(OWN)
    built_in = [_built_in(one, language, email) for one in DECLARED.values()]
    return [*(_own(row) for row in session.scalars(mine)), *built_in]


def find(session: Session, key: str, language: str, email: str) -> WorkflowTemplate | None:
    """The one of that id; of the organization's own, also by number."""
    if key in DECLARED:
        return _built_in(DECLARED[key], language, email)
    row = by_reference(session, Workflow, key)
    return _own(row) if row is not None and row.is_template else None


def get(session: Session, key: str, language: str, email: str) -> WorkflowTemplate:
    """NotFoundError where there is none of that id."""
    found = find(session, key, language, email)
    if found is None:
        raise NotFoundError(say("There is no such template. List them to see which ones there are."))
    return found


def check(template: WorkflowTemplate, values: Mapping[str, object]) -> list[Problem]:
    """What is wrong with values that were filled in, by their names."""
    given = dict(values)
    return json_problems(given) or check_params(template.params, given, "")[0]


def create(
    session: Session,
    template: WorkflowTemplate,
    *,
    values: Mapping[str, object],
    overrides: Mapping[str, object],
    language: str,
    actor_id: str,
) -> Workflow:
    """A workflow made from it: a draft, unless `overrides`, which go before what the template says, have a status.

    InvalidError names what is wrong with the values at `values.<name>`.
    """
    filled = {**template.values, **values}
    if problems := check(template, filled):
        raise InvalidError([_inside(problem) for problem in problems])
    if template.own is not None:
        return _copied(session, template, template.own, {**filled}, overrides, actor_id)
    declared = cast(Declared, template.declared)
    params = declared.params.model_validate(filled)
    made = {name: _mail(session, mail, language) for name, mail in declared.mails.items() if not filled.get(name)}
    body = localized_values(declared.build(params.model_copy(update=made)), language)
    named = {"name": template.name, "description": template.description}
    return workflows.create(session, {**body, **named, **overrides}, actor_id=actor_id)


def save(session: Session, workflow: Workflow, *, name: str, description: str, actor_id: str) -> Workflow:
    """A copy of the workflow as a template: its variables are what a form asks for."""
    copy = workflows.duplicate(session, workflow, actor_id=actor_id, name=name.strip() or workflow.name)
    return workflows.update(session, copy, {"description": description, "is_template": True}, actor_id=actor_id)


def template_json(template: WorkflowTemplate) -> Json:
    """A template as answers print it. `schema` is the JSON Schema of its `values`."""
    triggers, steps = (cast(list[Json], template.definition.get(part) or []) for part in ("triggers", "steps"))
    return {
        "id": template.key,
        "name": template.name,
        "description": template.description,
        "icon": template.icon,
        "is_builtin": template.own is None,
        "number": template.own.number if template.own else None,
        "trigger_types": list(dict.fromkeys(str(one["trigger_type"]) for one in triggers)),
        "action_types": list(dict.fromkeys(str(one["action_type"]) for one in steps)),
        "schema": template.params.model_json_schema(),
        "values": template.values,
    }


def _inside(problem: Problem) -> Problem:
    return Problem(f"values.{problem.path.lstrip('.')}".rstrip("."), problem.message, code=problem.code)


def _built_in(declared: Declared, language: str, email: str) -> WorkflowTemplate:
    params = declared.params
    values: Json = {
        name: email if name == "recipient" else field.get_default(call_default_factory=True)
        for name, field in params.model_fields.items()
    }
    name, description = (localized(text, language) for text in (declared.name, declared.description))
    definition = declared.build(params.model_validate(values))
    return WorkflowTemplate(declared.key, declared.icon, name, description, params, values, definition, declared)


def _own(row: Workflow) -> WorkflowTemplate:
    values = dict(row.draft["variables"])
    params = _params(tuple((name, _kind(value)) for name, value in values.items()))
    definition = cast(Json, row.draft)
    return WorkflowTemplate(row.id, "template", row.name, row.description, params, values, definition, own=row)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS.items() if isinstance(value, kind)), "json")


_KINDS: Mapping[type, str] = {bool: "yes", int: "number", float: "number", str: "text"}
_TYPES: Mapping[str, object] = {"yes": bool, "number": int | float, "text": str, "json": object}


@cache
def _params(variables: tuple[tuple[str, str], ...]) -> type[Params]:
    """A model of those variables, which may have any names."""
    fields: dict[str, Any] = {
        f"value_{at}": (
            _TYPES[kind],
            Field(
                None if kind == "json" else ...,
                alias=name,
                json_schema_extra=ui(name.replace("_", " ").strip().capitalize() or name),
            ),
        )
        for at, (name, kind) in enumerate(variables)
    }
    return create_model("TemplateValues", __base__=Params, **fields)


def _copied(
    session: Session,
    template: WorkflowTemplate,
    own: Workflow,
    values: Json,
    overrides: Mapping[str, object],
    actor_id: str,
) -> Workflow:
    given = dict(overrides)
    copy = workflows.duplicate(session, own, actor_id=actor_id, name=str(given.pop("name", None) or template.name))
    body = {"description": template.description, "variables": values, **given}
    return workflows.update(session, copy, body, actor_id=actor_id)


def _mail(session: Session, mail: Mapping[str, str], language: str) -> str:
    """The slug of the e-mail template of that name, made where there is none."""
    body = {name: localized(text, language) for name, text in mail.items()}
    project_id = default_project(session).id
    known = email_templates.find(session, body["name"], project_id)
    return (known or email_templates.create(session, body, project_id=project_id)).slug
