"""The connector `database` at a real PostgreSQL."""

from __future__ import annotations

import re
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from flowapp.catalog import ACTIONS, CONNECTORS, integration_action
from flowapp.errors import EgressError, StepError
from flowapp.integrations.service import check
from flowapp.security.addresses import Guard
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench, FreeCalls
from tests.connectors.database.conftest import PASSWORD, account, bench, named
from tests.connectors.odd import ODD
from tests.support.servers.certificates import Authority
from tests.support.servers.postgres import Cluster


def fails(run: Bench, action: str, told: str, **params: Any) -> StepError:
    with pytest.raises(StepError, match=told) as caught:
        run(f"database_{action}", **params)
    assert PASSWORD not in str(caught.value.message)
    return caught.value


def rows(admin: psycopg.Connection, query: Any = "SELECT id, name, city FROM customers ORDER BY id") -> list[Any]:
    return admin.execute(query).fetchall()


def test_rows_are_read_with_parameters(run: Bench) -> None:
    done: Any = run(
        "database_run_query",
        {"least": 4},
        query="SELECT id, name FROM customers WHERE id >= {{ input.least }} AND name LIKE :like ORDER BY id;",
        params={"like": "Name%"},
    )
    first = {"id": 4, "name": "Name 4"}
    assert done.result == {
        "results": [first, {"id": 5, "name": "Name 5"}],
        "count": 2,
        "truncated": False,
        "first": first,
    }
    assert run.used == ["1"], "each call is counted"


def test_values_are_json(run: Bench) -> None:
    query = r"""
        SELECT 12345678901234567890.10::numeric AS d, date '2026-01-02' AS day, timestamptz '2026-01-02 03:04:05+00' AS at,
               '\x00ff'::bytea AS raw, '{"n": 12345678901234567890}'::jsonb AS j, array[1, 2] AS l, null AS n,
               'NaN'::float AS nan, '50 % :x'::text AS t, $$ :y $$ AS t, 1 AS "a%b", true AS b, time '01:02' AS clock
    """  # ::text and the names in quotes are no parameters
    done: Any = run("database_run_query", query=query)
    assert done.result["first"] == {
        "d": "12345678901234567890.10", "day": "2026-01-02", "at": "2026-01-02T03:04:05+00:00", "raw": "AP8=",
        "j": {"n": 12345678901234567890}, "l": [1, 2], "n": None, "nan": "nan", "t": "50 % :x", "t_2": " :y ", "a%b": 1,
        "b": True, "clock": "01:02:00",
    }  # fmt: skip


def test_lists_and_objects_are_bound(run: Bench) -> None:
    query = "SELECT array_agg(id ORDER BY id) AS ids, :o ->> 'a' AS a FROM customers WHERE id = ANY(:ids)"
    done: Any = run("database_run_query", query=query, params={"ids": [2, 3, 9], "o": {"a": "b"}})
    assert done.result["first"] == {"ids": [2, 3], "a": "b"}


def test_a_value_never_becomes_sql(change: Bench, admin: psycopg.Connection) -> None:
    evil = "x' OR true; DROP TABLE customers; --"
    for query in (
        "SELECT * FROM customers WHERE name = {{ input }}",
        "SELECT * FROM customers WHERE name = '{{ input }}'",
        "SELECT * FROM customers WHERE name = :name",
    ):
        params = {"name": evil} if ":name" in query else {}
        done: Any = change("database_run_query", evil, query=query, params=params)
        assert done.result["results"] == []
    change("database_insert_rows", table="customers", rows={"id": 9, "name": evil})
    assert rows(admin)[-1] == (9, evil, "Paris")


def test_a_name_never_becomes_sql(change: Bench, admin: psycopg.Connection) -> None:
    error = fails(change, "insert_rows", "does not exist", table='customers" (id) VALUES (7); --', rows={"id": 8})
    assert error.permanent
    fails(change, "insert_rows", "does not exist", table="customers", rows={'id") VALUES (7) --': 8})
    fails(
        change, "upsert_rows", "does not exist", table="customers", rows={"id": 8, 'x") --': 1}, match=["id", 'x") --']
    )
    fails(change, "insert_rows", "A name of a table or column is empty", table="customers", rows={"id\0": 8})
    change("database_insert_rows", table="public.customers", rows={"id": 8, '100% "odd" name': "odd"})
    assert rows(admin, """SELECT "100% ""odd"" name" FROM customers WHERE id = 8""") == [("odd",)]
    assert len(rows(admin)) == 6


