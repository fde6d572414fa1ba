"""Migrating on both databases: two hosts at once, and a release that meets a newer schema."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from flowapp import ROOT
from flowapp.config import Settings
from flowapp.models import migrations
from flowapp.models.tenancy import make_engine, prepare_engine
from tests.conftest import base_environ
from tests.support import matrix
from tests.support.processes import wait_until


@pytest.fixture(params=matrix.BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation whose database is empty."""
    environ = base_environ(tmp_path / "data")
    if request.param == "sqlite":
        yield environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
        return
    cluster = request.getfixturevalue("postgres")
    name = cluster.create_database(migrated=False)
    yield environ | {"DATABASE_URL": cluster.url(name)}
    cluster.drop_database(name)


@pytest.fixture
def engine(empty: dict[str, str]) -> Iterator[Engine]:
    settings = Settings.from_env(empty)
    made = make_engine(settings)
    prepare_engine(made, settings)
    yield made
    made.dispose()


class Migrating:
    """The command, and what it prints."""

    def __init__(self, environ: dict[str, str], to: str = "head") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", to],
            cwd=ROOT,
            env=environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.text += line

    def end(self) -> str:
        code = self.process.wait(60)
        self._reader.join(10)
        assert code == 0, self.text
        return self.text


def state(engine: Engine) -> str:
    with engine.connect() as connection:
        return migrations.state(connection)


def test_contacts_keep_what_belongs_to_them(empty: dict[str, str], engine: Engine) -> None:
    """On SQLite, 0024 makes their table anew: what refers to it must not go with the old one."""
    Migrating(empty, "0023").end()
    one = "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"
    key = one.replace("-", "") if engine.dialect.name == "sqlite" else one
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('flowapp.organization', 'system', true)"))
        for statement in OLD_CONTACT:
            connection.execute(text(statement), {"id": key})
    Migrating(empty).end()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('flowapp.organization', 'system', true)"))
        found = "SELECT c.email, e.email, c.other_emails, n.text FROM contacts c JOIN contact_emails e ON e.contact_id = c.id JOIN notes n ON n.contact_id = c.id"
        (row,) = connection.execute(text(found)).all()
    assert [str(value) for value in row] == ["ann@b.example", "ann@b.example", "[]", "Hello"]


NOW = "'2026-01-01', '2026-01-01'"
OLD_CONTACT = [
    f"INSERT INTO organizations (id, name, timezone, created_at, updated_at) VALUES (:id, 'Acme', 'UTC', {NOW})",
    f"INSERT INTO contacts (id, organization_id, email, first_name, last_name, timezone, fields, created_at, updated_at) VALUES (:id, :id, 'ann@b.example', '', '', '', '{{}}', {NOW})",
    f"INSERT INTO notes (id, organization_id, contact_id, type, html, text, mentions, made_by, created_at, updated_at) VALUES (:id, :id, :id, 'note', 'Hello', 'Hello', '[]', '{{}}', {NOW})",
]


def test_two_hosts_at_once_both_end_well(empty: dict[str, str], engine: Engine) -> None:
    assert state(engine) == "empty"
    both = [Migrating(empty), Migrating(empty)]
    for one in both:
        one.end()
    assert state(engine) == "current"


def test_who_comes_while_another_one_migrates_says_so_and_waits(empty: dict[str, str], engine: Engine) -> None:
    said: list[str] = []
    with migrations.alone(engine, said.append):
        second = Migrating(empty)
        wait_until(lambda: "another process is migrating this database: waiting for it" in second.text, 60)
        assert state(engine) == "empty"
        assert second.process.poll() is None
    second.end()
    assert state(engine) == "current"
    assert said == []


def test_the_lock_of_a_migration_that_was_killed_is_free(empty: dict[str, str], engine: Engine) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=empty, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waiting = Migrating(empty)
    wait_until(lambda: "waiting for it" in waiting.text, 60)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    waiting.end()
    assert state(engine) == "current"


HOLD = """
import time
from flowapp.config import Settings
from flowapp.models import migrations
from flowapp.models.tenancy import make_engine
with migrations.alone(make_engine(Settings.from_env()), print):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_patience_has_an_end(empty: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_PATIENCE", 0.1)
    other = make_engine(Settings.from_env(empty))
    with (
        migrations.alone(engine, print),
        pytest.raises(migrations.UnavailableError, match="ten minutes"),
        migrations.alone(other, print),
    ):
        pytest.fail("two at once")
    other.dispose()


def test_a_newer_schema_is_left_as_it_is(app: Any, environ: dict[str, str]) -> None:
    from flowapp.extensions import db

    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    assert "the database is at 9001, newer than this release: left as it is" in Migrating(environ).end()
    with app.app_context():
        assert state(db.engine) == "newer"


def test_a_schema_of_something_else_is_refused(app: Any, environ: dict[str, str]) -> None:
    from flowapp.extensions import db

    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'abc'"))
    refused = Migrating(environ)
    assert refused.process.wait(60) != 0


def test_a_table_is_protected_as_those_of_earlier_migrations_are(postgres: Any) -> None:
    name = postgres.create_database()
    engine = create_engine(postgres.url(name).replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        connection.execute(text("CREATE TABLE fresh (organization_id UUID NOT NULL)"))
        migrations.protect("fresh")
        rules = "SELECT policyname, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE tablename = :name"
        forced = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = :name AND relkind = 'r'"
        for asked in (rules, forced):
            fresh, views = (connection.execute(text(asked), {"name": one}).all() for one in ("fresh", "views"))
            assert fresh == views and len(fresh) == 1
    engine.dispose()
    postgres.drop_database(name)


def test_the_organization_is_read_once_for_each_statement(postgres: Any) -> None:
    """And the tables of users, which releases before made, are among those that the migration changes."""
    name = postgres.create_database()
    engine = create_engine(postgres.url(name).replace("postgresql://", "postgresql+psycopg://"))
    column = "CREATE TABLE ud_old (organization_id VARCHAR(36) NOT NULL)"
    old = "CREATE POLICY tenant ON ud_old USING (organization_id = current_setting('flowapp.organization', true))"
    asked = text("SELECT DISTINCT qual, with_check FROM pg_policies WHERE policyname = 'tenant' ORDER BY qual DESC")
    with engine.connect() as connection:
        connection.execute(text(column))
        connection.execute(text(old))
        connection.commit()
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with context.begin_transaction(_per_migration=True), Operations.context(context):
            migration("0042").upgrade()
        varchar, uuid = connection.execute(asked).all()
    assert varchar.qual == varchar.with_check and uuid.qual == uuid.with_check
    assert varchar.qual.count("SELECT") == uuid.qual.count("SELECT") == 2
    engine.dispose()
    postgres.drop_database(name)


def migration(revision: str) -> Any:
    scripts = ScriptDirectory(str(ROOT / "migrations")).walk_revisions()
    return next(script.module for script in scripts if script.revision == revision)


def test_sqlite_has_no_such_protection() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        migrations.protect("fresh")  # not an error
