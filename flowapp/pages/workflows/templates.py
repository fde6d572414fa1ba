"""Saving a workflow as a template: what whoever uses it will be asked for."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp import workflows
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Workflow
from flowapp.security.roles import Role
from flowapp.template_library import library
from flowapp.web import access, go, page
from flowapp.web.forms.page import PageForm, text
from flowapp.web.forms.text import shown as as_text

bp = Blueprint("workflow_templates", __name__, url_prefix="/workflows/<uuid:workflow_id>/template")


class TemplateForm(PageForm):
    """What the template is called."""

    name = text(filters=[str.strip])
    description = text(filters=[str.strip])


@bp.get("")
@access(Role.EDITOR)
def show(workflow_id: UUID) -> Response:
    """The form, with the workflow's name."""
    workflow = workflows.get(db.session(), str(workflow_id))
    return _page(workflow, TemplateForm(data={"name": workflow.name, "description": workflow.description}))


@bp.post("")
@access(Role.EDITOR)
def save(workflow_id: UUID) -> Response:
    """Makes the template: a copy, so that the workflow goes on as it is."""
    database, form = db.session(), TemplateForm(request.form)
    workflow = workflows.get(database, str(workflow_id))
    try:
        if not form.name.data:
            raise InvalidError.at("name", _("Give the template a name."), "missing")
        saved = library.save(database, workflow, actor_id=g.actor.user.id, **form.data)
        database.commit()
    except InvalidError as error:
        database.rollback()
        return _page(workflows.get(database, str(workflow_id)), form.refused(error), 422)
    flash(
        _("“%(name)s” is a template now. It is offered when someone makes a new workflow.", name=saved.name), "success"
    )
    return go("workflow.show", workflow_id=saved.id)


def _page(workflow: Workflow, form: TemplateForm, status: int = 200) -> Response:
    variables = [(name, as_text(value)) for name, value in workflow.draft["variables"].items()]
    return page(
        "workflows/template.html", block="form", status=status, workflow=workflow, form=form, variables=variables
    )
