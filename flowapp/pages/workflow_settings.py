"""The settings of a workflow: name, limits, variables; its versions; its JSON; and copying or deleting it."""

from __future__ import annotations

import json
import re
from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import gettext as _
from pydantic import Field, ValidationError
from sqlalchemy import select

from flowapp.catalog import N_, Params, ui
from flowapp.engine.wording import plain_problems
from flowapp.errors import InvalidError, Problem, StaleError
from flowapp.extensions import db
from flowapp.models import User, Version, Workflow
from flowapp.security.roles import Role
from flowapp.studio import workflows
from flowapp.studio.projects import slugify
from flowapp.web import access, formgen, go, page
from flowapp.web.formgen.draft import Draft

bp = Blueprint("workflow_settings", __name__, url_prefix="/workflows/<uuid:workflow_id>")
Json = dict[str, Any]
_AFTER = re.compile(r"after_([0-9]+)_days")


class SettingsParams(Params):
    """What a person may set for the whole workflow."""

    name: str = Field(min_length=1, max_length=200, json_schema_extra=ui(N_("Name")))
    description: str = Field("", max_length=10_000, json_schema_extra=ui(N_("Description"), widget="textarea"))
    variables: dict[str, Any] = Field(
        default_factory=dict,
        json_schema_extra=ui(N_("Variables"), N_("Every step can use them as variables.<name>."), widget="keyvalue"),
    )
    timeout: int | None = Field(
        None,
        ge=1,
        le=31_536_000,
        json_schema_extra=ui(
            N_("An execution ends after (seconds)"), N_("Empty: it may take any time."), widget="number"
        ),
    )
    concurrency: int | None = Field(
        None,
        ge=1,
        le=10_000,
        json_schema_extra=ui(N_("Executions at the same time"), N_("Empty: any number."), widget="number"),
    )
    reentry: Literal["always", "once", "not_while_active", "after"] = Field(
        "always",
        json_schema_extra=ui(
            N_("May the same contact enter again?"),
            widget="select",
            choices=[
                ("always", N_("Always")),
                ("once", N_("Never")),
                ("not_while_active", N_("Not while an execution for them is under way")),
                ("after", N_("After some days")),
            ],
        ),
    )
    reentry_days: int = Field(
        30, ge=1, le=9999, json_schema_extra=ui(N_("How many days"), widget="number", show_if={"reentry": ["after"]})
    )


class SettingsForm(formgen.Form):
    """Nothing is evaluated in these settings."""

    picker = False


@bp.get("/settings")
@access(Role.VIEWER)
def show(workflow_id: UUID) -> Response:
    """The page; who may not edit sees the settings without the form."""
    draft = Draft(workflow_id)
    return _page(draft, _form(draft), str(draft.workflow.revision))


@bp.post("/settings")
@access(Role.EDITOR)
def save(workflow_id: UUID) -> Response:
    """Saves name, limits and variables into the draft."""
    draft = Draft(workflow_id)
    form = _form(draft)
    values = form.read(request.form)
    revision = request.form.get("revision", "")
    if form.acted or form.errors:
        return _page(draft, form, revision, 422 if form.errors else 200)
    try:
        draft.save(_laid(draft.definition, values), revision)
    except StaleError:
        db.session.rollback()
        form.form_errors.append(
            _("Somebody changed this workflow meanwhile. Nothing is lost: save again to put your changes in.")
        )
    except InvalidError as error:
        db.session.rollback()
        form.place(Problem(problem.path.removeprefix("config."), problem.message) for problem in error.problems)
    else:
        flash(_("The settings are saved."), "success")
        return go("workflow_settings.show", workflow_id=workflow_id)
    draft = Draft(workflow_id)
    return _page(draft, form, str(draft.workflow.revision), 422)


def _page(draft: Draft, form: formgen.Form, revision: str, status: int = 200) -> Response:
    workflow = draft.workflow
    return page(
        "workflows/settings.html",
        block="form",
        status=status,
        workflow=workflow,
        tab="settings",
        form=form,
        revision=revision,
        config=draft.definition["config"],
        versions=_versions(workflow),
        exported=draft.definition,
    )


def _form(draft: Draft) -> formgen.Form:
    shown, config = draft.definition, dict(draft.definition["config"])
    after = _AFTER.fullmatch(config["reentry"])
    if after:
        config |= {"reentry": "after", "reentry_days": int(after[1])}
    values = {name: shown[name] for name in ("name", "description", "variables")} | config
    known = {name: value for name, value in values.items() if name in SettingsParams.model_fields}
    return SettingsForm(SettingsParams, known, formgen.Providers(), check=_check)


def _check(values: Json) -> list[Problem]:
    try:
        SettingsParams.model_validate(values)
    except ValidationError as error:
        return plain_problems(error, values, SettingsParams)
    return []


def _laid(definition: Json, values: Json) -> Json:
    """The definition with these settings; parts of the config that the page does not show stay."""
    settings = SettingsParams.model_validate(values)
    reentry = f"after_{settings.reentry_days}_days" if settings.reentry == "after" else settings.reentry
    config = {"timeout": settings.timeout, "concurrency": settings.concurrency, "reentry": reentry}
    return {
        **definition,
        "name": settings.name,
        "description": settings.description,
        "variables": settings.variables,
        "config": {**definition["config"], **config},
    }


def _versions(workflow: Workflow) -> list[tuple[Version, str]]:
    """The published versions, newest first, each with the name of who published it."""
    session = db.session()
    rows = session.scalars(
        select(Version)
        .where(Version.workflow_id == workflow.id, Version.number.is_not(None))
        .order_by(Version.number.desc())
        .limit(50)
    ).all()
    users = {row.created_by: session.get(User, row.created_by) for row in rows if row.created_by}
    names = {key: user.name or user.email for key, user in users.items() if user}
    return [(row, names.get(row.created_by or "", "")) for row in rows]


@bp.get("/export")
@access(Role.VIEWER)
def export(workflow_id: UUID) -> Response:
    """The draft as a JSON file, as the API takes it; secrets are masked."""
    draft = Draft(workflow_id)
    response = make_response(json.dumps(draft.definition, ensure_ascii=False, indent=2))
    response.mimetype = "application/json"
    name = slugify(draft.workflow.name, 60, "workflow")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


@bp.post("/duplicate")
@access(Role.EDITOR)
def duplicate(workflow_id: UUID) -> Response:
    """A copy, as a draft."""
    session = db.session()
    source = workflows.get(session, str(workflow_id))
    copy = workflows.duplicate(session, source, actor_id=g.actor.user.id)
    session.commit()
    flash(_("This is the copy: a draft with addresses of its own."), "success")
    return go("workflow.show", workflow_id=copy.id)


@bp.post("/delete")
@access(Role.EDITOR)
def delete(workflow_id: UUID) -> Response:
    """Removes it with its versions and executions."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    name = workflow.name
    workflows.delete(session, workflow, actor_id=g.actor.user.id)
    session.commit()
    flash(_("“%(name)s” was deleted.", name=name), "success")
    return go("workflows.index")
