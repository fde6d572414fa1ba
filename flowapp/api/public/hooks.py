"""POST /hooks/<key>: the public address of a webhook trigger.

This is the busiest way in, so it is short: one insert that commits by itself, one ring. What a process knows of a
hook holds as long as the insert finds its trigger unchanged; else the hook is looked up again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from sqlalchemy import Row, bindparam, exists, select
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.sansio.utils import get_current_url

from flowapp import exact_json, tasks
from flowapp.api import schemas
from flowapp.api.bodies import raw_body
from flowapp.api.executions.starting import commit_and_ring
from flowapp.api.public import hook_answers
from flowapp.api.public.hook_bodies import context, headers, read_input
from flowapp.api.public.hook_rates import Rates
from flowapp.api.routes import ANYTHING, route
from flowapp.catalog import N_
from flowapp.catalog.outcome import ANSWER_WITHIN
from flowapp.engine.store import admission
from flowapp.engine.store.start import Still, start
from flowapp.errors import FlowError, NotFoundError, ThrottledError
from flowapp.extensions import db, limiter, peer
from flowapp.models import Execution, Trigger, Version, Workflow, utcnow
from flowapp.models.tenancy import at_once, system_session
from flowapp.tasks.deliveries import delivery_id
from flowapp.triggers.webhook import WebhookParams, verify
from flowapp.web.access import enter_organization, public
from flowapp.web.fast_path import lean
from flowapp.web.problems import problem

bp = Blueprint("hooks", __name__)
WAIT_SECONDS = ANSWER_WITHIN
KEPT = 1000  # hooks that a process remembers
MOST_UNKNOWN = 600  # look-ups a minute for one address, of keys that this process has not met
METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

_t, _w = Trigger.__table__.c, Workflow.__table__.c
# A Core statement, made once: building and scoping an ORM one takes longer than the database does.
_FIND = (
    select(
        _t.id, _t.key, _t.trigger_type, _t.config, _t.conditions, _t.workflow_id, _t.organization_id, _t.updated_at,
        _w.published_version_id,
    )
    .join_from(Trigger.__table__, Workflow.__table__, _w.id == _t.workflow_id)
    .where(
        _t.hook_key == bindparam("key"), _t.organization_id == bindparam("organization_id"), _t.is_active,
        _w.status == "active",
    )
)  # fmt: skip
_UNCHANGED = exists().where(
    _t.id == bindparam("still_trigger"), _t.updated_at == bindparam("still_since"), _t.is_active,
    _w.id == _t.workflow_id, _w.status == "active", _w.published_version_id == bindparam("still_version"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hook:
    """What a request needs to know of its trigger; the rows are as `start` reads them, and in no session."""

    trigger: Trigger
    workflow: Workflow
    version: Version
    config: WebhookParams
    still: Still


_hooks: dict[str, Hook] = {}  # as they were when they were last looked up


@route(
    bp, "/hooks/<key>/", *METHODS, tag=N_("Webhooks"), summary=N_("Start a workflow by webhook"),
    answer=schemas.HookOut, status=202, root=True, others=((200, ANYTHING),),
)  # fmt: skip
@limiter.exempt
@lean
@public("the key in the path, and what the trigger asks for, say who may call")
def receive(key: str) -> Response | tuple[Response, int]:
    """202 once the execution is stored; a repeated delivery answers with the first one.

    The body (JSON, urlencoded, multipart) is the workflow's `input`. A trigger may ask for a header, basic
    authentication or a signature, and may answer with the workflow's output (200), or with what a `respond` step says,
    in place of 202.
    """
    raw, sent = raw_body(), headers()
    hook = _hooks.get(key)
    execution = _start_known(hook, raw, sent) if hook else None
    if hook is None or execution is None:
        db.session.remove()  # the key may be another organization's by now
        hook = _hook(key)
        data = _input(hook, raw, sent)
        if challenge := _challenge(data):
            return jsonify({"challenge": challenge})
        if _gated(hook):
            db.session.commit()  # from here on a transaction: what admission counts, and the row that it lets in
        execution = _start(hook, data, sent)
    if hook.config.response != "at_once":
        return _outcome(execution, hook.config.response)
    return _accepted(execution)


def _start_known(hook: Hook, raw: bytes, sent: dict[str, str]) -> Execution | None:
    """Starts by what the hook was. None, and nothing happened, where that is not all there is to it."""
    try:
        data = _input(hook, raw, sent)  # before the database is asked anything
        if _challenge(data):
            return None
        enter_organization(hook.workflow.organization_id)
        db.session.connection(execution_options=at_once(db.engine.dialect.name))
        return None if _gated(hook) else _start(hook, data, sent, hook.still)
    except ThrottledError:
        raise
    except (FlowError, MethodNotAllowed):  # a wrong secret, for instance, may be right by now
        return None


def _gated(hook: Hook) -> bool:
    return admission.gate_of(db.session(), hook.version.id) is not None


def _input(hook: Hook, raw: bytes, sent: dict[str, str]) -> Any:
    """The workflow's input, once it is known that the caller may send it."""
    if request.method not in hook.config.methods:
        raise MethodNotAllowed(valid_methods=list(hook.config.methods))
    verify(hook.config, sent, raw, utcnow())
    if "counted" not in g:  # after the proof: who has none uses up nobody's calls
        g.counted = True
        _rates().admit(hook.trigger.id, hook.config.rate_limit or tasks.runtime().settings.hook_rate)
    return read_input(raw)


