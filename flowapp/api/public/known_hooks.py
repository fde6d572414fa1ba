"""Webhooks that this process has met: they are started, and mostly answered, before Flask dispatches the request.

What is known of a hook holds as long as the insert finds its trigger unchanged. Whatever else is not plain (a first
request, a wrong secret, a body without a length, a repeated delivery) is left to Flask's route, as if nobody had looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Any

from sqlalchemy import bindparam, exists
from werkzeug import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.sansio.utils import get_current_url

from flowapp import exact_json, tasks
from flowapp.api.bodies import read_input
from flowapp.api.form_bodies import query
from flowapp.api.public.hook_rates import Rates
from flowapp.catalog import TRIGGERS
from flowapp.catalog.hooks import Delivery, HookAnswer, HookParams, HookTerms
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.start import new_row, start_where
from flowapp.errors import FlowError, NotFoundError, ThrottledError
from flowapp.models import Trigger, Version, Workflow, conventions_of, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.security.chains import HEADER
from flowapp.security.opened import shown_headers
from flowapp.web.fast_path import Answer
from flowapp.web.headers import of_data

KEPT = 1000  # hooks, and names of this host, that a process remembers
_CHAIN = f"HTTP_{HEADER.upper().replace('-', '_')}"
NOTHING_STARTED = HookAnswer(
    200, "application/json", b'{"message":"This starts nothing here: other events were chosen."}'
)
STARTED, COUNTED = "flowapp.hook.started", "flowapp.hook.counted"  # in a request's environ

_t, _w = Trigger.__table__.c, Workflow.__table__.c
_UNCHANGED = exists().where(
    _t.id == bindparam("still_trigger"), _t.updated_at == bindparam("still_since"), _t.is_active,
    _w.id == _t.workflow_id, _w.status == "active", _w.published_version_id == bindparam("still_version"),
)  # fmt: skip

_PLAIN, _SECURE = of_data(is_secure=False), of_data(is_secure=True)


@dataclass(frozen=True, slots=True)
class Hook:
    """What a request needs to know of its trigger; the rows are as `start` reads them, and in no session.

    `gated`: the workflow limits when executions begin; `unchanged`: the precondition's values; `listening`: for test calls.
    """

    trigger: Trigger
    workflow: Workflow
    version: Version
    config: HookParams
    terms: HookTerms
    gated: bool = False
    unchanged: dict[str, Any] = field(default_factory=dict)
    listening: bool = False

    @classmethod
    def of(
        cls, rows: tuple[Trigger, Workflow, Version], stored: Mapping[str, object], *, listening: bool = False
    ) -> Hook:
        """`stored` is the trigger's config, its secrets sealed."""
        trigger, workflow, version = rows
        config = TRIGGERS[trigger.trigger_type].params.model_validate(tasks.runtime().vault.open(stored))
        if not isinstance(config, HookParams):
            raise NotFoundError("There is no such webhook.")
        terms = config.terms()
        terms = replace(terms, hidden=terms.hidden | {HEADER.lower()})
        return cls(trigger, workflow, version, config, terms, listening=listening)


@dataclass(frozen=True, slots=True)
class Started:
    """The execution that a request has started."""

    id: str
    organization_id: str
    response: str  # when the trigger answers (HookTerms.response)
    own_answer: HookAnswer | None = None  # what with, where it is not what the API says


