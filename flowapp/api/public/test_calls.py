"""Calls that the page of a webhook's trigger waits for: kept as a sample, they start nothing.

While somebody waits, /hooks/<key>/test/ takes them, whatever the workflow does; so does the webhook's own address where it
would start nothing, since its workflow is not active. What an active workflow is sent is run, and kept beside.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from flowapp.api.bodies import raw_body
from flowapp.api.public.found_hooks import KEY, MOST_UNKNOWN, known_hooks, read
from flowapp.api.public.known_hooks import Hook, challenge, given
from flowapp.errors import FlowError, NotFoundError
from flowapp.extensions import db, limiter, peer
from flowapp.models import ReceivedCall, Trigger, Version, Workflow
from flowapp.models.tenancy import system_session
from flowapp.web.access import enter_organization, public
from flowapp.web.fast_path import fast
from flowapp.workflows import received_calls

bp = Blueprint("test_calls", __name__)
KEPT = {"message": "This test call was kept as a sample. Nothing was started."}


@bp.route("/hooks/<key>/test/", methods=["POST", "GET", "PUT", "PATCH", "DELETE"], strict_slashes=False)
@limiter.exempt
@fast
@public("it answers only while a member waits for a call; the key, and what the trigger asks for, say who may call")
def receive(key: str) -> Response:
    """200 where somebody waits for a call."""
    known_hooks().rates.admit(f"unknown:{peer()}", MOST_UNKNOWN)
    answer = taken(key)
    if answer is None:
        raise NotFoundError("Nobody is waiting for a test call. Choose “Wait for a test call” on the trigger's page.")
    return answer


def taken(key: str) -> Response | None:
    """The answer to this request where somebody waits for a call to the webhook; None where nobody does."""
    if KEY.fullmatch(key) is None:
        return None
    with system_session(db.engine) as system:
        call = received_calls.waiting_for(system, key)
    if call is None:
        return None
    if request.method == "HEAD":
        return Response(status=200, mimetype="application/json")
    enter_organization(call.organization_id)
    try:
        return _kept(call)
    except (FlowError, HTTPException) as error:
        db.session.rollback()
        received_calls.refuse(db.session(), call.workflow_id, call.trigger_key, _why(error))
        db.session.commit()
        raise


def _kept(call: ReceivedCall) -> Response:
    hook = _hook(call)
    data = read(hook, raw_body())
    if asked := challenge(data):
        return jsonify({"challenge": asked})
    context = given(hook, data, request)["context"]
    received_calls.keep(db.session(), call.workflow_id, call.trigger_key, data, context)
    db.session.commit()
    own = hook.config.own_answer
    return Response(own.body, own.status, content_type=own.content_type) if own else jsonify(KEPT)


def _hook(call: ReceivedCall) -> Hook:
    """The trigger as the draft has it."""
    workflow = db.session.get_one(Workflow, call.workflow_id)
    found = next((one for one in workflow.draft["triggers"] if one.get("key") == call.trigger_key), None)
    if found is None:
        raise NotFoundError("There is no such webhook: its trigger was deleted.")
    trigger = Trigger(id=call.id, key=call.trigger_key, trigger_type=found["trigger_type"])
    return Hook.of((trigger, workflow, Version()), found["config"])


def _why(error: FlowError | HTTPException) -> str:
    return str(error.description if isinstance(error, HTTPException) else error)
