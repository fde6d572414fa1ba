"""Backups of the whole installation: complete while it runs, checked, refused where they cannot be opened, all or nothing."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from flowapp.backup import dump
from flowapp.backup.file import Head
from flowapp.config import Settings
from flowapp.data import records, tables
from flowapp.errors import InvalidError
from flowapp.models import (
    Base,
    DataTable,
    Event,
    Execution,
    Integration,
    Lease,
    LogLine,
    Organization,
    Project,
    Version,
    Workflow,
    new_id,
    utcnow,
)
from flowapp.models.tenancy import SYSTEM, make_engine, prepare_engine, system_session, tenant_session, use_tenant
from flowapp.security.credentials import Vault
from flowapp.security.installation_keys import fingerprint
from tests.cli.test_commands import run
from tests.conftest import ROOT
from tests.support.applications import running
from tests.support.tenant import Tenant, make_tenant

COLUMNS = [
    {"label": "Name", "type": "text", "unique": True},
    {"label": "Amount", "type": "number"},
    {"label": "Paid", "type": "boolean"},
    {"label": "Day", "type": "date"},
    {"label": "At", "type": "datetime"},
    {"label": "More", "type": "json"},
]
ROWS = [
    {"name": "Ada", "amount": "12.5", "paid": True, "day": "2026-02-28", "at": "2026-02-28T10:00:00+00:00", "more": {"a": [1]}},
    {"name": "Émile “x”", "amount": None, "paid": False, "day": None, "at": None, "more": None},
]  # fmt: skip


class Installation:
    """A database, and its commands."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.settings = Settings.from_env(environ)
        self.engine = make_engine(self.settings)
        prepare_engine(self.engine, self.settings)

    def run(self, *words: str, code: int = 0, **environ: str) -> str:
        with running(Settings.from_env(self.environ | environ)) as app:
            return run(app, *words, code=code)

    def everything(self) -> dict[str, Any]:
        """Every row of every table that is kept, as it reads; of the installation's own settings the id."""
        found: dict[str, Any] = {}
        with self.engine.connect() as connection:
            use_tenant(connection, SYSTEM)
            for table in [*dump.own_tables(), *dump.data_tables(connection)]:
                found[table.name] = sorted(map(repr, connection.execute(sa.select(table))))
        found["installation_settings"] = [row for row in found["installation_settings"] if row.startswith("('id'")]
        return found

    def fill(self) -> Tenant:
        """Two organizations with a bit of everything: secrets, a data table, a workflow with versions, an execution."""
        first, _second = make_tenant(self.engine, "First"), make_tenant(self.engine, "Second")
        vault = Vault(self.settings.encryption_keys)
        own: dict[str, Any] = {"organization_id": first.organization_id, "project_id": first.project_id}
        with tenant_session(self.engine, first.organization_id) as session:
            table = tables.create(session, {"name": "Orders", "columns": COLUMNS})
            for row in ROWS:
                records.create(session, table, row)
            workflow = Workflow(**own, name="W", status="active", draft={"steps": [], "secret": vault.sealed("x")})
            session.add(workflow)
            session.flush()
            version = Version(workflow_id=workflow.id, number=1, definition={"z": 1, "a": "\0"}, fingerprint="f")
            session.add(version)
            session.flush()
            workflow.published_version_id = version.id
            execution = Execution(workflow_id=workflow.id, version_id=version.id, input_data={"n": 1.5, "s": "é"})
            session.add(execution)
            session.add(Integration(name="I", integration_type="http", credentials=vault.encrypt({"token": "t"})))
            session.flush()
            session.add(LogLine(execution_id=execution.id, seq=1, level="INFO", message="hello"))
            session.add(Event(type="contact.created", entity_type="contact", entity_id="1", payload={"a": None}))
            session.commit()
        return first


@pytest.fixture
def place(environ: dict[str, str]) -> Iterator[Installation]:
    made = Installation(environ)
    made.fill()
    yield made
    made.engine.dispose()


