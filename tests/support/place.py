"""An organization in a database, its workflows, and what ran of them: what the places of single folders have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from flowapp.engine.language.definition import parse
from flowapp.engine.runtime.program import Programs
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.store.journal import Journal
from flowapp.engine.store.leases import Keeper
from flowapp.engine.store.start import start
from flowapp.models import Execution, LogLine, StepRun, Timer, Version, Workflow, utcnow
from flowapp.models.tenancy import tenant_session
from tests.support.servers.services import NoServices


class Place:
    """Writes and reads as the organization; nothing runs by itself."""

    def __init__(self, engine: Engine, organization_id: str, project_id: str) -> None:
        self.engine, self.org, self.project = engine, organization_id, project_id

    def session(self) -> Any:
        return tenant_session(self.engine, self.org)

    def publish(self, written: dict[str, Any]) -> str:
        """The id of an active workflow whose published version says what is `written`."""
        definition = parse({"name": "W", **written}).canonical()
        with self.session() as session:
            workflow = Workflow(project_id=self.project, name=definition["name"], status="active", draft=definition)
            session.add(workflow)
            session.flush()
            version = Version(workflow_id=workflow.id, number=1, definition=definition, fingerprint="f")
            session.add(version)
            session.flush()
            workflow.published_version_id = version.id
            session.commit()
            return workflow.id

    def started(self, workflow_id: str, input_data: Any = None, **more: Any) -> Execution:
        """A new execution of what is published; nobody is told of it."""
        with self.session() as session:
            workflow = session.get_one(Workflow, workflow_id)
            version = session.get_one(Version, workflow.published_version_id)
            execution, _ = start(session, workflow, version, input_data=input_data, **more)
            session.commit()
            return execution

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


def make_runner(engine: Engine, publish: Callable[..., None], owner: str = "worker", **more: Any) -> Runner:
    """A worker's runner, whose steps have no services. `more`: what else differs."""
    return Runner(
        **{
            "journal": lambda org: Journal(engine, org, owner, timedelta(seconds=10)),
            "services": lambda *_: NoServices(),
            "publish": publish,
            "programs": Programs(),
            "keeper": Keeper(1000, more.get("now", utcnow)),
            **more,
        }
    )
