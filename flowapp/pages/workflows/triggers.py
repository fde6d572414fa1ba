"""What starts a workflow: adding, changing and removing its triggers."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from flowapp.catalog import TRIGGERS, get_trigger
from flowapp.engine.language.definition import free_key
from flowapp.errors import InvalidError, NotFoundError, StaleError
from flowapp.extensions import db
from flowapp.models.definitions import TriggerJson
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.edits import at_the_same_moment, deleted_elsewhere
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.flow import trigger_card
from flowapp.web.forms.step_picker import MAX_SEARCH, trigger_kinds
from flowapp.web.forms.trigger_side import side
from flowapp.web.forms.triggers import TriggerForm
from flowapp.web.locale import select_timezone
from flowapp.web.render import page, to_url

bp = Blueprint("workflow_triggers", __name__, url_prefix="/workflows/<uuid:workflow_id>")


@bp.get("/triggers")
@access(Role.VIEWER)
def index(workflow_id: UUID) -> Response:
    """All of them."""
    draft = Draft(workflow_id)
    providers = draft.providers()
    cards = [trigger_card(trigger, providers) for trigger in draft.definition["triggers"]]
    return page("workflows/triggers/index.html", cards=cards, workflow=draft.workflow)


@bp.get("/new-trigger")
@access(Role.EDITOR)
def catalog(workflow_id: UUID) -> Response:
    """Which kind to add."""
    wanted = request.args.get("q", "").strip()[:MAX_SEARCH]
    workflow = Draft(workflow_id).workflow
    return page(
        "workflows/triggers/catalog.html", block="list", kinds=trigger_kinds(wanted), workflow=workflow, q=wanted
    )


@bp.route("/new-trigger/<trigger_type>", methods=["GET", "POST"])
@access(Role.EDITOR)
def new(workflow_id: UUID, trigger_type: str) -> Response:
    """A new trigger."""
    draft = Draft(workflow_id)
    return _edit(draft, _new_trigger(draft, trigger_type), len(draft.definition["triggers"]))


def _new_trigger(draft: Draft, trigger_type: str) -> TriggerJson:
    spec = get_trigger(trigger_type)
    key = free_key(spec.type, {trigger["key"] for trigger in draft.definition["triggers"]})
    config: dict[str, object] = (
        {"timezone": select_timezone()} if spec.source == "clock" and "timezone" in spec.params.model_fields else {}
    )
    return {"key": key, "trigger_type": spec.type, "config": config, "conditions": None, "is_active": True}


@bp.route("/triggers/<key>", methods=["GET", "POST"])
@access(Role.EDITOR)
def change(workflow_id: UUID, key: str) -> Response:
    """A trigger of the draft."""
    draft = Draft(workflow_id)
    try:
        at = draft.trigger_at(key)
    except NotFoundError:
        if request.form.get("_type") not in TRIGGERS:
            raise
        return _typed_again(draft, request.form["_type"])
    return _edit(draft, draft.definition["triggers"][at], at)


def _typed_again(draft: Draft, trigger_type: str) -> Response:
    """The form of a new trigger with what was typed for one that is gone."""
    form = TriggerForm.editing(_new_trigger(draft, trigger_type), draft.providers(), request.form)
    form.config.form_errors.append(deleted_elsewhere())
    return _editor(draft, form, 422, new=True)


@bp.post("/triggers/<key>/delete")
@access(Role.EDITOR)
def delete(workflow_id: UUID, key: str) -> Response:
    """Takes it out of the draft."""
    draft = Draft(workflow_id)
    at = draft.trigger_at(key)
    triggers = [trigger for place, trigger in enumerate(draft.definition["triggers"]) if place != at]
    draft.save({**draft.definition, "triggers": triggers}, request.form.get("revision", ""))
    flash(_("The trigger was deleted."), "success")
    return to_url(url_for("steps.index", workflow_id=workflow_id))


def _edit(draft: Draft, trigger: TriggerJson, at: int) -> Response:
    posted = request.form if request.method == "POST" else None
    form, new = TriggerForm.editing(trigger, draft.providers(), posted), at == len(draft.definition["triggers"])
    if posted is not None and not form.acted and form.validate():
        form = form if new else form.merged()
        if (new or not form.edit.asks) and _saved(draft, form, at):
            flash(_("The trigger was saved."), "success")
            form.edit.tell()
            return to_url(_next(draft, form, at))
    status = 422 if (form.errors or form.edit.questions) and not form.acted else 200
    return _editor(draft, form, status, new=new)


def _editor(draft: Draft, form: TriggerForm, status: int, *, new: bool) -> Response:
    workflow_id = draft.workflow.id
    url = url_for("workflow_triggers.change", workflow_id=workflow_id, key=form.trigger["key"])
    if new:
        url = url_for("workflow_triggers.new", workflow_id=workflow_id, trigger_type=form.spec.type)
    return page(
        "workflows/triggers/edit.html", block="editor", status=status, form=form, workflow=draft.workflow,
        url=url, new=new, **side(draft, form),
    )  # fmt: skip


def _saved(draft: Draft, form: TriggerForm, at: int) -> bool:
    triggers = list(draft.definition["triggers"])
    triggers[at : at + 1] = [form.trigger]
    try:
        draft.save_over({**draft.definition, "triggers": triggers})
    except StaleError:
        db.session.rollback()
        form.config.form_errors.append(at_the_same_moment())
    except InvalidError as error:
        db.session.rollback()
        form.show(error.problems, at)
    else:
        return True
    return False


def _next(draft: Draft, form: TriggerForm, at: int) -> str:
    """Back to the flow; a new webhook first shows its address."""
    if form.spec.source == "hook" and at == len(draft.definition["triggers"]):
        return url_for("workflow_triggers.change", workflow_id=draft.workflow.id, key=form.trigger["key"])
    return url_for("steps.index", workflow_id=draft.workflow.id)