@pytest.fixture(params=["same", "other"])
def target(request: pytest.FixtureRequest, place: Installation, tmp_path: Path) -> Iterator[Installation]:
    """A database without tables: of the same kind as the place's, and the other one."""
    yield from empty(request, place, tmp_path, same=request.param == "same")


@pytest.fixture
def twin(request: pytest.FixtureRequest, place: Installation, tmp_path: Path) -> Iterator[Installation]:
    """A database without tables, of the same kind."""
    yield from empty(request, place, tmp_path, same=True)


def empty(request: Any, place: Installation, tmp_path: Path, *, same: bool) -> Iterator[Installation]:
    if place.settings.is_sqlite == same:
        url, drop = f"sqlite:///{tmp_path}/target.db", lambda: None
    else:
        cluster = request.getfixturevalue("postgres")
        name = cluster.create_database(migrated=False)
        url, drop = cluster.url(name), lambda: cluster.drop_database(name)
    made = Installation(place.environ | {"DATABASE_URL": url})
    yield made
    made.engine.dispose()
    drop()


def test_what_is_restored_is_what_was_backed_up(place: Installation, target: Installation, tmp_path: Path) -> None:
    before = place.everything()
    said = place.run("backup", str(tmp_path / "b"))
    assert f"its secrets need fingerprint {fingerprint(place.settings.encryption_keys[0])}" in said
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    said = target.run("restore", str(tmp_path / "b"))
    assert "It is paused" in said
    after = target.everything()
    assert set(after) == set(before)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert sum(map(len, before.values())) > 15
    assert "WRONG  paused" in target.run("doctor", code=1)
    assert "Resumed" in target.run("resume")
    with tenant_session(target.engine, _organization(target)) as session:  # the user's table works, and is protected
        table = session.scalars(sa.select(DataTable)).one()
        assert {row["name"] for row in records.find(session, table).rows} == {row["name"] for row in ROWS}
        records.create(session, table, {"name": "New"})
        with pytest.raises(InvalidError, match="Ada"):
            records.create(session, table, {"name": "Ada"})


def _organization(place: Installation) -> str:
    with system_session(place.engine) as session:
        return session.scalars(sa.select(Organization.id).where(Organization.name == "First")).one()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_row_level_security_guards_what_was_restored(place: Installation, twin: Installation, tmp_path: Path) -> None:
    place.run("backup", str(tmp_path / "b"))
    twin.run("restore", str(tmp_path / "b"))
    with twin.engine.connect() as connection:
        forced = set(connection.execute(sa.text("SELECT relname FROM pg_class WHERE relforcerowsecurity")).scalars())
        keys = connection.execute(sa.text("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"))
        wanted = sum(len(table.foreign_key_constraints) for table in Base.metadata.sorted_tables)
        assert keys.scalar_one() == wanted
    with system_session(twin.engine) as session:
        assert set(session.scalars(sa.select(DataTable.physical_name))) <= forced


def test_a_backup_is_of_one_moment_while_the_application_writes(place: Installation, tmp_path: Path) -> None:
    """Each organization is made with its project in one commit: a backup that mixed two moments would hold one alone."""
    stop, made = threading.Event(), 0

    def write() -> None:
        nonlocal made
        while not stop.is_set():
            with system_session(place.engine) as session:
                row = Organization(id=new_id(), name="N")
                session.add(row)
                session.flush()
                session.add(Project(organization_id=row.id, name="P", slug="p"))
                session.commit()
            made += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            dump.make(place.engine, tmp_path / f"b{n}", _head(), place.settings.encryption_keys)
    finally:
        stop.set()
        writer.join()
    assert made > 3
    for n in range(3):
        found = _rows(tmp_path / f"b{n}")
        assert {row["organization_id"] for row in found["projects"]} == {row["id"] for row in found["organizations"]}


def _head() -> Head:
    return Head("1", "0001", "now", "sqlite", "s", ["k"])


def _lines(path: Path) -> list[bytes]:
    with gzip.open(path, "rb") as stream:
        return stream.readlines()


