"""POST /hooks/<key>: the public address of a webhook trigger.

This is the busiest way in, so it is short: one insert that commits by itself, one wake-up. A hook that this process has met
is started by what is known of it (known_hooks); any other is looked up here.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from flask import Blueprint, Response, current_app, jsonify, make_response, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flowapp import exact_json, tasks
from flowapp.api import schemas
from flowapp.api.bodies import raw_body
from flowapp.api.public import found_hooks, hook_answers, hook_chains, hook_origins, test_calls
from flowapp.api.public.found_hooks import KEY, MOST_UNKNOWN, known_hooks
from flowapp.api.public.hook_rates import Rates
from flowapp.api.public.known_hooks import (
    NOTHING_STARTED,
    STARTED,
    Hook,
    KnownHooks,
    Started,
    accepted,
    challenge,
    given,
)
from flowapp.api.routes import ANYTHING, route
from flowapp.catalog import N_
from flowapp.catalog.hooks import HookAnswer
from flowapp.catalog.outcome import ANSWER_WITHIN
from flowapp.engine.store.start import start
from flowapp.errors import NotFoundError, UnauthenticatedError
from flowapp.extensions import db, limiter, peer
from flowapp.logs import get_logger
from flowapp.models import Trigger
from flowapp.models.tenancy import system_session
from flowapp.web.access import enter_organization, public
from flowapp.web.fast_path import Application, fast
from flowapp.web.problems import problem
from flowapp.workflows import received_calls

bp = Blueprint("hooks", __name__)
_log = get_logger(__name__)
WAIT_SECONDS = ANSWER_WITHIN
METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")


@bp.record_once
def _on_registration(state: BlueprintSetupState) -> None:
    shorten(state.app)


def shorten(app: App) -> None:
    """Known hooks are answered before Flask dispatches; none is known yet."""
    if isinstance(app, Application):
        known = app.extensions["hooks"] = KnownHooks(Rates(tasks.runtime().redis))
        app.shortcuts["hooks"] = known.answer


@route(
    bp, "/hooks/<key>/", *METHODS, tag=N_("Webhooks"), summary=N_("Start a workflow by webhook"),
    answer=schemas.HookOut, status=202, root=True, others=((200, ANYTHING),),
)  # fmt: skip
@limiter.exempt
@fast
@public("the key in the path, and what the trigger asks for, say who may call")
def receive(key: str) -> Response | tuple[Response, int]:
    """202 once the execution is stored; a repeated delivery answers with the first one.

    The body (JSON, urlencoded, multipart, any text) is the workflow's `input`. A trigger may ask for a header, basic
    authentication or a signature, and may answer with the workflow's output (200), or with what a `respond` step says,
    in place of 202. A HEAD starts nothing: 200 where there is such a webhook.
    """
    if request.method == "HEAD":
        _hook(key)
        return Response(status=200, mimetype="application/json")
    return _received(key) if "Origin" not in request.headers else _shared(key)


receive.provide_automatic_options = False  # type: ignore[attr-defined]


@bp.route("/hooks/<key>/", methods=["OPTIONS"], strict_slashes=False)
@limiter.exempt
@fast
@public("it says which methods a webhook takes, and which sites may call it")
def preflight(key: str) -> Response:
    """What a page of another site may send here: its browser asks first (CORS)."""
    return hook_origins.asked_before(_hook(key).terms, request)


def _shared(key: str) -> Response:
    """The answer, an error too, so that a page of an allowed site may read it."""
    try:
        response = make_response(_received(key))
    except Exception as error:  # noqa: BLE001 - as Flask does it: the handlers of errors know them all
        response = make_response(current_app.handle_user_exception(error))
    hook = known_hooks().get(key)  # as it is now: it was just looked at
    return hook_origins.readable(response, hook.terms, request) if hook else response


def _received(key: str) -> Response | tuple[Response, int]:
    raw = raw_body()
    tried = STARTED in request.environ
    started = request.environ[STARTED] if tried else known_hooks().start_known(key, request, raw)
    if isinstance(started, Exception):
        raise started
    if isinstance(started, HookAnswer):
        return _answered(started)
    if started is None:
        try:
            hook = _hook(key)
        except NotFoundError:
            if (answer := test_calls.taken(key)) is None:
                raise
            return answer
        data = _read(key, hook, raw)
        if asked := challenge(data):
            return jsonify({"challenge": asked})
        if not hook.config.starts(data):
            return _answered(hook.config.own_answer or NOTHING_STARTED)
        started = _start(hook, data)
    return _accepted(started) if started.response == "at_once" else _outcome(started)


def _read(key: str, hook: Hook, raw: bytes) -> object:
    """The input; where the caller may not call, whoever looks at the trigger is told why."""
    try:
        return found_hooks.read(hook, raw)
    except UnauthenticatedError as error:
        db.session.rollback()
        if received_calls.note_refusal(db.session(), hook.workflow.id, hook.trigger, key, error.message):
            _log.warning("webhook refused", workflow=hook.workflow.id, trigger=hook.trigger.key, reason=error.message)
            with suppress(IntegrityError):  # another call was refused at the same moment
                db.session.commit()
        raise


def _hook(key: str) -> Hook:
    """The active trigger of that key, known from now on. NotFoundError where there is none."""
    if KEY.fullmatch(key) is None:
        raise NotFoundError("There is no such webhook.")
    organization_id = _organization_of(key)
    enter_organization(organization_id)
    hook = found_hooks.find(key, organization_id)
    if hook is None:
        _organization_of.cache_clear()  # the key may have moved to another organization
        known_hooks().forget(key)
        return found_hooks.paused(key)
    if not hook.listening:
        known_hooks().keep(key, hook)
    return hook


@lru_cache(maxsize=10_000)
def _organization_of(key: str) -> str:
    """Whose hook it is: the one thing that must be known before the organization's own session can look."""
    known_hooks().rates.admit(f"unknown:{peer()}", MOST_UNKNOWN)
    with system_session(db.engine) as system:
        organization_id = system.scalar(select(Trigger.organization_id).where(Trigger.hook_key == key))
    if organization_id is None:
        raise NotFoundError("There is no such webhook.")
    return organization_id


