"""Expand, then contract: the release before runs on the schema of this one, so that hosts can be upgraded one by one.

What migrations do is read from the SQL that they send to PostgreSQL, whichever way they were written. A migration that takes
something away says `contracts_after = "<release>"`: the last release whose code needed it. That one has to be out, so the
release that is in the making no longer leans on it (docs/upgrading.md). `harmless` names constraints and indexes that the
release before cannot run into, beside the reason why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event

from flowapp import ROOT

pytestmark = pytest.mark.postgres
BEFORE_THE_RULE = "0006"
BREAKS = {
    r"drop table (?P<table>\w+)": "drops a table",
    r"alter table (?P<table>\w+) drop column": "drops a column",
    r"alter table (?P<table>\w+) rename": "renames",
    r"alter table (?P<table>\w+) alter column \w+ type": "changes a type",
    r"alter table (?P<table>\w+) alter column \w+ set not null": "makes a column NOT NULL",
    r"alter table (?P<table>\w+) alter column \w+ drop default": "drops a default",
    r"alter table (?P<table>\w+) add column (?!.*default).*not null": "adds a NOT NULL column without a default",
    r"alter table (?P<table>\w+) add constraint": "adds a constraint",
    r"create unique index \w+ on (?P<table>\w+)": "makes a column unique",
}


def scripts() -> list[ModuleType]:
    """All migrations, the first one first."""
    found = ScriptDirectory(str(ROOT / "migrations")).walk_revisions()
    return [script.module for script in found][::-1]


@pytest.fixture
def connection(postgres: Any) -> Iterator[Connection]:
    """To an empty database."""
    name = postgres.create_database(migrated=False)
    engine = create_engine(postgres.url(name).replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as opened:
        yield opened
        opened.rollback()
    engine.dispose()
    postgres.drop_database(name)


def sent(connection: Connection, migration: Any) -> list[str]:
    """The statements that a migration sends, on one line each, in small letters."""
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(" ".join(statement.replace('"', "").split()).lower())

    event.listen(connection, "before_cursor_execute", note)
    context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
    with context.begin_transaction(_per_migration=True), Operations.context(context):
        migration.upgrade()
    event.remove(connection, "before_cursor_execute", note)
    return statements


def broken(statements: list[str]) -> list[str]:
    """What the release before cannot live with. Tables and columns that the same migration makes are not known to it: it
    leaves such a column empty, and what is empty is like nothing else."""
    made = {found[1] for one in statements if (found := re.match(r"create table (\w+)", one))}
    added = {
        found.groups()
        for one in statements
        if (found := re.match(r"alter table (\w+) add column (\w+) (?!.*default)", one))
    }
    statements = [one for one in statements if not _unique_with(one, added)]
    return [
        f"{why}: {statement}"
        for statement in statements
        for pattern, why in BREAKS.items()
        if (found := re.match(pattern, statement)) and found["table"] not in made
    ]


def _unique_with(statement: str, added: set[tuple[str, ...]]) -> bool:
    """Whether this makes columns unique together with one of the `added` ones, (table, column)."""
    index = re.match(r"create unique index \w+ on (\w+) \(([^)]*)\)", statement)
    return index is not None and any((index[1], column.strip()) in added for column in index[2].split(","))


def is_about(statement: str, names: tuple[str, ...]) -> bool:
    """Whether it makes a constraint or an index of one of these names: of the whole name, and in no other place."""
    made = re.search(r"(?:add constraint|create unique index) (\w+)", statement)
    return made is not None and made[1] in names


def released() -> set[str]:
    heads = re.findall(r"^## (\S+) — (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return {version for version, when in heads if "not released" not in when}


def test_the_release_before_runs_on_the_schema_of_this_one(connection: Connection) -> None:
    looked_at = 0
    for script in scripts():
        harmless = getattr(script, "harmless", ())
        statements = sent(connection, script)
        found = [one for one in broken(statements) if not is_about(one, harmless)]
        idle = [name for name in harmless if not any(is_about(one, (name,)) for one in statements)]
        assert not idle, f"{Path(str(script.__file__)).name}: it makes nothing that is called {idle}"
        if script.revision <= BEFORE_THE_RULE:
            continue
        looked_at += 1
        if found:
            after = getattr(script, "contracts_after", None)
            assert after in released(), f"{Path(str(script.__file__)).name} {found}"
    assert looked_at >= 2


class _Migration:
    """A migration of a test's own."""

    def __init__(self, *statements: str) -> None:
        self.statements = statements

    def upgrade(self) -> None:
        from alembic import op

        for statement in self.statements:
            op.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE t",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t ALTER COLUMN a TYPE BIGINT",
        "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE t ALTER COLUMN d DROP DEFAULT",
        "ALTER TABLE t ADD COLUMN c INTEGER NOT NULL",
        "ALTER TABLE t ADD CONSTRAINT few CHECK (a < 9)",
        "CREATE UNIQUE INDEX i ON t (a)",
    ],
)
def test_what_would_break_it_is_found(connection: Connection, statement: str) -> None:
    connection.execute(sa.text("CREATE TABLE t (a INTEGER, d INTEGER DEFAULT 1)"))
    assert len(broken(sent(connection, _Migration(statement)))) == 1


@pytest.mark.parametrize(
    ("statement", "excused"),
    [
        ("ALTER TABLE t ADD CONSTRAINT few CHECK (a < 9)", True),
        ("ALTER TABLE t ADD CONSTRAINT fewer CHECK (a < 9)", False),
        ("ALTER TABLE t ADD CONSTRAINT many CHECK (few < 9)", False),
        ("CREATE UNIQUE INDEX few ON t (a)", True),
        ("CREATE UNIQUE INDEX few_of ON t (a)", False),
        ("ALTER TABLE t DROP COLUMN few", False),
    ],
)
def test_what_is_harmless_is_named_in_full(connection: Connection, statement: str, excused: bool) -> None:
    connection.execute(sa.text("CREATE TABLE t (a INTEGER, few INTEGER)"))
    (found,) = broken(sent(connection, _Migration(statement)))
    assert is_about(found, ("few",)) is excused


def test_what_only_adds_is_let_pass(connection: Connection) -> None:
    connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
    migration = _Migration(
        "ALTER TABLE t ADD COLUMN b INTEGER",
        "ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 0 NOT NULL",
        "CREATE INDEX i ON t (b)",
        "CREATE UNIQUE INDEX k ON t (a, b)",
        "CREATE TABLE u (a INTEGER NOT NULL)",
        "ALTER TABLE u ADD CONSTRAINT few CHECK (a < 9)",
        "CREATE UNIQUE INDEX j ON u (a)",
        "UPDATE t SET b = 1",
    )
    assert broken(sent(connection, migration)) == []


def test_operations_are_read_as_sql_is(connection: Connection) -> None:
    from alembic import op

    class Written:
        @staticmethod
        def upgrade() -> None:
            op.add_column("t", sa.Column("c", sa.Integer(), nullable=False))
            op.alter_column("t", "a", new_column_name="b")

    connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
    assert len(broken(sent(connection, Written))) == 2
