"""The connector `database` with SQLite files of a folder that the installation offers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, IntegrationHandle, open_integration
from flowapp.connectors.database import sqlite_work
from flowapp.connectors.database.sqlite_work import Job, LostError
from flowapp.errors import StepError
from flowapp.integrations.service import check
from flowapp.security.addresses import Guard
from flowapp.security.database_files import DatabaseFiles
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench

TABLE = """
    CREATE TABLE customers (
        id INTEGER PRIMARY KEY, name TEXT UNIQUE, city TEXT DEFAULT 'Paris', amount REAL, "100% ""odd"" name" TEXT, raw BLOB
    )
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "offered"
    made.mkdir()
    return made


@pytest.fixture
def admin(folder: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(folder / "shop.db", isolation_level=None)
    connection.execute(TABLE)
    connection.executemany("INSERT INTO customers (id, name) VALUES (?, ?)", [(i, f"Name {i}") for i in range(1, 6)])
    yield connection
    connection.close()


def account(**config: Any) -> IntegrationHandle:
    return open_integration(
        "database", id="1", name="Shop", config={"kind": "sqlite", "database": "shop.db", **config}, credentials={}
    )


def bench(folder: Path | str, own: tuple[str, ...] = (), **config: Any) -> Bench:
    reach = Guard(files=DatabaseFiles(str(folder), own))
    return Bench(integrations={"database": account(**config)}, database_file=reach.database_file)


@pytest.fixture
def run(admin: sqlite3.Connection, folder: Path) -> Bench:
    del admin  # the tables are there
    return bench(folder)


@pytest.fixture
def change(admin: sqlite3.Connection, folder: Path) -> Bench:
    """The same, and it may write."""
    del admin
    return bench(folder, allow_changes=True)


def fails(run: Bench, action: str, told: str, **params: Any) -> StepError:
    with pytest.raises(StepError, match=told) as caught:
        run(f"database_{action}", **params)
    return caught.value


def rows(admin: sqlite3.Connection, query: str = "SELECT id, name, city FROM customers ORDER BY id") -> list[Any]:
    return admin.execute(query).fetchall()


def test_rows_are_read_with_parameters(run: Bench) -> None:
    query = "SELECT id, name FROM customers WHERE id IN :ids AND name LIKE '{{ input.begin }}%' ORDER BY id; -- :end"
    done: Any = run("database_run_query", {"begin": "Name"}, query=query, params={"ids": [2, 3, 9]})
    first = {"id": 2, "name": "Name 2"}
    assert done.result == {
        "results": [first, {"id": 3, "name": "Name 3"}],
        "count": 2,
        "truncated": False,
        "first": first,
    }
    assert run.used == ["1"], "each call is counted"
    none: Any = run("database_run_query", query="SELECT id FROM customers WHERE id IN :ids", params={"ids": []})
    assert none.result["count"] == 0


def test_values_are_json(change: Bench) -> None:
    new = {"id": 9, "amount": 12.5, "name": {"a": [1]}, "raw": "é", "city": None}
    change("database_insert_rows", table="customers", rows=new)
    query = """SELECT amount, name, CAST(raw AS BLOB) AS raw, NULL AS n, '50 % :x' AS t, ":y" AS t, [id], 9e999 AS inf,
               :o ->> 'a' AS a, `city` FROM customers WHERE id = 9"""
    done: Any = change("database_run_query", query=query, params={"o": {"a": "b"}})
    assert done.result["first"] == {
        "amount": 12.5, "name": '{"a":[1]}', "raw": "w6k=", "n": None, "t": "50 % :x", "t_2": ":y", "id": 9, "inf": "inf",
        "a": "b", "city": None,
    }  # fmt: skip


@pytest.mark.parametrize("evil", ["x' OR true; DROP TABLE customers; --", '"', "%s %(x)s", "\\"])
def test_a_value_or_a_name_never_becomes_sql(change: Bench, admin: sqlite3.Connection, evil: str) -> None:
    for query in ("name = {{ input }}", "name = '{{ input }}'", "name = :name"):
        params = {"name": evil} if ":name" in query else {}
        done: Any = change("database_run_query", evil, query=f"SELECT * FROM customers WHERE {query}", params=params)
        assert done.result["results"] == []
    change("database_insert_rows", table="customers", rows={"id": 9, "name": evil})
    assert rows(admin)[-1] == (9, evil, "Paris")
    assert fails(change, "insert_rows", "no such table", table=evil, rows={"id": 8}).permanent
    assert fails(change, "insert_rows", "no column named", table="customers", rows={evil: 8}).permanent
    change("database_insert_rows", table="main.customers", rows={"id": 8, '100% "odd" name': "odd"})
    assert rows(admin, """SELECT "100% ""odd"" name" FROM customers WHERE id = 8""") == [("odd",)]


def test_rows_are_inserted_all_or_none(change: Bench, admin: sqlite3.Connection) -> None:
    done: Any = change("database_insert_rows", table="customers", rows=[{"id": 6, "name": "Zoë"}, {"id": 7, "city": "Rome"}])  # fmt: skip
    assert done.result == {"count": 2}
    assert rows(admin)[5:] == [(6, "Zoë", "Paris"), (7, None, "Rome")]
    assert fails(change, "insert_rows", "UNIQUE constraint", table="customers", rows=[{"id": 9}, {"id": 1}]).permanent
    assert len(rows(admin)) == 7


def test_rows_are_updated_or_inserted(change: Bench, admin: sqlite3.Connection) -> None:
    given = [{"id": 1, "name": "New"}, {"id": 6, "name": "Six"}, {"id": 6, "name": "Seis"}, {"id": 2}]
    done: Any = change("database_upsert_rows", table="customers", rows=given, match=["id"])
    assert done.result == {"count": 4}
    assert [one[1] for one in rows(admin)] == ["New", "Name 2", "Name 3", "Name 4", "Name 5", "Seis"]
    fails(change, "upsert_rows", "ON CONFLICT", table="customers", rows={"city": "x"}, match=["city"])


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM customers",
        "WITH x AS (SELECT 1) DELETE FROM customers",
        "/* select */ UPDATE customers SET name = 'x' RETURNING *",
        "EXPLAIN DELETE FROM customers",
        "CREATE TEMP TABLE x (a)",
        "VACUUM",
    ],
)
@pytest.mark.parametrize("allow_changes", [False, True])
def test_a_query_only_reads(run: Bench, admin: sqlite3.Connection, query: str, allow_changes: bool) -> None:
    run.integrations["database"] = account(allow_changes=allow_changes)
    assert fails(run, "run_query", "this step only reads", query=query).permanent
    assert len(rows(admin)) == 5