def test_rows_are_inserted_all_or_none(change: Bench, admin: psycopg.Connection) -> None:
    new = [
        {"id": 6, "name": "Zoë", "tags": [{"a": 1}]},
        {"id": 7, "name": "Max", "tags": None},
        {"id": 8, "city": "Rome"},
    ]
    done: Any = change("database_insert_rows", table="customers", rows=new)
    assert done.result == {"count": 3}
    assert rows(admin)[5:] == [(6, "Zoë", "Paris"), (7, "Max", "Paris"), (8, None, "Rome")]
    assert rows(admin, "SELECT tags FROM customers WHERE id = 6") == [([{"a": 1}],)]
    error = fails(change, "insert_rows", "duplicate key", table="customers", rows=[{"id": 9}, {"id": 1}])
    assert error.permanent
    assert len(rows(admin)) == 8


def test_rows_are_updated_or_inserted(change: Bench, admin: psycopg.Connection) -> None:
    given = [{"id": 1, "name": "New"}, {"id": 6, "name": "Six"}, {"id": 6, "name": "Seis"}, {"id": 2}]
    done: Any = change("database_upsert_rows", table="customers", rows=given, match=["id"])
    assert done.result == {"count": 4}
    assert [rows(admin)[at][:2] for at in (0, 1, 5)] == [(1, "New"), (2, "Name 2"), (6, "Seis")]
    fails(
        change,
        "upsert_rows",
        "no unique or exclusion constraint",
        table="customers",
        rows={"name": "x"},
        match=["name"],
    )
    fails(
        change,
        "upsert_rows",
        "A row does not name the column “id”",
        table="customers",
        rows={"name": "x"},
        match=["id"],
    )


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM customers",
        "/* select */ -- select\n UPDATE customers SET name = 'x'",
        "WITH gone AS (DELETE FROM customers RETURNING id) SELECT * FROM gone",
        "SELECT set_config('transaction_read_only', 'off', true), lo_create(77)",
        "EXPLAIN ANALYZE DELETE FROM customers",
        "SET TRANSACTION READ WRITE",
        "COMMIT",
    ],
)
def test_without_permission_nothing_is_changed(run: Bench, admin: psycopg.Connection, query: str) -> None:
    error = fails(run, "run_query", "this step only reads|read-write mode must be set before", query=query)
    assert error.permanent
    assert len(rows(admin)) == 5


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


def test_a_statement_may_change_rows(change: Bench, admin: psycopg.Connection) -> None:
    done: Any = change(
        "database_run_statement", query="UPDATE customers SET city = :c WHERE id < 3", params={"c": "Rome"}
    )
    assert (done.result["count"], done.result["results"]) == (2, [])
    done = change("database_run_statement", query="DELETE FROM customers WHERE id = 5 RETURNING id, name")
    assert done.result["first"] == {"id": 5, "name": "Name 5"}
    assert len(rows(admin)) == 4
    fails(change, "run_statement", "Add RETURNING", query="WITH x AS (SELECT 1) DELETE FROM customers")
    assert len(rows(admin)) == 4, "it was taken back"


@pytest.mark.parametrize("action", ["run_query", "run_statement"])
def test_more_rows_than_the_limit_are_told(server: Cluster, run: Bench, action: str) -> None:
    run.integrations["database"] = account(server, row_limit=3, allow_changes=True)
    query = "SELECT i, :text::text AS t FROM generate_series(1, 20000) i"
    done: Any = run(f"database_{action}", query=query, params={"text": "%"})
    assert ([row["i"] for row in done.result["results"]], done.result["truncated"]) == ([1, 2, 3], True)
    assert done.result["count"] == 3
    assert run.lines[0][0] == "warning"
    assert "more than 3 rows" in run.lines[0][1]
    exact: Any = run("database_run_query", query="SELECT * FROM customers LIMIT 3")
    assert exact.result["truncated"] is False


def test_a_limit_does_not_end_a_change_half_way(server: Cluster, change: Bench, admin: psycopg.Connection) -> None:
    change.integrations["database"] = account(server, row_limit=1, allow_changes=True)
    change(
        "database_run_statement", query="WITH u AS (UPDATE customers SET city = 'Rome' RETURNING id) SELECT * FROM u"
    )
    assert {city for _, _, city in rows(admin)} == {"Rome"}