def _rates() -> Rates:
    rates: Rates | None = current_app.extensions.get("hook_rates")
    if rates is None:
        rates = current_app.extensions["hook_rates"] = Rates(tasks.runtime().redis)
    return rates


def _challenge(data: Any) -> str:
    """What the sender wants to read back before it sends anything (Slack's url_verification); empty where nothing."""
    asked = isinstance(data, dict) and data.get("type") == "url_verification" and data.get("challenge")
    return asked if isinstance(asked, str) else ""


def _hook(key: str) -> Hook:
    """The active trigger of that key. NotFoundError where there is none."""
    if _KEY.fullmatch(key) is None:
        raise NotFoundError("There is no such webhook.")
    organization_id = _organization_of(key)
    enter_organization(organization_id)
    connection = db.session.connection(execution_options=at_once(db.engine.dialect.name))
    found = connection.execute(_FIND, {"key": key, "organization_id": organization_id}).one_or_none()
    if found is None or found.published_version_id is None:
        _organization_of.cache_clear()  # the key may have moved to another organization
        _hooks.pop(key, None)
        raise NotFoundError("There is no such webhook, or its workflow is not active.")
    if len(_hooks) >= KEPT:
        _hooks.clear()
    _hooks[key] = _made(found)
    return _hooks[key]


def _made(row: Row[*tuple[Any, ...]]) -> Hook:
    return Hook(
        Trigger(id=row.id, key=row.key, trigger_type=row.trigger_type, conditions=row.conditions),
        Workflow(id=row.workflow_id, organization_id=row.organization_id),
        Version(id=row.published_version_id),
        WebhookParams.model_validate(tasks.runtime().vault.open(row.config)),
        Still(
            _UNCHANGED,
            {"still_trigger": row.id, "still_since": row.updated_at, "still_version": row.published_version_id},
        ),
    )


@lru_cache(maxsize=10_000)
def _organization_of(key: str) -> str:
    """Whose hook it is: the one thing that must be known before the organization's own session can look."""
    _rates().admit(f"unknown:{peer()}", MOST_UNKNOWN)
    with system_session(db.engine) as system:
        found = system.scalar(select(Trigger.organization_id).where(Trigger.hook_key == key))
    if found is None:
        raise NotFoundError("There is no such webhook.")
    return found


def _start(hook: Hook, data: Any, sent: dict[str, str], still: Still | None = None) -> Execution:
    session = db.session()
    delivery = delivery_id(data, sent)
    execution, created = start(
        session,
        hook.workflow,
        hook.version,
        trigger=hook.trigger,
        input_data=data,
        context=context(sent, {hook.config.header_name.lower(), hook.config.signature_header.lower()}),
        idempotency_key=f"{hook.trigger.key}:{delivery}" if delivery else None,
        still=still,
    )
    commit_and_ring(session, execution, created=created)
    return execution


def _accepted(execution: Execution) -> Response:
    base = tasks.runtime().settings.base_url or _origin(request.scheme, request.host)
    status_url = f"{base}/api/v1/automation/executions/{execution.id}/"
    body = exact_json.dumps({"execution_id": execution.id, "status_url": status_url})
    return Response(body, 202, mimetype="application/json")


@lru_cache(maxsize=1000)
def _origin(scheme: str, host: str) -> str:
    return get_current_url(scheme, host).rstrip("/")


def _outcome(execution: Execution, wanted: str) -> Response | tuple[Response, int]:
    """What a `respond` step says, else the output of the last step; 202 where it takes too long, 502 where it failed."""
    answered = wanted == "respond"
    found = tasks.wait(execution.id, execution.organization_id, WAIT_SECONDS, answered=answered)
    if found is None:
        return _accepted(execution)
    if answered and found.response is not None:
        return hook_answers.made(found.response)
    if found.status in ("failed", "cancelled"):
        return problem(502, "The workflow failed", f"It ended as {found.status}.", execution_id=execution.id)
    return jsonify(found.output_data)