def _rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    name, columns = "", []
    for line in map(orjson.loads, _lines(path)):
        if isinstance(line, list):
            found[name].append(dict(zip(columns, line, strict=True)))
        elif "table" in line:
            name, columns = line["table"], list(line["columns"])
            found[name] = []
    return found


def test_large_rows_are_streamed(place: Installation, twin: Installation, tmp_path: Path) -> None:
    with system_session(place.engine) as session:
        execution = session.scalars(sa.select(Execution)).one()
        for n in range(60):
            session.add(
                LogLine(
                    organization_id=execution.organization_id,
                    execution_id=execution.id,
                    seq=10 + n,
                    level="INFO",
                    message="x" * 1_000_000,
                )
            )
            session.flush()
            session.expunge_all()
        session.commit()
    tracemalloc.start()
    dump.make(place.engine, tmp_path / "b", _head(), place.settings.encryption_keys)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 45_000_000  # 20 rows of a million characters, twice; all of them would be 60,000,000 and more


def test_a_file_that_is_there_is_not_overwritten(place: Installation, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    assert "already" in place.run("backup", str(tmp_path / "b"), code=1)
    assert (tmp_path / "b").read_text() == "mine"
    assert "another" in place.run("backup", str(tmp_path / "b"), code=1)


def test_keys_that_cannot_open_it_are_refused(place: Installation, twin: Installation, tmp_path: Path) -> None:
    place.run("backup", str(tmp_path / "b"))
    other = {"FLOWAPP_ENCRYPTION_KEYS": Fernet.generate_key().decode(), "FLOWAPP_SECRET_KEY": "another"}
    said = twin.run("restore", str(tmp_path / "b"), code=1, **other)
    assert fingerprint(place.settings.encryption_keys[0]) in said
    assert "--without-keys" in said
    both = f"{other['FLOWAPP_ENCRYPTION_KEYS']},{place.settings.encryption_keys[0]}"
    said = twin.run("restore", str(tmp_path / "b"), FLOWAPP_ENCRYPTION_KEYS=both, FLOWAPP_SECRET_KEY="another")
    assert "FLOWAPP_SECRET_KEY is another one" in said
    twin.run("restore", str(tmp_path / "b"), "--replace", "--without-keys", **other)


def test_a_database_that_holds_something_is_replaced_only_when_told_to(place: Installation, tmp_path: Path) -> None:
    place.run("backup", str(tmp_path / "b"))
    before = place.everything()
    make_tenant(place.engine, "Third")
    with tenant_session(place.engine, _organization(place)) as session:
        tables.create(session, {"name": "Later", "columns": COLUMNS})
        session.commit()
    said = place.run("restore", str(tmp_path / "b"), code=1)
    assert "not empty (3 organizations" in said
    place.run("restore", str(tmp_path / "b"), "--replace")
    assert place.everything() == before
    names = set(sa.inspect(place.engine).get_table_names())
    assert len([name for name in names if name.startswith("ud_")]) == 1


def test_a_database_in_use_is_left_alone(place: Installation, tmp_path: Path) -> None:
    place.run("backup", str(tmp_path / "b"))
    with system_session(place.engine) as session:
        session.add(Lease(name="scheduler", owner="a:1", until=utcnow().replace(year=utcnow().year + 1)))
        session.commit()
    assert "Stop all its processes" in place.run("restore", str(tmp_path / "b"), "--replace", code=1)


def _cut(path: Path, to: Path) -> None:
    to.write_bytes(path.read_bytes()[:-200])


def _shortened(path: Path, to: Path) -> None:
    """A whole gzip file that lacks its last line."""
    every = _lines(path)
    with gzip.open(to, "wb") as out:
        out.writelines(every[:-1])


def _without_a_row(path: Path, to: Path) -> None:
    every = _lines(path)
    at = next(n for n, line in enumerate(every) if line.startswith(b'{"table":"users"')) + 1
    with gzip.open(to, "wb") as out:
        out.writelines([*every[:at], *every[at + 1 :]])


def _other(_path: Path, to: Path) -> None:
    to.write_bytes(gzip.compress(b'{"a": 1}\n'))


def _text(_path: Path, to: Path) -> None:
    to.write_text("hello")


@pytest.mark.parametrize("spoil", [_cut, _shortened, _without_a_row, _other, _text])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_file_changes_nothing(place: Installation, tmp_path: Path, spoil: Any) -> None:
    place.run("backup", str(tmp_path / "b"))
    spoil(tmp_path / "b", tmp_path / "spoiled")
    before = place.everything()
    said = place.run("restore", str(tmp_path / "spoiled"), "--replace", code=1)
    assert "backup" in said or "complete" in said
    assert "Traceback" not in said
    assert place.everything() == before


def test_a_restore_that_fails_in_the_middle_changes_nothing(place: Installation, tmp_path: Path) -> None:
    """Its rows contradict each other, which is found at the very end."""
    place.run("backup", str(tmp_path / "b"))
    every = _lines(tmp_path / "b")
    project = next(n for n, line in enumerate(every) if line.startswith(b'{"table":"projects"')) + 1
    row = orjson.loads(every[project])
    columns = list(orjson.loads(every[project - 1])["columns"])
    row[columns.index("organization_id")] = new_id()
    with gzip.open(tmp_path / "wrong", "wb") as out:
        out.writelines([*every[:project], orjson.dumps(row) + b"\n", *every[project + 1 :]])
    before = place.everything()
    assert "is inconsistent" in place.run("restore", str(tmp_path / "wrong"), "--replace", code=1)
    assert place.everything() == before
    assert "ok     paused" in place.run("doctor", code=1)


def test_an_older_backup_is_brought_up_to_date(place: Installation, twin: Installation, tmp_path: Path) -> None:
    place.run("backup", str(tmp_path / "b"))
    every = _lines(tmp_path / "b")
    head = orjson.loads(every[0])
    with gzip.open(tmp_path / "older", "wb") as out:
        out.writelines(_as_of("0008", every, tmp_path, place.environ))
    assert "Restore into a new, empty database" in place.run("restore", str(tmp_path / "older"), "--replace", code=1)
    twin.run("restore", str(tmp_path / "older"))
    with twin.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == head["schema"]
    head["schema"] = "9999"
    with gzip.open(tmp_path / "newer", "wb") as out:
        out.writelines([orjson.dumps(head) + b"\n", *every[1:]])
    assert "newer release" in place.run("restore", str(tmp_path / "newer"), "--replace", code=1)


def _as_of(schema: str, every: list[bytes], folder: Path, environ: dict[str, str]) -> Iterator[bytes]:
    """The lines as a release with that schema would have written them: without later tables and columns."""
    url = f"sqlite:///{folder}/old.db"
    argv = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", schema]
    subprocess.run(argv, cwd=ROOT, env=environ | {"DATABASE_URL": url}, check=True, capture_output=True)
    engine = sa.create_engine(url)
    known = {
        name: {c["name"] for c in sa.inspect(engine).get_columns(name)} for name in sa.inspect(engine).get_table_names()
    }
    engine.dispose()
    kept: list[bool] = []  # of the columns of the table that is read; empty: the whole table is left out
    for value in map(orjson.loads, every):
        if isinstance(value, list):
            found: Any = [cell for cell, keep in zip(value, kept, strict=True) if keep] if kept else None
        elif "table" in value:
            columns, name = value["columns"], value["table"]
            there = known.get(name, set(columns) if name.startswith("ud_") else set())
            kept = [column in there for column in columns] if there else []
            found = value | {"columns": {column: kind for column, kind in columns.items() if column in there}}
            found = found if kept else None
        elif "end" in value:
            found = value if kept else None
        elif value.get("complete"):
            rows = {name: n for name, n in value["rows"].items() if name in known or name.startswith("ud_")}
            found = value | {"rows": rows}
        else:
            found = value | {"schema": schema}
        if found is not None:
            yield orjson.dumps(found) + b"\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_there_is_no_such_file(place: Installation, tmp_path: Path) -> None:
    assert "There is no file" in place.run("restore", str(tmp_path / "nothing"), code=1)