class KnownHooks:
    """The hooks as they were when they were last looked up, and under which names this process was asked for."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._hooks: dict[str, Hook] = {}
        self._origins: dict[tuple[str, str], str] = {}

    def keep(self, key: str, hook: Hook) -> None:
        """From now on the hook is known."""
        _put(self._hooks, key, hook)

    def get(self, key: str) -> Hook | None:
        """What is known of it."""
        return self._hooks.get(key)

    def forget(self, key: str) -> None:
        """It is there no more."""
        self._hooks.pop(key, None)

    def origin(self, request: Request) -> str:
        """Where Flowapp is to be seen, for who sent this request; the name that it asked for is known from now on."""
        name = (request.scheme, request.environ.get("HTTP_HOST", ""))
        if name not in self._origins:
            own = tasks.runtime().settings.base_url
            _put(self._origins, name, own or get_current_url(request.scheme, request.host).rstrip("/"))
        return self._origins[name]

    def answer(self, environ: dict[str, Any]) -> Answer | None:
        """The answer to a request for a known hook that needs nothing more than to be started. None: Flask answers.

        Where the execution was started and Flask has to answer all the same, `environ[STARTED]` says which; an error
        after which nobody may try again stands there, too.
        """
        hook = self._hooks.get(_key(environ["PATH_INFO"]))
        origin = self._origins.get((environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")))
        raw = _body(environ, tasks.runtime().settings.max_body) if hook and origin else None
        if hook is None or origin is None or raw is None or environ["REQUEST_METHOD"] == "HEAD":
            return None
        if hook.terms.origins and "HTTP_ORIGIN" in environ:  # the answer needs more headers
            return None
        with Request(environ, populate_request=False) as request:  # closes the files of a form
            started = self.start(hook, request, raw)
        environ["wsgi.input"] = BytesIO(raw)  # a form was read
        if not isinstance(started, Started) or started.response != "at_once" or started.own_answer:
            environ[STARTED] = started
            return None
        body = exact_json.dumps(accepted(started.id, origin))
        kind = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        return Answer("202 ACCEPTED", [*kind, *(_SECURE if environ["wsgi.url_scheme"] == "https" else _PLAIN)], body)

    def start_known(self, key: str, request: Request, raw: bytes) -> Started | HookAnswer | Exception | None:
        """Starts the hook of that key, where it is known; see `start`."""
        hook = self._hooks.get(key)
        return self.start(hook, request, raw) if hook else None

    def start(self, hook: Hook, request: Request, raw: bytes) -> Started | HookAnswer | Exception | None:
        """Starts by what the hook was. None, and nothing happened, where that is not all there is to it.

        An error that Flask is to answer is returned: the execution may have been stored, so nobody tries again. What starts
        nothing gets an answer of its own.
        """
        try:
            data = self.input(hook, request, raw)  # before the database is asked anything
        except ThrottledError as error:
            return error
        except (FlowError, HTTPException):  # a wrong secret, for instance, may be right by now
            return None
        if (
            hook.gated
            or _CHAIN in request.environ
            or challenge(data)
            or not quotas.has_room(hook.workflow.organization_id)
        ):
            return None
        if not hook.config.starts(data):
            return hook.config.own_answer or NOTHING_STARTED
        try:
            notation = partial(_locale, hook.workflow.organization_id)
            return _stored(hook, new_row(hook.workflow, hook.version, **given(hook, data, request), notation=notation))
        except Exception as error:  # noqa: BLE001 - as Flask does it: the handlers of errors know them all
            return error

    def input(self, hook: Hook, request: Request, raw: bytes) -> object:
        """The workflow's input, once it is known that the caller may send it."""
        if request.method not in hook.terms.methods:
            raise MethodNotAllowed(valid_methods=list(hook.terms.methods))
        hook.config.verify(Delivery(headers(request), raw, utcnow(), partial(self._address, request)))
        if COUNTED not in request.environ:  # after the proof: who has none uses up nobody's calls
            request.environ[COUNTED] = True
            self.rates.admit(hook.trigger.id, hook.terms.rate_limit or tasks.runtime().settings.hook_rate)
        return read_input(request, raw)

    def _address(self, request: Request) -> str:
        """The address that a request was sent to, as its sender has it: behind a proxy the request itself knows another."""
        asked = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return f"{self.origin(request).rstrip('/')}{request.environ['PATH_INFO']}{asked}"


def _stored(hook: Hook, row: dict[str, Any]) -> Started | None:
    written = start_where(tasks.runtime().engine, row, _UNCHANGED, hook.unchanged)
    if written is None:
        return None
    if row["status"] == "pending":
        tasks.runtime().bus.begin(written)
    return Started(row["id"], row["organization_id"], hook.terms.response, hook.config.own_answer)


def given(hook: Hook, data: object, request: Request) -> dict[str, Any]:
    """What an execution of the hook starts with."""
    sent = headers(request)
    delivery = hook.config.delivery_id(data, sent)
    return {
        "trigger": hook.trigger,
        "input_data": data,
        "context": context(request, sent, hook.terms.hidden),
        "idempotency_key": f"{hook.trigger.key}:{delivery}" if delivery else None,
    }


def headers(request: Request) -> dict[str, str]:
    """The request's headers, names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def context(request: Request, sent: dict[str, str], hidden: frozenset[str]) -> dict[str, Any]:
    """Method, query and headers, those left out that are `hidden`, hold a secret or prove who sent it."""
    shown = shown_headers(sent, hidden)
    return {"method": request.method, "query": query(request) if request.query_string else {}, "headers": shown}


def challenge(data: Any) -> str:
    """What the sender wants to read back before it sends anything (Slack's url_verification); empty where nothing."""
    asked = isinstance(data, dict) and data.get("type") == "url_verification" and data.get("challenge")
    return asked if isinstance(asked, str) else ""


def accepted(execution_id: str, origin: str) -> dict[str, str]:
    """The body of a 202."""
    return {"execution_id": execution_id, "status_url": f"{origin}/api/v1/automation/executions/{execution_id}/"}


def _key(path: str) -> str:
    """The key in /hooks/<key> and /hooks/<key>/."""
    return path.removeprefix("/hooks/").removesuffix("/")


def _body(environ: dict[str, Any], most: int) -> bytes | None:
    """The body, which Flask can still read; None where it has no plain length, or is larger than may be."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in environ or not (length.isascii() and length.isdecimal()) or int(length) > most:
        return None
    raw: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(raw)
    return raw if len(raw) == int(length) else None


def _locale(organization_id: str) -> str:
    """The organization's, which a condition asks for where a date has two readings."""
    with tenant_session(tasks.runtime().engine, organization_id) as session:
        return conventions_of(session).locale


def _put(known: dict[Any, Any], key: Any, value: Any) -> None:
    if len(known) >= KEPT:
        known.clear()
    known[key] = value
