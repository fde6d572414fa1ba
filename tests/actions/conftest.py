"""A StepContext for one action: real expressions, conditions, HTTP and SMTP; tables and schemas that only record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowapp.catalog import (
    Email,
    FilledTemplate,
    Found,
    IntegrationHandle,
    Outcome,
    Saved,
    SentMail,
    Signal,
    StepContext,
    get_action,
    load,
)
from flowapp.engine.language import conditions as condition
from flowapp.engine.language import expression
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.program import validate
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from flowapp.values.conventions import Conventions

NOW = datetime(2025, 10, 18, 10, 30, tzinfo=UTC)  # a Saturday


@dataclass
class RecordingTables:
    """Gives back what it is asked to save; `found` is the answer of every query, of `matched` records."""

    found: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    matching: bool = True
    matched: int = 0  # more than `found`

    def save(self, table: str, rows: Any, *, mode: str = "insert", match: Any = ()) -> Saved:
        self.calls.append(("save", table, list(rows), mode, list(match)))
        records = [{"id": f"id-{at}", **row} for at, row in enumerate(rows, 1)] if self.matching else []
        return Saved(records, len(records) if mode == "insert" else 0, 0 if mode == "insert" else len(records))

    def query(self, sql: str, params: Any, *, limit: int = 1000) -> Found:
        self.calls.append(("query", sql, dict(params), limit))
        return Found(self.found, self.matched or len(self.found))

    def select(self, table: str, **options: Any) -> Found:
        self.calls.append(("select", table, options))
        return Found(self.found, self.matched or len(self.found))


@dataclass
class RecordingSchemas:
    problems: list[dict[str, str]] = field(default_factory=list)
    calls: list[tuple[Any, Any]] = field(default_factory=list)

    def validate(self, schema: Any, items: Any) -> list[list[dict[str, str]]]:
        self.calls += [(schema, data) for data in items]
        return [self.problems for _ in items]


@dataclass
class RecordingMail:
    sent: list[tuple[Email, str | None]] = field(default_factory=list)
    caught: bool = False

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> SentMail:
        self.sent.append((email, integration))
        return SentMail(email.message_id, self.caught)


@dataclass
class RecordingTemplates:
    """`kept` by slug; each is filled with what the step hands over."""

    kept: dict[str, FilledTemplate] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def fill(self, reference: str, data: Any) -> FilledTemplate | None:
        self.calls.append((reference, data))
        return self.kept.get(reference)

    def unknown(self, reference: str) -> StepError:
        return StepError(f"There is no e-mail template “{reference}”.", permanent=True)


@dataclass
class FreeCalls:
    """Every call may be made at once, unless `wait` says otherwise."""

    wait: float = 0.0
    assumed: bool = False
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)

    def turn(self, integration_id: str, calls_per_minute: int, ticket: str) -> float:
        self.asked.append((integration_id, calls_per_minute, ticket))
        return self.wait

    def keep(self, ticket: str, progress: Any) -> bool:
        self.progress[ticket] = json.loads(json.dumps(progress))
        return progress is not None

    def kept(self, ticket: str) -> Any:
        return self.progress.get(ticket)

    def note(self, operation: str, **what: Any) -> None:
        """Nobody is told."""


@dataclass
class Bench:
    """Runs actions as the engine does: parameters rendered, then validated, then the function called."""

    scope: dict[str, Any] = field(default_factory=dict)
    tables: RecordingTables = field(default_factory=RecordingTables)
    schemas: RecordingSchemas = field(default_factory=RecordingSchemas)
    mail: RecordingMail = field(default_factory=RecordingMail)
    http: Any = field(default_factory=lambda: SafeHttp(("127.0.0.1",)))
    integrations: dict[str, IntegrationHandle] = field(default_factory=dict)
    connect: Any = None
    addresses: Any = None
    database_file: Any = None
    used: list[str] = field(default_factory=list)
    access_token: Any = lambda _handle, refused="": "renewed-token" if refused else "access-token"
    lines: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = NOW
    timezone: str = "UTC"
    locale: str = ""
    sandbox: Any = None
    workflows: Any = None
    people: Any = None
    crm: Any = None
    templates: Any = field(default_factory=RecordingTemplates)
    calls: Any = field(default_factory=FreeCalls)
    attempt: int = 1
    signal: Signal | None = None
    contact_id: str = ""
    entity: tuple[str, str] = ("", "")
    business_hours: Mapping[str, Any] | None = None

    def __call__(self, action_type: str, /, input_data: Any = None, **params: Any) -> Outcome:
        spec = get_action(action_type)
        scope = Scope(input=input_data, now=self.now.isoformat(), **self.scope)
        rest = {name: value for name, value in params.items() if name not in spec.raw}
        raw = {name: value for name, value in params.items() if name in spec.raw}
        return spec.run(self.context(scope), validate(spec, {**expression.render(rest, scope), **raw}))

    def context(self, scope: Scope) -> StepContext:
        def perform(action_type: str, params: Mapping[str, Any]) -> Outcome:
            spec = get_action(action_type)
            return spec.run(made, validate(spec, {**expression.render(dict(params), scope)}))

        made = StepContext(
            execution_id="execution", workflow_id="workflow", organization_id="organization", project_id="project",
            step_id="step", step_name="Step", attempt=self.attempt, iteration=0, idempotency_key="key-of-this-visit", timeout=30.0,
            now=lambda: self.now, timezone=self.timezone,
            log=lambda message, level="info", **_data: self.lines.append((level, message)),
            render=lambda value, **extra: expression.render(value, scope.extended(extra)),
            test=lambda conditions, **extra: condition.evaluate(conditions, scope.extended(extra)),
            perform=perform, services=self, signal=self.signal, contact_id=self.contact_id, entity=self.entity, business_hours=self.business_hours,
        )  # fmt: skip
        return made

    def conventions(self) -> Conventions:
        return Conventions(self.locale, ZoneInfo(self.timezone))

    def integration_used(self, integration_id: str) -> AbstractContextManager[None]:
        self.used.append(integration_id)
        return nullcontext()

    def integration(self, name: str) -> IntegrationHandle:
        try:
            return self.integrations[name]
        except KeyError:
            raise StepError(f"There is no integration “{name}”.", permanent=True) from None


@pytest.fixture(scope="session", autouse=True)
def _catalog() -> None:
    load()


@pytest.fixture
def run() -> Bench:
    return Bench()


@pytest.fixture
def refused(run: Bench) -> Callable[..., StepError]:
    """Runs an action that must fail, and gives the error."""

    def attempt(*args: Any, **params: Any) -> StepError:
        with pytest.raises(StepError) as caught:
            run(*args, **params)
        return caught.value

    return attempt