@pytest.mark.parametrize("action", ["run_query", "run_statement"])
def test_what_is_too_large_is_refused_and_undone(change: Bench, admin: psycopg.Connection, action: str) -> None:
    many = "SELECT repeat('x', 1024 * 1024) AS x FROM generate_series(1, 9)"
    assert fails(change, action, "larger than 8 MiB", query=many).permanent
    query = "UPDATE customers SET name = repeat('x', 2 * 1024 * 1024) RETURNING *"
    assert fails(change, "run_statement", "larger than 8 MiB", query=query).permanent
    assert rows(admin)[0] == (1, "Name 1", "Paris")


def test_a_slow_statement_is_ended(server: Cluster, run: Bench) -> None:
    run.integrations["database"] = account(server, timeout=1)
    error = fails(run, "run_query", "took longer than 1 seconds", query="SELECT pg_sleep(30)")
    assert not error.permanent


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT 1; DELETE FROM customers", "one statement only"),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELEC 1", "this step only reads"),
        ("SELECT FROM FROM", "syntax error"),
        ("SELECT :x", "there is no parameter of that name"),
        (" -- nothing", "Enter the query"),
        ('SELECT "{{ input }}"', "cannot be inserted between these quotes"),
        ("SELECT 1/0", "division by zero"),
    ],
)
def test_faults_of_a_query_are_permanent(run: Bench, query: str, told: str) -> None:
    assert fails(run, "run_query", told, query=query).permanent


def test_a_parameter_that_nothing_uses_is_told(run: Bench) -> None:
    assert fails(run, "run_query", "does not use the parameter “:x”", query="SELECT 1", params={"x": 1}).permanent


def test_a_lost_connection_is_worth_a_retry(change: Bench, admin: psycopg.Connection) -> None:
    admin.execute("RESET ROLE")
    admin.execute("GRANT pg_signal_backend TO shop")
    error = fails(change, "run_statement", "lost|terminat", query="SELECT pg_terminate_backend(pg_backend_pid())")
    assert not error.permanent
    assert error.details["uncertain"], "nobody knows whether something was changed"


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("config", "told", "permanent"),
    [
        ({"password": "wrong"}, "password authentication failed", True),
        ({"password": ""}, "password authentication failed", True),
        ({"database": "nowhere"}, 'database "nowhere" does not exist', True),
        ({"tls": "required"}, "server does not support SSL", True),
        ({"port": 70000}, "between 1 and 65535", True),
    ],
)
def test_a_server_that_cannot_be_used(server: Cluster, config: dict[str, Any], told: str, permanent: bool) -> None:
    error = fails(bench(account(server, **config)), "run_query", told, query="SELECT 1")
    assert error.permanent is permanent


def test_a_server_that_is_not_there(server: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        run = bench(account(server, port=taken.getsockname()[1]))
        assert not fails(run, "run_query", "refused", query="SELECT 1").permanent


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "2130706433"])
def test_private_hosts_are_refused(server: Cluster, host: str) -> None:
    for kind in ("postgresql", "mysql"):
        run = bench(account(server, host=host, kind=kind), "192.0.2.1")
        with pytest.raises(EgressError, match="is not public"):
            run("database_run_query", query="SELECT 1")


def test_the_judged_address_is_the_one_that_is_used(server: Cluster, run: Bench) -> None:
    """A name that leads elsewhere at the second look-up gains nothing: the driver looks nothing up."""
    answers = iter([["127.0.0.1"]])
    guard = Guard(("127.0.0.1",), resolve=lambda _host, _port: next(answers))
    run.addresses = guard.addresses
    run.integrations["database"] = account(server, host="db.example.com")
    done: Any = run("database_run_query", query="SELECT 1 AS one")
    assert done.result["first"] == {"one": 1}


@pytest.mark.parametrize(
    "config",
    [
        {"host": "/var/run/postgresql"},
        {"host": "@abstract"},
        {"host": "a,b"},
        {"host": "host=x dbname=y"},
        {"host": "postgresql://x/y"},
        {"host": ""},
        {"database": "host=/tmp dbname=x"},
        {"database": "postgresql://x/y"},
    ],
)
def test_only_one_host_by_name_can_be_entered(server: Cluster, config: dict[str, str]) -> None:
    given = {**account(server).config, **config}
    assert [problem.path for problem in check(CONNECTORS["database"].config, given)] == [*config]
    with pytest.raises(StepError, match="cannot be used"):
        account(server, **config)


