"""`python -m bench.purge`: how long a writer waits at worst while 20,000 ended executions are purged."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from bench.cluster import running_cluster
from bench.stacks import environment
from flowapp.config import Settings
from flowapp.engine.retention.purge import purge
from flowapp.engine.store.start import start
from flowapp.models import Organization, Project, Version, Workflow, utcnow
from flowapp.models.tenancy import make_engine, prepare_engine, system_session, tenant_session
from tests.support.group import ROOT
from tests.support.history import write_history

EXECUTIONS = 20_000
EVERY = 0.01  # seconds between two writes


def main() -> None:
    """Prints a line for each database."""
    with tempfile.TemporaryDirectory() as folder:
        report("SQLite", f"sqlite:///{folder}/flowapp.db", Path(folder) / "sqlite")
        with running_cluster() as (cluster, _pid):
            cluster.create_template()
            report("PostgreSQL", cluster.url(cluster.create_database()), Path(folder) / "postgresql")


def report(name: str, database_url: str, folder: Path) -> None:
    """Purges, and says how it went."""
    with database(database_url, folder) as engine:
        version = workflow(engine)
        write_history(engine, version, utcnow() - timedelta(days=40), EXECUTIONS)
        quiet = waits(engine, version, lambda: time.sleep(2))
        began = time.monotonic()
        found = []
        busy = waits(engine, version, lambda: found.append(purge(engine, utcnow(), 30, threading.Event())))
        seconds = time.monotonic() - began
    totals = found[0].totals
    print(
        f"{name}: {found[0].executions} executions of 5 rows in {seconds:.1f} s, {totals.batches} transactions, "
        f"the longest {totals.longest_ms} ms. A writer waited {statistics.median(busy):.1f} ms (median), "
        f"{max(busy):.0f} ms at worst; without the purge {statistics.median(quiet):.1f} and {max(quiet):.0f} ms."
    )


@contextmanager
def database(database_url: str, folder: Path) -> Iterator[Engine]:
    """A migrated database."""
    environ = environment(folder, database_url)
    upgrade = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", "head"]
    subprocess.run(upgrade, cwd=ROOT, env=environ, check=True, capture_output=True)
    settings = Settings.from_env(environ)
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    yield engine
    engine.dispose()


def workflow(engine: Engine) -> Version:
    """The version of a workflow."""
    with system_session(engine) as session:
        organization = Organization(name="Bench")
        session.add(organization)
        session.flush()
        own = {"organization_id": organization.id}
        project = Project(**own, name="P", slug="p", is_default=True)
        session.add(project)
        session.flush()
        row = Workflow(**own, project_id=project.id, name="W", status="active", draft={})
        session.add(row)
        session.flush()
        version = Version(**own, workflow_id=row.id, number=1, definition={}, fingerprint="f")
        session.add(version)
        session.commit()
        return version


def waits(engine: Engine, version: Version, work: Callable[[], object]) -> list[float]:
    """How long each insert of an execution took while `work` went on, in milliseconds."""
    taken: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            began = time.monotonic()
            with tenant_session(engine, version.organization_id) as session:
                start(session, session.get_one(Workflow, version.workflow_id), version)
                session.commit()
            taken.append((time.monotonic() - began) * 1000)
            done.wait(EVERY)

    writer = threading.Thread(target=write)
    writer.start()
    work()
    done.set()
    writer.join()
    return taken


if __name__ == "__main__":
    main()