@pytest.mark.parametrize("action", ["insert_rows", "upsert_rows", "run_statement"])
def test_without_permission_nothing_is_written(run: Bench, admin: sqlite3.Connection, action: str) -> None:
    params: dict[str, Any] = {"table": "customers", "rows": {"id": 9}}
    params |= {"match": ["id"]} if action == "upsert_rows" else {}
    if action == "run_statement":
        params = {"query": "DELETE FROM customers"}
    assert fails(run, action, "Turn on “Allow changes”", **params).permanent
    assert len(rows(admin)) == 5


def test_a_statement_changes_rows(change: Bench, admin: sqlite3.Connection) -> None:
    def done(query: str, **params: Any) -> Any:
        return change("database_run_statement", query=query, params=params).result  # type: ignore[union-attr]

    assert done("UPDATE customers SET city = :c WHERE id < 3", c="Rome")["count"] == 2
    assert done("DELETE FROM customers WHERE id = 5 RETURNING id, name")["first"] == {"id": 5, "name": "Name 5"}
    assert done("CREATE TABLE extra AS SELECT id FROM customers")["results"] == []
    assert done("ALTER TABLE extra RENAME COLUMN id TO number")["results"] == []
    assert done("DROP TABLE extra")["count"] == 0
    assert [one[2] for one in rows(admin)] == ["Rome", "Rome", "Paris", "Paris"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("ATTACH DATABASE '{other}' AS other", "ATTACH"),
        ("VACUUM INTO '{other}'", "from within a transaction|ATTACH"),
        ("SELECT load_extension('{other}')", r"load_extension\(\)"),
        ("PRAGMA writable_schema = ON", "PRAGMA writable_schema"),
        ("PRAGMA journal_mode = OFF", "PRAGMA journal_mode"),
        ("PRAGMA user_version = 7", "PRAGMA user_version"),
        ("PRAGMA temp_store_directory = '/tmp'", "PRAGMA temp_store_directory"),
        ("COMMIT", "BEGIN, COMMIT"),
        ("SAVEPOINT x", "SAVEPOINT"),
        ("CREATE VIRTUAL TABLE x USING fts5(a)", "VIRTUAL TABLE"),
        ("CREATE TEMP TABLE x (a)", "TEMP"),
        ("UPDATE sqlite_master SET sql = 'x'", "may not be modified"),
        ("SELECT 1; DROP TABLE customers", "one statement only"),
    ],
)
def test_a_statement_reaches_nothing_but_its_file(
    change: Bench, admin: sqlite3.Connection, tmp_path: Path, query: str, told: str
) -> None:
    other = tmp_path / "other.db"
    assert fails(change, "run_statement", told, query=query.replace("{other}", str(other))).permanent
    assert not other.exists()
    assert len(rows(admin)) == 5


def test_what_shows_the_tables_may_be_asked(run: Bench) -> None:
    done: Any = run("database_run_query", query="PRAGMA table_info(customers)")
    assert [one["name"] for one in done.result["results"]][:2] == ["id", "name"]
    named: Any = run("database_run_query", query="SELECT name FROM pragma_table_info('customers') WHERE pk")
    assert named.result["first"] == {"name": "id"}
    assert fails(run, "run_query", "PRAGMA database_list", query="PRAGMA database_list").permanent


def test_more_rows_than_the_limit_are_told(run: Bench) -> None:
    run.integrations["database"] = account(row_limit=3)
    done: Any = run("database_run_query", query="SELECT value FROM json_each('[1, 2, 3, 4]')")
    assert ([row["value"] for row in done.result["results"]], done.result["truncated"]) == ([1, 2, 3], True)
    assert "more than 3 rows" in run.lines[0][1]


