"""One attempt of one step: parameters, context, action, outcome. Knows nothing of tokens, leases or the database."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, Unpack

from flowapp.catalog import ActionSpec, Fail, Outcome, Params, StepContext, Stop, get_action, is_raw, secret_fields
from flowapp.catalog.context import SERVICES, Logger, LogLevel, Signal, StepServices
from flowapp.catalog.outgoing import Http, HttpOptions, HttpResponse
from flowapp.engine.language.conditions import Explanation, evaluate
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.insertion import compile_params
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.program import Step, validate
from flowapp.errors import FlowError, StepError
from flowapp.events.cause import Cause
from flowapp.exact_json import dump_json
from flowapp.logs import MASK, get_logger, kept_text, mask
from flowapp.security.helpers import within
from flowapp.security.opened import Opened, collecting, holds_opened
from flowapp.texts import say
from flowapp.values.conventions import Conventions

Ready = tuple[Params, dict[str, object]]

_DID_NOT_RUN = say("The step did not run.")
_HIDDEN = say(
    "A part of the answer is the same as a password or key of this step, so it was replaced by dots. Choose a password that is "
    "no common word if values are missing because of that."
)

log = get_logger(__name__)
_SHOWN = frozenset({"result", "message", "details", "headers", "body", "items", "waits_for"})  # what an outcome says


class Services(Protocol):
    """What the world offers to one execution (wired in flowapp.tasks)."""

    @property
    def timezone(self) -> str: ...

    def conventions(self) -> Conventions:
        """How the organization writes numbers and dates."""
        ...

    def resume_url(self, execution_id: str, visit: Sequence[str | int] = ()) -> str:
        """Where a POST resumes this execution. `visit`: token, step and iteration of the visit that names the address."""
        ...

    def of_visit(self, visit: Visit, step_id: str, key: str) -> StepServices:
        """What the step may use. `key`: the visit's idempotency key; a sub-workflow, for instance, starts once for it."""
        ...


@dataclass
class Visit:
    """What identifies an attempt, and what it may use: `services` and `names` are made when the step asks for them."""

    execution_id: str
    workflow_id: str
    organization_id: str
    project_id: str
    attempt: int
    iteration: int
    services: Callable[[], Services]
    names: Callable[[], Scope]
    now: Callable[[], datetime]
    log: Logger
    token: str = ""
    timezone: str = "UTC"
    signal: Signal | None = None
    contact_id: str = ""
    entity: tuple[str, str] = ("", "")
    business_hours: Mapping[str, object] | None = None
    ancestors: Sequence[str] = ()
    root: str = ""
    depth: int = 0
    bulk: bool = False

    @cached_property
    def scope(self) -> Scope:
        """The names that the step's expressions know."""
        return self.names()

    def cause(self, step_id: str) -> Cause:
        """Why anything happens that the step does."""
        return Cause(
            workflow_id=self.workflow_id,
            execution_id=self.execution_id,
            step_id=step_id,
            depth=self.depth,
            bulk=self.bulk,
        )


@dataclass(slots=True)
class Attempt:
    """What came out: the outcome, the parameters as they were used, the explanation of conditions."""

    outcome: Outcome
    params: Any
    explanation: list[Explanation] | None = None
    opened: Opened = field(default_factory=Opened)


def shown_params(spec: ActionSpec, params: object, opened: Opened | None = None) -> object:
    """The parameters of an attempt as they may be kept and shown: without secrets, those `opened` for it among them."""
    shown = mask(opened.mask(params) if opened else params)
    for name in secret_fields(spec.params) if isinstance(shown, dict) else ():
        if shown.get(name):
            shown[name] = MASK
    return shown


def idempotency_key(execution_id: str, step_id: str, iteration: int) -> str:
    """The same for every attempt of one visit: hex SHA-256 of execution, step and iteration."""
    return hashlib.sha256(f"{execution_id}:{step_id}:{iteration}".encode()).hexdigest()


def run(step: Step, visit: Visit, ready: Ready | None = None) -> Attempt:
    """Runs one attempt; `ready` is what `step.params` gave, if it was asked before.

    Never raises: what goes wrong becomes a Fail, for the person who built the step.
    """
    attempt = Attempt(Fail(_DID_NOT_RUN), step.definition.params, opened=Opened(step.secrets))
    with collecting(attempt.opened):
        _try(step, visit, attempt, ready)
    _refuse_unstorable(step, attempt)
    if attempt.opened:
        shown = _without_secrets(attempt.outcome, attempt.opened)
        if not isinstance(shown, Fail) and (attempt.opened.hid or shown != attempt.outcome):
            visit.log(_HIDDEN, "warning")
        attempt.outcome = shown
    if isinstance(attempt.outcome, Fail | Stop):  # its message goes into rows, events, signals and live messages
        attempt.outcome = replace(attempt.outcome, message=kept_text(attempt.outcome.message))
    return attempt


def _try(step: Step, visit: Visit, attempt: Attempt, ready: Ready | None) -> None:
    try:
        with within(float(step.definition.timeout)):
            params, attempt.params = ready or step.params(visit)
            attempt.outcome = step.spec.run(_context(step, visit, attempt), params)
    except StepError as error:
        attempt.outcome = Fail(error.message, error.permanent, error.details or None)
    except FlowError as error:
        attempt.outcome = Fail(error.message, permanent=True)
    except RecursionError as error:
        attempt.outcome = Fail(_unstorable(type(error).__name__), permanent=True)
    except Exception as error:  # noqa: BLE001 - it is logged, without what was opened
        _note_crash(step, visit, attempt.opened.mask(traceback.format_exc()))
        attempt.outcome = Fail(
            say("%(label)s failed unexpectedly (%(name)s).", label=step.spec.label, name=type(error).__name__)
        )


