"""Background jobs: ONE FILE EACH, named as the job. From its declaration come an actor, a command, and a row on a page.

Those that keep things in order stand in upkeep/.

    @job(N_("What it does, in plain words."), counts={"started": N_("started")}, due=hourly, button=True)
    def run(workflow_id: str, input_data: Any = None) -> Result: ...

The last run of each is kept (models.JobRun): when, how long, how it went, and the numbers that it declares as `counts`.
Nothing else of its result, and of an error its kind alone: the page is read by people of every organization.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import redis
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import make_transient

from flowapp.broker import QUEUE
from flowapp.catalog import N_
from flowapp.errors import ConflictError, FlowError, InvalidError, UnavailableError, UnknownIdError
from flowapp.logs import get_logger
from flowapp.models import JobRun, read_id, utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks.runtime import runtime
from flowapp.texts import say

Result = dict[str, Any]
Due = Callable[[datetime], datetime]
PAUSE = 0.02  # seconds after each transaction of a job that deletes a lot: others write meanwhile
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job. `when` says in words what starts it; `due(now)`: it must have begun at that time or later; `button`: a
    person may start it on the page; `private`: how long it took is not kept, since that would tell what it found;
    `by_itself`: what it is given when it runs because it is due."""

    name: str
    run: Callable[..., Result]
    description: str
    when: str
    counts: Mapping[str, str] = field(default_factory=dict)
    due: Due | None = None
    button: bool = False
    private: bool = False
    by_itself: Mapping[str, object] = field(default_factory=dict)


JOBS: dict[str, JobSpec] = {}
ITSELF = N_("On demand. Webhooks and the API start executions themselves, without this job.")


def job(
    description: str,
    *,
    counts: Mapping[str, str],
    when: str = N_("On demand"),
    due: Due | None = None,
    button: bool = False,
    private: bool = False,
    by_itself: Mapping[str, object] | None = None,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Declares the function as the job that its file is named after."""

    def declared(run: Callable[..., Result]) -> Callable[..., Result]:
        name = run.__module__.rpartition(".")[2]
        JOBS[name] = JobSpec(name, run, description, when, counts, due, button, private, by_itself or {})
        return run

    return declared


def load() -> dict[str, JobSpec]:
    """All jobs, by name."""
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(info.name)
    return JOBS


def hourly(now: datetime) -> datetime:
    """Due when the last run is an hour ago."""
    return now - timedelta(hours=1)


def daily_at(hour: int) -> Due:
    """Due at that hour by the clock of the machine."""

    def due(now: datetime) -> datetime:
        local = now.astimezone()
        at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        return at if at <= local else at - timedelta(days=1)

    return due


nightly = daily_at(3)


def kept_since(days: int) -> datetime:
    """The time since which a job keeps things that are to be kept so many days. InvalidError for fewer than one."""
    if days < 1:
        raise InvalidError.at("days", say("Enter how many days to keep: 1 or more."))
    return utcnow() - timedelta(days=days)


def is_due(spec: JobSpec, last: datetime | None, now: datetime) -> bool:
    """Whether it has to run now. A last run that lies ahead was written by a clock that was wrong."""
    return spec.due is not None and (last is None or last > now or last < spec.due(now))


def perform(name: str, *args: object, **params: object) -> Result:
    """Runs a job here and now, and records it. ConflictError where the installation is paused; what the job raises.

    A mistyped id (UnknownIdError) is no run of the job, and leaves the record of the last one.
    """
    runtime().pause.refuse()
    spec = JOBS[name]
    began, clock = utcnow(), time.monotonic()
    before = last_runs().get(name)
    record(name, began, 0.0)  # it has begun: nobody else begins it
    try:
        result = spec.run(*args, **params)
    except UnknownIdError:
        _put_back(name, before)
        raise
    except Exception as error:
        words = error.title if isinstance(error, FlowError) else type(error).__name__
        record(name, began, 0.0 if spec.private else time.monotonic() - clock, error=words)
        raise
    counted = {key: value for key, value in result.items() if key in spec.counts}
    record(name, began, 0.0 if spec.private else time.monotonic() - clock, result=counted)
    return result


def record(name: str, began: datetime, seconds: float, *, result: Result | None = None, error: str = "") -> None:
    """Keeps how the last run of a job went; a run without result and error is under way."""
    new: dict[str, object] = {
        "started_at": began,
        "duration_ms": round(seconds * 1000),
        "ok": not error,
        "result": result,
        "error": error[:1000],
    }
    if result is not None:
        new["succeeded_at"] = began + timedelta(seconds=seconds)
    with system_session(runtime().engine) as session:
        insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(JobRun)
        session.execute(
            insert.values(name=name, **new).on_conflict_do_update(index_elements=["name"], set_=new)
        )  # fmt: skip
        session.commit()


def _put_back(name: str, before: JobRun | None) -> None:
    with system_session(runtime().engine) as session:
        session.execute(delete(JobRun).where(JobRun.name == name))
        if before is not None:
            make_transient(before)
            session.add(before)
        session.commit()


def last_runs() -> dict[str, JobRun]:
    """The last run of each job that ever ran."""
    with system_session(runtime().engine) as session:
        return {run.name: run for run in session.scalars(select(JobRun))}


def send(name: str, **params: object) -> None:
    """Has a worker run a job. UnavailableError where Redis does not answer: then it does not run."""
    message: dramatiq.Message[object] = dramatiq.Message(
        queue_name=QUEUE, actor_name=name, args=(), kwargs=params, options={}
    )  # fmt: skip
    try:
        runtime().broker.enqueue(message)
    except redis.RedisError:
        raise UnavailableError(say("Redis does not respond, so the job could not be started. Try again.")) from None


def declare() -> None:
    """Declares an actor for each job, on the process's broker."""
    for name in load():
        dramatiq.actor(actor_name=name, queue_name=QUEUE)(_actor(name))


def _actor(name: str) -> Callable[..., None]:
    def act(*args: object, **params: object) -> None:
        try:
            with runtime().watch.working(name):
                perform(name, *args, **params)
        except ConflictError as error:
            log.warning("job not run", job=name, error=error.message)
        except Exception:
            log.exception("job failed", job=name)

    return act


def organization_of(model: Any, row_id: str) -> str:
    """Whose row it is. UnknownIdError where there is none."""
    known = read_id(row_id)
    with system_session(runtime().engine) as session:
        row = session.get(model, known) if known else None
    if row is None:
        raise UnknownIdError(say("There is no execution or workflow with the id “%(id)s”.", id=row_id))
    return str(row.organization_id)
