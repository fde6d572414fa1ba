"""The test call of a webhook's trigger: listening, and what came."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from flowapp.errors import ConflictError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.trigger_side import side
from flowapp.web.forms.triggers import TriggerForm
from flowapp.web.render import wants_fragment
from flowapp.workflows import received_calls, test_data

bp = Blueprint("test_calls_page", __name__, url_prefix="/workflows/<uuid:workflow_id>/triggers/<key>/test-call")


@bp.get("")
@access(Role.EDITOR)
def show(workflow_id: UUID, key: str) -> Response:
    """How it stands, for the trigger's page, which asks again and again."""
    return _side(Draft(workflow_id), key)


@bp.post("")
@access(Role.EDITOR)
def change(workflow_id: UUID, key: str) -> Response:
    """Listens, stops listening, or takes what came as the draft's test data."""
    draft, session = Draft(workflow_id), db.session()
    trigger = draft.definition["triggers"][draft.trigger_at(key)]
    action = request.form.get("do")
    if action == "end":
        received_calls.stop(session, draft.workflow.id, key)
    elif action == "use":
        call = received_calls.of(session, draft.workflow.id, key)
        if call is None or call.received_at is None:
            raise ConflictError(_("No test call was received yet."))
        test_data.keep_input(draft.workflow, call.input_data)
    elif not trigger["config"].get("key"):
        raise ConflictError(_("This trigger has no URL that could be called."))
    else:
        received_calls.listen(session, draft.workflow, key, str(trigger["config"]["key"]))
    session.commit()
    return _side(draft, key)


def _side(draft: Draft, key: str) -> Response:
    if not wants_fragment():
        return go("workflow_triggers.change", workflow_id=draft.workflow.id, key=key)
    form = TriggerForm(draft.definition["triggers"][draft.trigger_at(key)], draft.providers())
    shown = {"alone": True, "form": form, "workflow": draft.workflow, **side(draft, form)}
    return page("workflows/triggers/_test_call.html", block="", status=200, **shown)
