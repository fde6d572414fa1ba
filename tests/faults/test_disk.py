"""A disk that takes no more: a webhook that cannot be stored is refused, and each 202 has its row."""

from __future__ import annotations

import random
import resource
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.books import Books
from tests.faults.cluster import UNLIMITED, crashing_cluster
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Site, note, running_site
from tests.faults.sizes import SIZES
from tests.faults.test_database import environment
from tests.support.processes import wait_until

pytestmark = pytest.mark.faults
BODY = {"text": random.Random(8).randbytes(4000).hex()}
ROOM = 200_000  # bytes by which SQLite's largest file may still grow
ROOM_OF_TABLES = 2 << 20  # bytes of a file of PostgreSQL; the log's are 1 MiB


def test_sqlite_on_a_full_disk(sqlite_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "flowapp.db"
    path.write_bytes(sqlite_template.read_bytes())
    with running_site(environment(tmp_path, f"sqlite:///{path}")) as site:

        def limit(size: int) -> None:
            for kind in ("web", "worker", "scheduler"):
                for pid in site.pids(kind):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))

        files = (path, path.with_name(path.name + "-wal"))
        size = max(file.stat().st_size for file in files) + ROOM
        fill_up(site, lambda: limit(size), lambda: limit(UNLIMITED))


@pytest.mark.postgres
def test_postgresql_on_a_full_disk(tmp_path: Path) -> None:
    with crashing_cluster() as cluster:
        environ = environment(tmp_path, cluster.url(cluster.create_database(migrated=False)))
        with running_site(environ) as site:

            def start(size: int) -> None:
                cluster.crash()
                cluster.start(size)
                site.engine.dispose()
                wait_until(lambda: ready(site), 30, "the application did not find the database again")

            fill_up(site, lambda: start(ROOM_OF_TABLES), lambda: start(UNLIMITED))


def ready(site: Site) -> bool:
    try:
        return bool(site.call("GET", "/healthz"))  # /readyz also wants heartbeats, which a full disk refuses
    except urllib.error.HTTPError as error:
        with error:
            return False


def fill_up(site: Site, full: Callable[[], None], free: Callable[[], None]) -> None:
    """Sends until the disk is full, holds the answers against the rows, and goes on once there is room again."""
    flow = site.workflow([note()])
    row = Row("disk full", site.database)
    feeder = Feeder(site, flow, patient=False)
    books = Books(site, flow)
    full()
    feeder.add(SIZES.load, BODY)
    wait_until(lambda: feeder.refusals or feeder.add(10, BODY), 60, "the disk did not fill up")
    feeder.finish()
    assert set(feeder.refusals) == {503}
    assert set(feeder.accepted.values()) <= set(books.statuses()), "a 202 without its row"
    free()
    again = Feeder(site, flow)
    again.add(feeder.asked, BODY)
    accepted = again.finish()
    assert feeder.accepted.items() <= accepted.items(), "a delivery that was accepted ran a second time"
    books.wait(again.asked)
    books.check(row, accepted)
