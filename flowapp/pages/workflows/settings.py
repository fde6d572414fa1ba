"""The settings of a workflow: name, limits, variables; its versions; its JSON; and copying or deleting it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks, workflows
from flowapp.catalog import N_
from flowapp.engine.language.scope import LANGUAGE
from flowapp.errors import InvalidError, Problem, StaleError
from flowapp.extensions import db
from flowapp.models import User, Version, Workflow
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.edits import Edit, at_the_same_moment
from flowapp.web.forms.config import ConfigForm, applied, config_form, mapped
from flowapp.web.forms.draft import Draft
from flowapp.web.texts import localized_problems
from flowapp.workflows import exports
from flowapp.workflows.projects import slugify

bp = Blueprint("workflow_settings", __name__, url_prefix="/workflows/<uuid:workflow_id>")
# What language 3 changed for definitions of the languages before; in full in docs/values.md.
CHANGES = (
    N_("“Is not”, “is none of” and “does not contain” hold for a missing or null field; “exists” does not hold for null or an empty answer."),
    N_("Yes and no: “no”, “off”, “non” and 0 count as no, “yes”, “on”, “oui” and 1 as yes. Until now only “true” and “false” were such words."),
    N_("Dates and times are compared and sorted as moments, not as text. A number and any other text have no order: the condition is false."),
    N_("A date format without % is a pattern: dd/MM/yyyy writes 31/12/2026. Until now it wrote itself."),
    N_("Values inserted into an HTML message are escaped, unless they are marked safe. A value inserted among addresses is one recipient."),
    N_("The filter “slug” spells letters out: “Größe” becomes “groesse”."),
)  # fmt: skip


@bp.get("/settings")
@access(Role.VIEWER)
def show(workflow_id: UUID) -> Response:
    """The page; who may not edit sees the settings without the form."""
    draft = Draft(workflow_id)
    form = config_form(draft.definition, draft.providers())
    errors, _warnings = workflows.validate(db.session(), draft.workflow)
    form.show(mapped(problem for problem in errors if problem.path.startswith("config.")))
    return _page(draft, form, _edit(draft))


@bp.post("/settings")
@access(Role.EDITOR)
def save(workflow_id: UUID) -> Response:
    """Saves them into the draft."""
    draft = Draft(workflow_id)
    edit = _edit(draft)
    form = config_form(draft.definition, draft.providers(), request.form, edit.seen)
    if form.acted or not form.validate():
        return _page(draft, form, edit, 422 if form.errors else 200)
    merged = edit.merge(form.data)
    if edit.asks:
        return _page(draft, config_form(draft.definition, draft.providers(), shown=merged), edit, edit.status)
    try:
        draft.save_over(applied(draft.definition, merged))
    except StaleError:
        db.session.rollback()
        form.form_errors.append(at_the_same_moment())
    except InvalidError as error:
        db.session.rollback()
        form.show(mapped(error.problems))
    else:
        flash(_("The settings were saved."), "success")
        edit.tell()
        return go("workflow_settings.show", workflow_id=workflow_id)
    return _page(draft, form, edit, 422)


@bp.post("/language")
@access(Role.EDITOR)
def language(workflow_id: UUID) -> Response:
    """Gives the draft today's meaning of values. What runs stays as it is until it is published."""
    draft = Draft(workflow_id)
    try:
        draft.save_over({**draft.definition, "language": LANGUAGE})
    except (InvalidError, StaleError) as error:
        db.session.rollback()
        problems = error.problems if isinstance(error, InvalidError) else [Problem("", at_the_same_moment())]
        return _page(draft, config_form(draft.definition, draft.providers()), _edit(draft), 422, problems)
    flash(_("The draft now reads values by today's rules. Undo on the tab Steps takes it back."), "success")
    return go("workflow_settings.show", workflow_id=workflow_id)


def _edit(draft: Draft) -> Edit:
    stored = config_form(draft.definition, draft.providers())
    return Edit(stored.data, lambda path: stored.label(path[0]), inside=("variables",))


def _page(draft: Draft, form: ConfigForm, edit: Edit, status: int = 200, kept_from: Sequence[Problem] = ()) -> Response:
    """`kept_from`: what keeps the draft from the present language."""
    workflow = draft.workflow
    return page(
        "workflows/settings.html",
        block="form",
        status=status,
        workflow=workflow,
        tab="settings",
        form=form,
        refused=status == 422 and not kept_from,
        edit=edit,
        versions=_versions(workflow),
        exported=draft.definition,
        changes=[_(change) for change in CHANGES] if draft.definition.get("language", 1) < LANGUAGE else [],
        kept_from=localized_problems(kept_from),
    )


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
    """The draft as a JSON file with what it uses, as the import takes it; secrets are masked."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    response = make_response(json.dumps(exports.exported(session, [workflow]), ensure_ascii=False, indent=2))
    response.mimetype = "application/json"
    name = slugify(workflow.name, 60, "workflow")
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
    flash(_("This is the copy: a draft with its own webhook URLs."), "success")
    return go("workflow.show", workflow_id=copy.id)


@bp.post("/delete")
@access(Role.EDITOR)
def delete(workflow_id: UUID) -> Response:
    """Removes it with its versions and executions."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    name = workflow.name
    ended = workflows.delete(session, workflow, actor_id=g.actor.user.id)
    session.commit()
    tasks.announce_ends(ended)
    flash(_("“%(name)s” was deleted.", name=name), "success")
    return go("workflows.index")
