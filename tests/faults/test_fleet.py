"""Several hosts: one that is missing, killed, frozen, cut off or whose clock is wrong is seen, and the others go on."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowapp.config import Settings
from flowapp.models.tenancy import make_engine, prepare_engine
from tests.conftest import base_environ
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Site, note, wait
from tests.faults.sizes import LEASE
from tests.support import matrix
from tests.support.group import Group
from tests.support.hosts import Host
from tests.support.processes import wait_until
from tests.support.servers.proxy import Proxy
from tests.support.tenant import Tenant, make_tenant

pytestmark = pytest.mark.faults
on_postgresql = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
SILENT = 2 * LEASE  # seconds until a process that says nothing is missed
WHO_IS_AHEAD = """
import runpy
from datetime import timedelta
import flowapp.models
from flowapp.models import base

real = base.utcnow
base.utcnow = flowapp.models.utcnow = lambda: real() + timedelta(seconds=30)
runpy.run_module("flowapp.worker", run_name="__main__")
"""


class Fleet:
    """Hosts that come and go. `web` is the first one: it is asked how the installation is."""

    def __init__(self, environ: dict[str, str], tenant: Tenant | None = None) -> None:
        self.environ = {"FLOWAPP_LEASE_SECONDS": str(LEASE), "FLOWAPP_WORKERS": "1", **environ}
        settings = Settings.from_env(self.environ)
        self.engine = make_engine(settings)
        prepare_engine(self.engine, settings)
        self.hosts: list[Host] = []
        self.web = self.host("web")
        self.site = Site(self.web, self.engine, tenant or make_tenant(self.engine))  # type: ignore[arg-type]
        wait_until(lambda: self.get("/healthz")[0] == 200, 60, "the web host did not start")

    def host(self, *kinds: str, **more: Any) -> Host:
        environ = {**self.environ, **more.pop("environ", {})}
        self.hosts.append(Host(environ, *kinds, **more))
        return self.hosts[-1]

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(self.web.url + path, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except OSError:
            return 0, {}

    def becomes_ready(self) -> None:
        self.becomes(200, workers="ok", schedulers="ok")

    def becomes(self, status: int, **parts: str) -> None:
        """Waits until /readyz says so. The process itself is well all the time."""
        seen: list[Any] = []

        def said() -> bool:
            seen[:] = self.get("/readyz")
            return bool(seen[0] == status and parts.items() <= seen[1]["checks"].items())

        try:
            wait_until(said, 60, f"/readyz did not say {status}, {parts}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen}\n" + "\n".join(host.text for host in self.hosts)) from None
        assert self.get("/healthz")[0] == 200

    def doctor(self) -> tuple[int, str]:
        done = self.web.command("doctor")
        return done.returncode, done.stdout.partition("Checks")[2]

    def close(self) -> None:
        for host in self.hosts:
            host.signal(signal.SIGCONT)
            host.stop()
        self.engine.dispose()


@pytest.fixture
def fleet(environ: dict[str, str]) -> Iterator[Fleet]:
    made = Fleet(environ)
    yield made
    made.close()


def test_without_a_worker_or_a_scheduler_nothing_is_called_healthy(fleet: Fleet) -> None:
    row = Row("hosts without worker and scheduler", fleet.site.database, kills=1)
    fleet.becomes(503, workers="no worker runs", schedulers="no scheduler runs")
    code, said = fleet.doctor()
    assert code == 1
    assert said.count("WRONG") == 2
    flow = fleet.site.workflow([note()])
    feeder = Feeder(fleet.site, flow)
    feeder.add(5)
    accepted = feeder.finish()  # what webhooks bring is kept meanwhile
    worker = fleet.host("worker", "scheduler")
    fleet.becomes_ready()
    books = Books(fleet.site, flow)
    books.wait(5)
    books.check(row, accepted)
    worker.signal(signal.SIGKILL)
    fleet.becomes(503, workers="no worker has been heard of lately", schedulers="no scheduler has been heard of lately")
    fleet.host("worker", "scheduler")
    fleet.becomes_ready()
    assert "silent" in fleet.doctor()[1]


@on_postgresql
def test_a_frozen_scheduler_is_missed_and_another_host_takes_over(fleet: Fleet) -> None:
    row = Row("scheduler's host frozen", fleet.site.database)
    fleet.host("worker")
    scheduler = fleet.host("scheduler")
    fleet.becomes_ready()
    scheduler.signal(signal.SIGSTOP)
    fleet.becomes(503, workers="ok", schedulers="no scheduler has been heard of lately")
    code, said = fleet.doctor()
    assert code == 1
    assert "no scheduler has been heard of lately" in said
    fleet.host("scheduler")
    fleet.becomes_ready()
    flow = fleet.site.workflow([wait("1 second"), note()])
    feeder = Feeder(fleet.site, flow)
    feeder.add(3)
    books = Books(fleet.site, flow)
    accepted = feeder.finish()
    books.wait(3)
    scheduler.signal(signal.SIGCONT)
    wait_until(lambda: "2 work" in fleet.doctor()[1], 60, "the frozen one was not heard of again")
    books.check(row, accepted)


@on_postgresql
def test_a_worker_that_is_cut_off_from_redis_lives_and_makes_no_progress(fleet: Fleet) -> None:
    row = Row("worker's host cut off from Redis", fleet.site.database)
    proxy = Proxy(fleet.environ["REDIS_URL"].removeprefix("unix://"))
    try:
        fleet.host("scheduler")
        near = {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0", "FLOWAPP_LEASE_SECONDS": "2"}
        fleet.host("worker", environ=near)
        fleet.becomes_ready()
        proxy.cut()
        fleet.becomes(503, workers="no worker makes progress")
        assert "1 stuck" in fleet.doctor()[1]
        proxy.mend()
        proxy.sever()
        fleet.becomes_ready()
    finally:
        proxy.close()
    row.done()


@on_postgresql
def test_a_host_whose_clock_is_ahead_is_named(fleet: Fleet) -> None:
    row = Row("worker's clock 30 s ahead", fleet.site.database)
    fleet.host("scheduler", worker=["python", "-c", WHO_IS_AHEAD])
    fleet.becomes_ready()
    wait_until(lambda: "s ahead of the database's clock" in fleet.doctor()[1], 60, "the doctor did not notice")
    flow = fleet.site.workflow([wait("1 second"), note()])
    feeder = Feeder(fleet.site, flow)
    feeder.add(3)
    accepted = feeder.finish()
    books = Books(fleet.site, flow)
    books.wait(3)
    books.check(row, accepted)


@pytest.mark.parametrize("database", matrix.BOTH)
def test_two_hosts_that_start_at_once_on_an_empty_database(
    database: str, valkey_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both migrate: one waits, and both serve."""
    row = Row("two first starts at once", database)
    url = f"sqlite:///{tmp_path}/flowapp.db"
    if database == "postgresql":
        cluster = request.getfixturevalue("postgres")
        url = cluster.url(cluster.create_database(migrated=False))
    common = {"DATABASE_URL": url, "REDIS_URL": valkey_url, "FLOWAPP_WORKERS": "1"}
    groups = [Group(base_environ(tmp_path / name) | common).start() for name in ("one", "two")]
    try:
        for group in groups:
            group.wait_ready()
            wait_until(lambda group=group: ready(group), 30, "it did not get ready")
            assert "Error" not in group.text
    finally:
        for group in groups:
            group.stop()
    row.done()


def ready(group: Group) -> bool:
    try:
        return group.get("/readyz") == 200
    except urllib.error.HTTPError as error:
        with error:
            return False