def test_a_change_that_returns_more_rows_than_the_limit_is_kept(change: Bench, admin: sqlite3.Connection) -> None:
    change.integrations["database"] = account(row_limit=3, allow_changes=True)
    done: Any = change("database_run_statement", query="DELETE FROM customers RETURNING id")
    assert (done.result["count"], done.result["truncated"]) == (3, True)
    assert rows(admin) == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT replace(hex(zeroblob(2 * 1024 * 1024)), '0', 'abc') AS x",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT hex(zeroblob(512 * 1024)) FROM n",
    ],
)
def test_what_is_too_large_is_refused(run: Bench, query: str) -> None:
    assert fails(run, "run_query", "larger than 8 MiB", query=query).permanent


def test_a_slow_statement_is_ended(run: Bench) -> None:
    run.integrations["database"] = account(timeout=1)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert not fails(run, "run_query", "took longer than 1 seconds", query=query).permanent


def test_a_file_that_is_locked_is_worth_a_retry(change: Bench, admin: sqlite3.Connection) -> None:
    change.integrations["database"] = account(timeout=1, allow_changes=True)
    admin.execute("BEGIN IMMEDIATE")
    assert not fails(change, "insert_rows", "is locked", table="customers", rows={"id": 9}).permanent


def test_a_change_is_not_kept_twice(admin: sqlite3.Connection, folder: Path) -> None:
    """A helper that was lost while it kept a change leaves no ticket: the next one keeps nothing."""
    job = Job(str(folder / "shop.db"), str(folder / "ticket"), 5, 10)
    with pytest.raises(LostError):
        sqlite_work.write(job, [("INSERT INTO customers (id) VALUES (?)", [9])])
    assert len(rows(admin)) == 5


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELECT FROM FROM", "syntax error"),
        ("SELECT :x", "there is no parameter of that name"),
        ("SELECT ?", "Binding 1 has no name"),
    ],
)
def test_faults_of_a_query_are_permanent(run: Bench, query: str, told: str) -> None:
    assert fails(run, "run_query", told, query=query).permanent


@pytest.mark.parametrize(
    "name", ["../shop.db", "/etc/passwd", "a/b.db", "..", ".", ".hidden", "x\\y", "a\0b", "a" * 300]
)
def test_only_a_name_in_the_folder_can_be_entered(run: Bench, name: str) -> None:
    given = {**account().config, "database": name}
    if not check(CONNECTORS["database"].config, given):
        run.integrations["database"] = account(database=name)
        assert fails(run, "run_query", "without a folder|There is no SQLite file", query="SELECT 1").permanent


def test_links_lead_nowhere_else(run: Bench, admin: sqlite3.Connection, folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "flowapp.db"
    os.link(folder / "shop.db", own)
    (folder / "out.db").symlink_to(own)
    (folder / "round.db").symlink_to(folder / "round.db")
    (folder / "within.db").symlink_to(folder / "shop.db")
    os.mkfifo(folder / "pipe.db")
    for name, told in (("out.db", "lies outside"), ("round.db", "no SQLite file"), ("pipe.db", "no SQLite file")):
        run.integrations["database"] = account(database=name)
        assert fails(run, "run_query", told, query="SELECT 1").permanent
    run.integrations["database"] = account(database="within.db")
    done: Any = run("database_run_query", query="SELECT count(*) AS n FROM customers")
    assert done.result["first"] == {"n": 5}
    ours = bench(folder, (str(own),))
    assert fails(ours, "run_query", "lies outside", query="SELECT 1").permanent


def test_what_is_no_database_is_told(run: Bench, folder: Path) -> None:
    (folder / "notes.txt").write_text("Notes " * 1000)
    run.integrations["database"] = account(database="notes.txt")
    assert fails(run, "run_query", "file is not a database", query="SELECT * FROM x").permanent


def test_an_installation_that_offers_none_says_so() -> None:
    assert fails(bench(""), "run_query", "FLOWAPP_SQLITE_FOLDER", query="SELECT 1").permanent
    assert fails(bench("/nowhere"), "run_query", "There is no SQLite file", query="SELECT 1").permanent


def test_what_a_server_needs_a_file_needs_not() -> None:
    spec = CONNECTORS["database"].config
    assert check(spec, {"kind": "sqlite", "database": "shop.db"}) == []
    missing = check(spec, {"kind": "mysql", "database": "shop"})
    assert {(one.path, str(one.message)) for one in missing} == {
        ("host", "This must not be empty."),
        ("username", "This must not be empty."),
    }


def test_the_connection_is_tested(admin: sqlite3.Connection, folder: Path) -> None:
    del admin
    spec, handle = CONNECTORS["database"], account()
    context = SimpleNamespace(http=SafeHttp(guard=Guard(files=DatabaseFiles(str(folder)))))
    told = str(spec.test(*spec.read(handle.config, handle.credentials), context))
    assert told.startswith("Connected to “shop.db” (SQLite 3.")