def _start(hook: Hook, data: object) -> Started:
    more = hook_chains.options_after(hook.workflow.id)
    session, starting = db.session(), given(hook, data, request)
    if hook.listening:
        received_calls.copy(session, hook.workflow.id, hook.trigger.key, data, starting["context"])
    if hook.gated:
        session.commit()  # from here on a transaction: what admission counts, and the row that it lets in
    execution, created = start(session, hook.workflow, hook.version, more=more, **starting)
    tasks.commit_and_start(session, execution, created=created)
    return Started(execution.id, execution.organization_id, hook.terms.response, hook.config.own_answer)


def _accepted(started: Started) -> Response:
    if started.own_answer:
        return _answered(started.own_answer)
    body = exact_json.dumps(accepted(started.id, known_hooks().origin(request)))
    return Response(body, 202, mimetype="application/json")


def _answered(answer: HookAnswer) -> Response:
    return Response(answer.body, answer.status, content_type=answer.content_type)


def _outcome(started: Started) -> Response | tuple[Response, int]:
    """What a `respond` step says, else the output of the last step; 202 where it takes too long, 502 where it failed."""
    answered = started.response == "respond"
    ended = tasks.runtime().bus.wait(started.id, started.organization_id, WAIT_SECONDS, answered=answered)
    if ended is None:
        return _accepted(started)
    if answered and ended.response is not None:
        return hook_answers.made(ended.response)
    if ended.status in ("failed", "cancelled"):
        return problem(502, "The workflow failed", f"It ended as {ended.status}.", execution_id=ended.id)
    return jsonify(ended.output_data)
