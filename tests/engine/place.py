"""A real database with one organization and one workflow, and a runner whose world is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import orjson
import pytest
from sqlalchemy.orm import Session

from flowapp import catalog
from flowapp.catalog import Branch, Done, Fail, Outcome, Params, Park, StepContext, Stop, Wait
from flowapp.catalog.registry import ACTIONS, action
from flowapp.config import Settings
from flowapp.database import dump_json
from flowapp.engine.language.definition import parse
from flowapp.engine.runtime.program import Programs
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.store import signals as mailbox
from flowapp.engine.store.journal import Journal, first_row
from flowapp.engine.store.leases import Keeper
from flowapp.engine.store.start import start
from flowapp.models import Execution, LogLine, Organization, Project, Signal, StepRun, Timer, Version, Workflow
from flowapp.models.tenancy import bind_tenant, make_engine, prepare_engine, use_tenant
from tests.support.services import NoServices


class TryParams(Params):
    """Parameters of the test's own actions."""

    do: str = "done"
    value: Any = None
    until: float = 0


Behaviour = Callable[[StepContext, TryParams], Outcome]


def behave(ctx: StepContext, params: TryParams) -> Outcome:
    World.calls.append((ctx.step_id, ctx.attempt, ctx.iteration, ctx.idempotency_key))
    hook = World.hooks.get(ctx.step_id)
    if hook:
        hook(ctx)
    ctx.log(f"{ctx.step_id} says {params.value}")
    if params.do == "branch":
        return Branch(str(params.value))
    if params.do == "wait":
        return Wait(ctx.now() + timedelta(seconds=params.until), result=params.value)
    if params.do == "fail":
        return Fail(str(params.value), permanent=False)
    if params.do == "lost":
        return Fail(str(params.value), permanent=True, details={"uncertain": True})
    if params.do == "park":
        return parked(ctx, params)
    if params.do == "busy":
        return Fail("It is busy.", details={"retry_after": params.value})
    if params.do == "boom":
        raise RuntimeError(params.value)
    if params.do == "stop":
        return Stop("completed", "enough", result=params.value)
    return Done(params.value)


def parked(ctx: StepContext, params: TryParams) -> Outcome:
    """Waits for a signal: `again` has it wait on, `no` is a failure, anything else its result."""
    word = ctx.signal.payload if ctx.signal else "again"
    if word == "no":
        return Fail("They said no.")
    if word != "again":
        return Done(word)
    until = ctx.now() + timedelta(seconds=params.until) if params.until else None
    return Park("a word", ("resume", "child", "approval", "event"), until, result=params.value)


class World:
    """What the test's actions did."""

    calls: ClassVar[list[tuple[str, int, int, str]]] = []
    hooks: ClassVar[dict[str, Callable[[StepContext], None]]] = {}


@pytest.fixture(autouse=True)
def _actions() -> Iterator[None]:
    catalog.load()
    before = dict(ACTIONS)
    for effect in ("pure", "idempotent", "once"):
        action(
            f"try_{effect}",
            label=effect,
            description="",
            group="",
            icon="",
            effect=effect,
            params=TryParams,  # type: ignore[arg-type]
        )(behave)
    World.calls, World.hooks = [], {}
    yield
    ACTIONS.clear()
    ACTIONS.update(before)