def test_the_environment_does_not_steer_the_connection(run: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "192.0.2.1")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=off")
    done: Any = run("database_run_query", query="SELECT current_setting('transaction_read_only') AS ro")
    assert done.result["first"] == {"ro": "on"}


@pytest.mark.parametrize("host", ["db.example.com", "127.0.0.1"])
def test_a_certificate_of_a_private_authority(encrypted: Cluster, authority: Authority, host: str) -> None:
    run = bench(account(encrypted, host=host, tls="required", tls_ca=f"\n{authority.pem}\n"), resolve=named)
    done: Any = run("database_run_query", query="SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert done.result["first"] == {"ssl": True}
    assert list(Path(tempfile.gettempdir()).glob("flowapp-*.pem")) == []


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"host": "other.example.com"}, 'does not match host name "other.example.com"'),
        ({"tls_ca": ""}, "certificate verify failed"),
        ({"tls_ca": Authority("Another").pem}, "certificate verify failed"),
        ({"tls_ca": "My authority"}, "is no certificate"),
        ({"tls_ca": "-----BEGIN CERTIFICATE-----\nétoile\n-----END CERTIFICATE-----"}, "is no certificate"),
    ],
)
def test_a_server_that_is_another_is_refused(
    encrypted: Cluster, authority: Authority, config: dict[str, Any], told: str
) -> None:
    given = {"host": "db.example.com", "tls": "required", "tls_ca": authority.pem, **config}
    assert fails(bench(account(encrypted, **given), resolve=named), "run_query", told, query="SELECT 1").permanent


def test_encryption_where_it_is_offered(encrypted: Cluster) -> None:
    run = bench(account(encrypted, tls="preferred"))
    done: Any = run("database_run_query", query="SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert done.result["first"] == {"ssl": True}


@pytest.mark.usefixtures("admin")
def test_the_connection_is_tested(server: Cluster) -> None:
    spec, handle = CONNECTORS["database"], account(server)
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))
    told = str(spec.test(*spec.read(handle.config, handle.credentials), context))
    assert re.fullmatch(r"Connected to “shop” \(PostgreSQL [\d.]+\)\.", told)
    with pytest.raises(StepError, match="password authentication failed"):
        spec.test(*spec.read(handle.config, {"password": "x"}), context)


def test_the_password_goes_to_this_server_only(server: Cluster) -> None:
    """Another host, kind or encryption asks for it again; a limit does not."""
    spec, config = CONNECTORS["database"], account(server).config
    before = spec.destination(spec.config.model_validate(config))
    changed = [{"host": "db.example.com"}, {"port": 1}, {"kind": "mysql"}, {"tls": "required"}, {"tls_ca": "x"}]
    assert all(spec.destination(spec.config.model_validate({**config, **one})) != before for one in changed)
    assert spec.destination(spec.config.model_validate({**config, "allow_changes": True})) == before


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("", "run_query"),
        ("query", "run_query"),
        ("execute", "run_statement"),
        ("insert", "insert_rows"),
        ("Upsert", "upsert_rows"),
    ],
)
def test_the_names_of_its_actions(name: str, meant: str) -> None:
    assert integration_action(CONNECTORS["database"], name).type == f"database_{meant}"
    assert ACTIONS["database_query"].home == "", "the step type of that name stays what it is"


def test_the_integration_is_called_by_name(run: Bench) -> None:
    run.integrations["1"] = run.integrations["postgresql"] = run.integrations["database"]
    query = "SELECT name FROM customers WHERE id = {{ input.id }}"
    done: Any = run("integration_call", {"id": 2}, integration="postgresql", action="query", params={"query": query})
    assert done.result["first"] == {"name": "Name 2"}


def test_a_simulation_reaches_nothing(server: Cluster) -> None:
    run = bench(account(server, host="192.0.2.1", allow_changes=True))
    run.connect = run.addresses = run.database_file = None
    run.calls = FreeCalls(assumed=True)
    for name, params in (
        ("run_query", {"query": "SELECT 1"}),
        ("run_statement", {"query": "DELETE FROM t"}),
        ("insert_rows", {"table": "t", "rows": {"a": 1}}),
        ("upsert_rows", {"table": "t", "rows": {"a": 1}, "match": ["a"]}),
    ):
        done: Any = run(f"database_{name}", **params)
        assert done.result == ACTIONS[f"database_{name}"].sample