def _refuse_unstorable(step: Step, attempt: Attempt) -> None:
    """Fails an attempt that the database could not keep: its execution would be run again for ever."""
    shown = [getattr(attempt.outcome, one.name) for one in fields(attempt.outcome) if one.name in _SHOWN]
    try:
        dump_json(shown)
        dump_json(attempt.params)
        dump_json(attempt.explanation)
    except TypeError as error:
        attempt.params, attempt.explanation = step.definition.params, None
        attempt.outcome = Fail(_unstorable(str(error)), permanent=True)


def _unstorable(reason: str) -> str:
    """In words what the JSON writer said."""
    if "digits" in reason:
        return say("A value of this step cannot be kept: %(reason)s. Hand it on as text.", reason=reason)
    if "ecursion" in reason:
        return say("A value of this step is nested too deeply: hand it on as text, or a part of it.")
    return say("A value of this step cannot be kept as JSON: %(reason)s.", reason=reason)


def _note_crash(step: Step, visit: Visit, trace: str) -> None:
    """For whoever runs the installation; the person who built the step reads the Fail."""
    log.error("action failed unexpectedly", action=step.spec.type, execution_id=visit.execution_id, exception=trace)


def _without_secrets(outcome: Outcome, opened: Opened) -> Outcome:
    names = (one.name for one in fields(outcome) if one.name in _SHOWN)
    return replace(outcome, **{name: opened.mask(getattr(outcome, name)) for name in names})


class AttemptServices(StepServices):
    """What one attempt may use, opened when the step first asks for any of it."""

    def __init__(self, visit: Visit, step_id: str, key: str, opened: Opened) -> None:
        self._visit, self._step_id, self._key, self._opened = visit, step_id, key, opened

    def __getattr__(self, name: str) -> Any:
        if name not in SERVICES:
            raise AttributeError(name)
        services = self._visit.services().of_visit(self._visit, self._step_id, self._key)
        for service in SERVICES:
            setattr(self, service, getattr(services, service))
        self.http = _Http(services.http, self._opened)
        return getattr(self, name)


class _Http:
    """The outgoing HTTP of one attempt: an answer that holds what was opened for it comes without (before it is cut)."""

    def __init__(self, http: Http, opened: Opened) -> None:
        self._http, self._opened = http, opened

    def request(self, method: str, url: str, **how: Unpack[HttpOptions]) -> HttpResponse:
        answer = self._http.request(method, url, **how)
        if not self._opened:
            return answer
        if answer.content and holds_opened(answer.content):
            raise StepError(
                say("The answer is no text and holds a secret of this step, so it is not kept."), permanent=True
            )
        shown = {name: self._opened.mask(getattr(answer, name)) for name in ("headers", "text", "json")}
        self._opened.hid |= any(shown[name] != getattr(answer, name) for name in shown)
        return replace(answer, **shown)


def _context(step: Step, visit: Visit, attempt: Attempt) -> StepContext:
    key = idempotency_key(visit.execution_id, step.definition.step_id, visit.iteration)
    event = {"event": visit.signal.payload} if visit.signal is not None and visit.signal.kind == "event" else {}

    def render(value: object, **extra: object) -> object:
        return compile_value(value).evaluate(_with(visit.scope, event | extra))

    def test(conditions: object, **extra: object) -> tuple[bool, Sequence[Explanation]]:
        truth, why = evaluate(conditions, _with(visit.scope, event | extra))
        if not extra:
            attempt.explanation = [*(attempt.explanation or ()), *why]
        return truth, why

    def write(message: str, level: LogLevel = "info", **data: object) -> None:
        visit.log(attempt.opened.mask(str(message)), level, **attempt.opened.mask(data))

    def perform(action_type: str, params: Mapping[str, object]) -> Outcome:
        spec = get_action(action_type)
        rest = {name: value for name, value in params.items() if not is_raw(spec, name)}
        evaluated = compile_params(spec.params, rest).evaluate(visit.scope)
        values = {**params, **(evaluated if isinstance(evaluated, dict) else {})}
        if isinstance(attempt.params, dict):
            attempt.params = {**attempt.params, **values}
        return spec.run(context, validate(spec, values))

    context = StepContext(  # type: ignore[abstract] # what it does not have itself is the services'
        services=AttemptServices(visit, step.definition.step_id, key, attempt.opened),  # type: ignore[abstract] # the same
        execution_id=visit.execution_id,
        workflow_id=visit.workflow_id,
        organization_id=visit.organization_id,
        project_id=visit.project_id,
        step_id=step.definition.step_id,
        step_name=step.definition.name,
        attempt=visit.attempt,
        iteration=visit.iteration,
        idempotency_key=key,
        timeout=float(step.definition.timeout),
        now=visit.now,
        timezone=visit.timezone,
        log=write,
        render=render,
        test=test,
        perform=perform,
        signal=visit.signal,
        contact_id=visit.contact_id,
        entity=visit.entity,
        business_hours=visit.business_hours,
    )
    return context


def _with(scope: Scope, extra: Mapping[str, object]) -> Scope:
    if not extra:
        return scope
    return scope.extended(extra)
