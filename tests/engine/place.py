"""A real database with one organization and one workflow, and a runner whose world is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import orjson
import pytest
from sqlalchemy import Engine

from flowapp import catalog, tasks
from flowapp.catalog import Branch, Done, Fail, Outcome, Params, StepContext, Stop, Suspend, Wait
from flowapp.catalog.registry import ACTIONS, action
from flowapp.config import Settings
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.store import signals
from flowapp.engine.store.journal import first_row
from flowapp.exact_json import dump_json
from flowapp.models import Execution, Signal
from flowapp.models.tenancy import system_session, use_tenant
from flowapp.tasks import jobs
from tests.support import place as support
from tests.support.databases import connected
from tests.support.tenant import add_organization


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
        return suspended(ctx, params)
    if params.do == "busy":
        return Fail("It is busy.", details={"retry_after": params.value})
    if params.do == "boom":
        raise RuntimeError(params.value)
    if params.do == "stop":
        return Stop("completed", "enough", result=params.value)
    return Done(params.value)


def suspended(ctx: StepContext, params: TryParams) -> Outcome:
    """Waits for a signal: `again` has it wait on, `no` is a failure, anything else its result."""
    word = ctx.signal.payload if ctx.signal else "again"
    if word == "no":
        return Fail("They said no.")
    if word != "again":
        return Done(word)
    until = ctx.now() + timedelta(seconds=params.until) if params.until else None
    return Suspend("a word", ("resume", "child", "approval", "event"), until, result=params.value)


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


class Place(support.Place):
    """The database, the clock and the runner of a test."""

    def __init__(self, engine: Engine) -> None:
        with system_session(engine) as session:
            super().__init__(engine, *add_organization(session))
            session.commit()
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.published: list[dict[str, Any]] = []
        self.stop = False
        self.woken: list[str] = []
        self.cancelled: list[str] = []
        self.first_rows: dict[str, dict[str, Any]] = {}
        self.runner = self.make_runner("worker 1")

    def now(self) -> datetime:
        return self.time

    def later(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def make_runner(self, owner: str) -> Runner:
        return support.make_runner(
            self.engine,
            lambda _org, _execution, news: self.published.extend(news),
            owner,
            stopping=lambda: self.stop,
            now=self.now,
            chance=lambda: 0.0,
            wake=lambda execution, _org: self.woken.append(execution),
            cancelled=lambda executions: self.cancelled.extend(execution.id for execution in executions),
        )

    def workflow(self, steps: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None, **more: Any) -> str:
        return self.publish({"steps": steps, "edges": edges or [], **more})

    def begin(self, workflow_id: str, input_data: Any = None, **more: Any) -> str:
        execution = self.started(workflow_id, input_data, **more)
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
            row = signals.row(self.org, execution_id, kind, payload, self.time, token=token, step=step)
            signals.send(connection, [row])

    def signals(self, execution_id: str) -> list[Any]:
        """Payloads of the signals that nobody has taken."""
        with self.session() as session:
            return [signal.payload for signal in session.query(Signal).filter_by(execution_id=execution_id)]

    def wake(self, execution_id: str, *, later: float = 0) -> Execution:
        """A worker looks at the execution, now or `later` seconds from now."""
        self.later(later)
        self.runner.run(execution_id, self.org)
        return self.get(execution_id)


@pytest.fixture
def place(settings: Settings) -> Iterator[Place]:
    with connected(settings) as engine:
        yield Place(engine)


@pytest.fixture
def runtime(place: Place, settings: Any) -> Iterator[tasks.Runtime]:
    """What tasks work with, on the place's database."""
    made = tasks.Runtime.make(settings, place.engine)
    tasks.init(made)
    jobs.load()
    yield made
    made.bus.close()  # its thread may still send
    made.broker.close()
    made.redis.close()


def step(step_id: str, kind: str = "pure", **more: Any) -> dict[str, Any]:
    """A step of the test's own action."""
    params = {k: more.pop(k) for k in ("do", "value", "until") if k in more}
    return {"step_id": step_id, "name": step_id.title(), "action_type": f"try_{kind}", "params": params, **more}
