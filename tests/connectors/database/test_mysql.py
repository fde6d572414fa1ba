"""The connector `database` at a real MariaDB, in `make test-all` (conftest.py)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, IntegrationHandle, open_integration
from flowapp.errors import EgressError, StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.connectors.database.conftest import PASSWORD, bench, named
from tests.connectors.odd import ODD
from tests.support.servers.certificates import Authority
from tests.support.servers.mariadb import MariaDb, running_mariadb

TABLE = """
    CREATE TABLE customers (
        id int PRIMARY KEY, name varchar(100), city varchar(100) DEFAULT 'Paris', amount decimal(20, 4), born date,
        raw varbinary(10), tags json, `100% ``odd`` name` text
    )
"""


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[MariaDb]:
    with running_mariadb(authority, "db.example.com") as running:
        yield running


@pytest.fixture
def admin(server: MariaDb) -> Iterator[Any]:
    with server.admin() as connection:
        cursor = connection.cursor()
        for statement in (
            "DROP DATABASE IF EXISTS flowapp_test",
            "CREATE DATABASE flowapp_test",
            "USE flowapp_test",
            TABLE,
            "INSERT INTO customers (id, name) VALUES (1, 'Name 1'), (2, 'Name 2'), (3, 'Name 3')",
            "CREATE OR REPLACE USER flowapp_test",
            f"SET PASSWORD FOR flowapp_test = PASSWORD('{PASSWORD}')",
            "GRANT ALL ON *.* TO flowapp_test",
        ):
            cursor.execute(statement)
        yield cursor


@pytest.fixture
def run(admin: Any, server: MariaDb) -> Bench:
    del admin  # the tables are there
    return bench(account(server))


@pytest.fixture
def change(admin: Any, server: MariaDb) -> Bench:
    """The same, and it may write."""
    del admin
    return bench(account(server, allow_changes=True))


def account(server: MariaDb, password: str = PASSWORD, **config: Any) -> IntegrationHandle:
    given = {
        "kind": "mysql", "host": "127.0.0.1", "port": server.port, "database": "flowapp_test",
        "username": "flowapp_test", "tls": "preferred", **config,
    }  # fmt: skip
    return open_integration("database", id="1", name="Shop", config=given, credentials={"password": password})


def fails(run: Bench, action: str, told: str, **params: Any) -> StepError:
    with pytest.raises(StepError, match=told) as caught:
        run(f"database_{action}", **params)
    assert PASSWORD not in str(caught.value.message)
    return caught.value


def rows(admin: Any, query: str = "SELECT id, name, city FROM customers ORDER BY id") -> list[Any]:
    admin.execute(query)
    return list(admin.fetchall())


def test_rows_are_read_with_parameters(run: Bench) -> None:
    query = "SELECT id, name FROM customers WHERE id IN :ids AND name LIKE '{{ input.begin }}%' ORDER BY id; # :end"
    done: Any = run("database_run_query", {"begin": "Name"}, query=query, params={"ids": [2, 3, 9]})
    first = {"id": 2, "name": "Name 2"}
    assert done.result == {
        "results": [first, {"id": 3, "name": "Name 3"}],
        "count": 2,
        "truncated": False,
        "first": first,
    }


def test_values_are_json(change: Bench) -> None:
    new = {"id": 9, "amount": "1234567890123456.1000", "born": "2026-01-02", "tags": {"a": [1]}, "raw": "é"}
    change("database_insert_rows", table="customers", rows=new)
    query = "SELECT amount, born, tags, raw, NULL AS n, '50 % \\' :x' AS t, \":y\" AS t FROM customers WHERE id = 9"
    done: Any = change("database_run_query", query=query)
    assert done.result["first"] == {
        "amount": "1234567890123456.1000", "born": "2026-01-02", "tags": '{"a":[1]}', "raw": "w6k=", "n": None,
        "t": "50 % ' :x", "t_2": ":y",
    }  # fmt: skip


@pytest.mark.parametrize("evil", ["x' OR true; DROP TABLE customers; -- ", "\\' OR 1=1 -- ", '\\" OR 1=1 # ', "\\"])
def test_a_value_never_becomes_sql(change: Bench, admin: Any, evil: str) -> None:
    for query in ("name = {{ input }}", "name = '{{ input }}'", "name = :name"):
        params = {"name": evil} if ":name" in query else {}
        done: Any = change("database_run_query", evil, query=f"SELECT * FROM customers WHERE {query}", params=params)
        assert done.result["results"] == []
    change("database_insert_rows", table="customers", rows={"id": 9, "name": evil})
    assert rows(admin)[-1] == (9, evil, "Paris")


def test_a_name_never_becomes_sql(change: Bench, admin: Any) -> None:
    error = fails(change, "insert_rows", "doesn't exist", table="customers` (id) VALUES (7); -- ", rows={"id": 8})
    assert error.permanent
    fails(change, "insert_rows", "Unknown column", table="customers", rows={"id`) VALUES (7) -- ": 8})
    change("database_insert_rows", table="flowapp_test.customers", rows={"id": 8, "100% `odd` name": "odd %s"})
    assert rows(admin, "SELECT `100% ``odd`` name` FROM customers WHERE id = 8") == [("odd %s",)]
    assert len(rows(admin)) == 4


def test_rows_are_inserted_all_or_none(change: Bench, admin: Any) -> None:
    done: Any = change(
        "database_insert_rows", table="customers", rows=[{"id": 6, "name": "Zoë"}, {"id": 7, "city": "Rome"}]
    )
    assert done.result == {"count": 2}
    assert rows(admin)[3:] == [(6, "Zoë", "Paris"), (7, None, "Rome")]
    assert fails(change, "insert_rows", "Duplicate entry", table="customers", rows=[{"id": 9}, {"id": 1}]).permanent
    assert len(rows(admin)) == 5


def test_rows_are_updated_or_inserted(change: Bench, admin: Any) -> None:
    given = [{"id": 1, "name": "New"}, {"id": 6, "name": "Six"}, {"id": 6, "name": "Seis"}, {"id": 2}]
    done: Any = change("database_upsert_rows", table="customers", rows=given, match=["id"])
    assert done.result == {"count": 4}
    assert [one[1] for one in rows(admin)] == ["New", "Name 2", "Name 3", "Seis"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("DELETE FROM customers", "this step only reads"),
        ("# select\nDROP TABLE customers", "this step only reads"),
        ("SET GLOBAL read_only = 0", "this step only reads"),
        ("SELECT * FROM customers INTO/**/OUTFILE '/tmp/x'", "this step only reads"),
        ("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "Comments that MySQL executes"),
        ("WITH x AS (SELECT 1 AS id) DELETE FROM customers", "syntax|only reads"),
        ("EXPLAIN DELETE FROM customers", "this step only reads"),
        ("SELECT 1; DROP TABLE customers", "one statement only"),
    ],
)
def test_without_permission_nothing_is_changed(run: Bench, admin: Any, query: str, told: str) -> None:
    assert fails(run, "run_query", told, query=query).permanent
    assert len(rows(admin)) == 3


def test_the_server_refuses_what_a_function_would_change(run: Bench, admin: Any) -> None:
    admin.execute("CREATE FUNCTION gone() RETURNS int BEGIN DELETE FROM customers; RETURN 1; END")
    assert fails(run, "run_query", "this step only reads", query="SELECT gone()").permanent
    assert len(rows(admin)) == 3


def test_a_wrong_kind_is_told_in_words(change: Bench) -> None:
    for name, value in ODD.items():
        for action, params in (
            ("run_query", {"query": "SELECT :a AS a", "params": {"a": value}}),
            ("insert_rows", {"table": "customers", "rows": {"id": 9, "name": value}}),
        ):
            try:
                change(f"database_{action}", **params)
            except StepError as error:
                assert error.permanent, (name, error.message)


@pytest.mark.parametrize("action", ["insert_rows", "upsert_rows"])
def test_without_permission_nothing_is_written(run: Bench, action: str) -> None:
    more = {"match": ["id"]} if action == "upsert_rows" else {}
    assert fails(run, action, "Turn on “Allow changes”", table="customers", rows={"id": 9}, **more).permanent


def test_a_statement_may_change_rows(change: Bench, admin: Any) -> None:
    done: Any = change(
        "database_run_statement", query="UPDATE customers SET city = :c WHERE id < 3", params={"c": "Rome"}
    )
    assert (done.result["count"], done.result["results"]) == (2, [])
    assert [one[2] for one in rows(admin)] == ["Rome", "Rome", "Paris"]


@pytest.mark.parametrize("action", ["run_query", "run_statement"])
def test_more_rows_than_the_limit_are_told(server: MariaDb, run: Bench, action: str) -> None:
    run.integrations["database"] = account(server, row_limit=3, allow_changes=True)
    done: Any = run(f"database_{action}", query="SELECT seq FROM seq_1_to_20000")
    assert ([row["seq"] for row in done.result["results"]], done.result["truncated"]) == ([1, 2, 3], True)
    assert "more than 3 rows" in run.lines[0][1]
    exact: Any = run("database_run_query", query="SELECT * FROM customers")
    assert exact.result["truncated"] is False


def test_what_is_too_large_is_refused(change: Bench) -> None:
    query = "SELECT REPEAT('x', 1024 * 1024) AS x FROM seq_1_to_9"
    for action in ("run_query", "run_statement"):
        assert fails(change, action, "larger than 8 MiB", query=query).permanent


def test_a_slow_statement_is_ended(server: MariaDb, run: Bench) -> None:
    run.integrations["database"] = account(server, timeout=1)
    assert not fails(run, "run_query", "took longer than 1 seconds", query="SELECT SLEEP(30)").permanent


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT * FROM nowhere", r"Table 'flowapp_test\.nowhere' doesn't exist"),
        ("SELECT FROM FROM", "error in your SQL syntax"),
        ("SELECT LOAD_FILE(:x)", "there is no parameter"),
    ],
)
def test_faults_of_a_query_are_permanent(run: Bench, query: str, told: str) -> None:
    assert fails(run, "run_query", told, query=query).permanent


def test_a_lost_connection_is_worth_a_retry(change: Bench) -> None:
    error = fails(change, "run_statement", "the connection was lost", query="KILL CONNECTION_ID()")
    assert not error.permanent
    assert error.details["uncertain"], "nobody knows whether something was changed"


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"password": "wrong"}, "Access denied for user 'flowapp_test'"),
        ({"database": "nowhere"}, "Unknown database 'nowhere'"),
    ],
)
def test_a_server_that_cannot_be_used(server: MariaDb, config: dict[str, Any], told: str) -> None:
    assert fails(bench(account(server, **config)), "run_query", told, query="SELECT 1").permanent


@pytest.mark.usefixtures("admin")
def test_a_certificate_of_a_private_authority(server: MariaDb, authority: Authority) -> None:
    for config in ({"tls": "required", "tls_ca": authority.pem}, {"tls": "preferred"}):
        run = bench(account(server, host="db.example.com", **config), resolve=named)
        done: Any = run("database_run_query", query="SHOW STATUS LIKE 'Ssl_cipher'")
        assert done.result["first"]["Value"].startswith("TLS_")


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"host": "other.example.com"}, "other.example.com"),
        ({"tls_ca": ""}, "certificate verify failed"),
        ({"tls_ca": Authority("Another").pem}, "certificate verify failed"),
        ({"tls_ca": "My authority"}, "is no certificate"),
    ],
)
def test_a_server_that_is_another_is_refused(
    server: MariaDb, authority: Authority, config: dict[str, Any], told: str
) -> None:
    given = {"host": "db.example.com", "tls": "required", "tls_ca": authority.pem, **config}
    assert fails(bench(account(server, **given), resolve=named), "run_query", told, query="SELECT 1").permanent


def test_private_hosts_are_refused(server: MariaDb) -> None:
    with pytest.raises(EgressError, match="is not public"):
        bench(account(server), "192.0.2.1")("database_run_query", query="SELECT 1")


@pytest.mark.usefixtures("admin")
def test_the_connection_is_tested(server: MariaDb) -> None:
    spec, handle = CONNECTORS["database"], account(server)
    told = spec.test(*spec.read(handle.config, handle.credentials), SimpleNamespace(http=SafeHttp(("127.0.0.1",))))
    assert str(told).startswith("Connected to “flowapp_test” (10.") or "MariaDB" in str(told)
