"""A running installation is migrated to a schema that it does not know, and goes on: as while hosts are upgraded one by one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from flowapp import ROOT
from flowapp.models import migrations
from tests.faults.books import Books
from tests.faults.feeder import Feeder
from tests.faults.report import Row
from tests.faults.site import Site, note, post, running_site, wait
from tests.faults.sizes import SIZES
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Sink

pytestmark = pytest.mark.faults
NEXT = "9001"
# What a next release may do (docs/upgrading.md), to the tables that this one writes all the time.
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{next}", "{newest}", None, None


def upgrade() -> None:
    op.add_column("executions", sa.Column("of_the_next", sa.String(20), nullable=True))
    for table in ("step_runs", "timers", "log_lines", "heartbeats", "leases", "job_runs", "triggers", "workflows"):
        op.add_column(table, sa.Column("of_the_next", sa.Integer(), nullable=False, server_default="7"))
    op.create_index("ix_executions_of_the_next", "executions", ["of_the_next"])
    op.create_table("of_the_next", sa.Column("id", sa.Integer(), primary_key=True))
"""


def migrate(folder: Path, environ: Mapping[str, str]) -> None:
    """What the first host of the next release does."""
    shutil.copytree(ROOT / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    text_ = MIGRATION.format(next=NEXT, newest=migrations.newest())
    (folder / "migrations" / "versions" / f"{NEXT}_next.py").write_text(text_)
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(folder / "migrations" / "alembic.ini"), "upgrade", "head"],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_release_before_runs_on_the_next_schema(environ: dict[str, str], sink: Sink, tmp_path: Path) -> None:
    sink.default = Answer(delay=0.02)
    count = SIZES.load // 3
    with running_site(environ) as site:
        flow = site.workflow([post(sink), wait("2 seconds"), note()])
        row = Row("migrated to the next schema while it runs", site.database)
        feeder = Feeder(site, flow)
        feeder.add(count)
        sink.wait_for(count // 3)  # in the middle of it
        migrate(tmp_path, site.group.environ)
        feeder.add(count)
        books = Books(site, flow)
        wait_until(lambda: feeder.asked == len(feeder.accepted), 60, "not every delivery was accepted")
        books.wait(feeder.asked)
        assert_served(site)
        assert not feeder.refusals, "a page or hook was refused while the schema was changed"
        tenant = site.tenant
    with running_site(environ, tenant) as site:  # a host of the old release starts anew: back again
        assert f"the database is at {NEXT}, newer than this release: left as it is" in site.group.text
        feeder.site = site
        feeder.add(count)
        accepted = feeder.finish()
        books = Books(site, flow)
        books.wait(feeder.asked)
        assert_served(site)
        site.workflow([note()])
        books.check(row, accepted, sink)


def assert_served(site: Site) -> None:
    """By every word that somebody may ask."""
    with site.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == NEXT
    assert wait_until(lambda: ready(site), 30)["migrations"] == "newer schema, still served"
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"],
        cwd=ROOT, env=site.group.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"at {NEXT}, newer than this release's" in done.stdout


def ready(site: Site) -> dict[str, str]:
    """The parts of /readyz; empty while it is not."""
    try:
        return site.call("GET", "/readyz")["checks"]
    except OSError:  # HTTPError too
        return {}