class Place:
    """The database, the clock and the runner of a test."""

    def __init__(self, settings: Settings) -> None:
        self.engine = make_engine(settings)
        prepare_engine(self.engine, settings)
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.published: list[dict[str, Any]] = []
        self.stop = False
        self.woken: list[str] = []
        self.first_rows: dict[str, dict[str, Any]] = {}
        self.runner = self.make_runner("worker 1")
        with Session(self.engine, info={"system": True}) as session:
            organization = Organization(name="Test")
            session.add(organization)
            session.flush()
            project = Project(organization_id=organization.id, name="P", slug="p", is_default=True)
            session.add(project)
            session.commit()
            self.org, self.project = organization.id, project.id

    def now(self) -> datetime:
        return self.time

    def later(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def make_runner(self, owner: str) -> Runner:
        return Runner(
            journal=lambda org: Journal(self.engine, org, owner, timedelta(seconds=10)),
            services=lambda *_: NoServices(),  # type: ignore[arg-type,return-value]
            publish=lambda _org, _execution, news: self.published.extend(news),
            programs=Programs(),
            keeper=Keeper(1000, self.now),
            stopping=lambda: self.stop,
            now=self.now,
            chance=lambda: 0.0,
            wake=lambda execution, _org: self.woken.append(execution),
        )

    def session(self) -> Session:
        session = Session(self.engine, expire_on_commit=False)
        bind_tenant(session, self.org)
        return session

    def workflow(self, steps: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None, **more: Any) -> str:
        definition = parse({"name": "W", "steps": steps, "edges": edges or [], **more}).canonical()
        with self.session() as session:
            workflow = Workflow(project_id=self.project, name="W", status="active", draft=definition)
            session.add(workflow)
            session.flush()
            version = Version(workflow_id=workflow.id, number=1, definition=definition, fingerprint="f")
            session.add(version)
            session.flush()
            workflow.published_version_id = version.id
            session.commit()
            return workflow.id

    def begin(self, workflow_id: str, input_data: Any = None, **more: Any) -> str:
        with self.session() as session:
            workflow = session.get_one(Workflow, workflow_id)
            version = session.get_one(Version, workflow.published_version_id)
            execution, _ = start(session, workflow, version, input_data=input_data, **more)
            session.commit()
            self.first_rows[execution.id] = orjson.loads(dump_json(first_row(execution)))
            return execution.id

    def first_wake_up(self, execution_id: str, runner: Any = None) -> None:
        """The wake-up of a start, which brings the row along."""
        (runner or self.runner).run(execution_id, self.org, fresh=True, row=self.first_rows[execution_id])

    def run(self, steps: list[dict[str, Any]], edges: Any = None, input_data: Any = None, **more: Any) -> Execution:
        execution_id = self.begin(self.workflow(steps, edges, **more), input_data)
        self.runner.run(execution_id, self.org)
        return self.get(execution_id)

    def signal(self, execution_id: str, payload: Any, kind: str = "resume", token: str = "", step: str = "") -> None:
        """Something that the execution waits for happens; nobody is woken."""
        with self.engine.begin() as connection:
            use_tenant(connection, self.org)
            row = mailbox.row(self.org, execution_id, kind, payload, self.time, token=token, step=step)
            mailbox.send(connection, [row])

    def signals(self, execution_id: str) -> list[Any]:
        """Payloads of the signals that nobody has taken."""
        with self.session() as session:
            return [signal.payload for signal in session.query(Signal).filter_by(execution_id=execution_id)]

    def wake(self, execution_id: str, *, later: float = 0) -> Execution:
        """A worker looks at the execution, now or `later` seconds from now."""
        self.later(later)
        self.runner.run(execution_id, self.org)
        return self.get(execution_id)

    def get(self, execution_id: str) -> Execution:
        with self.session() as session:
            return session.get_one(Execution, execution_id)

    def runs(self, execution_id: str) -> list[StepRun]:
        with self.session() as session:
            return list(session.query(StepRun).filter_by(execution_id=execution_id).order_by(StepRun.seq))

    def lines(self, execution_id: str) -> list[LogLine]:
        with self.session() as session:
            return list(session.query(LogLine).filter_by(execution_id=execution_id).order_by(LogLine.seq))

    def timers(self, execution_id: str) -> list[Timer]:
        with self.session() as session:
            return list(session.query(Timer).filter_by(execution_id=execution_id))


@pytest.fixture
def place(settings: Settings) -> Iterator[Place]:
    made = Place(settings)
    yield made
    made.engine.dispose()


def step(step_id: str, kind: str = "pure", **more: Any) -> dict[str, Any]:
    """A step of the test's own action."""
    params = {k: more.pop(k) for k in ("do", "value", "until") if k in more}
    return {"step_id": step_id, "name": step_id.title(), "action_type": f"try_{kind}", "params": params, **more}
