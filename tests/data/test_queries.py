"""Users' SQL: one dialect on both databases, and nothing but reading of the project's own tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from flowapp.data import records, tables
from flowapp.data.sql import queries
from flowapp.errors import StepError
from flowapp.models import DataTable, Project


@pytest.fixture
def orders(session, project):
    people = tables.create(session, {"name": "People", "columns": [{"label": "Name"}, {"label": "City"}]})
    table = tables.create(
        session,
        {
            "name": "Important data",
            "columns": [
                {"label": "Title"},
                {"label": "Qty", "type": "number"},
                {"label": "Paid", "type": "boolean"},
                {"label": "Day", "type": "date"},
                {"label": "Due", "type": "datetime"},
                {"label": "More", "type": "json"},
                {"label": "Person"},
            ],
        },
    )
    now = datetime.now(UTC)
    for name, city in (("Ann", "Paris"), ("Bob", "Lyon")):
        records.create(session, people, {"name": name, "city": city})
    for at, title in enumerate(("Été", "été_1", "Winter 100%", "x")):
        records.create(
            session,
            table,
            {
                "title": title, "qty": at + 1, "paid": at % 2 == 0, "day": f"2026-03-{at + 1:02}", "more": {"n": at},
                "due": now - timedelta(days=at), "person": "Ann" if at else None,
            },
        )  # fmt: skip
    session.commit()
    return table


@pytest.fixture
def ask(session, project, orders):
    available = session.scalars(select(DataTable)).all()

    def run(sql, limit=1000, timeout=5.0, **params):
        return queries.run(session, available, sql, params, limit=limit, timeout=timeout)

    return run


def titles(rows):
    return [row["title"] for row in rows]


def test_the_query_of_the_specification(ask, session, orders):
    rows = ask("SELECT * FROM important_data WHERE updated_at >= NOW() - INTERVAL '1 day'")
    assert titles(rows) == ["Été", "été_1", "Winter 100%", "x"]
    assert list(rows[0]) == [
        "id", "title", "qty", "paid", "day", "due", "more", "person", "created_at", "updated_at",
    ]  # fmt: skip
    assert rows[0]["paid"] is True and rows[0]["qty"] == 1 and rows[0]["more"] == {"n": 0}
    assert rows[0]["day"] == "2026-03-01"
    assert rows[0]["updated_at"] == records.get(session, orders, rows[0]["id"])["updated_at"].isoformat()


@pytest.mark.parametrize(
    ("where", "params", "expected"),
    [
        ("due > NOW() - INTERVAL '36 hours'", {}, ["Été", "été_1"]),
        ("due + INTERVAL '1 day 12 hours' < CURRENT_TIMESTAMP", {}, ["Winter 100%", "x"]),
        ("due::date = CURRENT_DATE - INTERVAL '1 day'", {}, ["été_1"]),
        ("date_trunc('month', day) = '2026-03-01' AND extract(day FROM day) >= 3", {}, ["Winter 100%", "x"]),
        ("day BETWEEN :a AND :b", {"a": "2026-03-02", "b": "2026-03-03"}, ["été_1", "Winter 100%"]),
        ("title ILIKE 'WINTER%'", {}, ["Winter 100%"]),
        ("title LIKE 'été\\_%'", {}, ["été_1"]),
        ("title LIKE '%100\\%'", {}, ["Winter 100%"]),
        ("title = :t", {"t": "'; DROP TABLE users; --"}, []),
        ("qty / 2 > 1.4 AND qty % 2 = 1", {}, ["Winter 100%"]),
        ("qty IN (:ids)", {"ids": [1, 4]}, ["Été", "x"]),
        ("qty IN (:ids)", {"ids": []}, []),
        ("paid AND NOT paid = FALSE AND qty <> 3", {}, ["Été"]),
        ("person IS DISTINCT FROM 'Ann'", {}, ["Été"]),
        ("qty::text = '2' OR CAST('2026-03-04' AS date) = day", {}, ["été_1", "x"]),
        ("'a %(x)s :y' = 'a %(x)s :y' AND qty = :q", {"q": 1}, ["Été"]),
        ("EXISTS (SELECT 1 FROM people p WHERE p.name = person AND p.city = 'Paris') AND qty > 2", {}, ["Winter 100%", "x"]),
        ("greatest(qty, 3) = 3 AND coalesce(person, '') = '' ", {}, ["Été"]),
    ],
)  # fmt: skip
def test_both_databases_read_postgresql(ask, where, params, expected):
    assert titles(ask(f'SELECT title FROM "Important data" i WHERE {where} ORDER BY qty', **params)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "WITH a AS (SELECT person, sum(qty) AS total FROM important_data GROUP BY person) SELECT p.city, a.total FROM a JOIN people p ON p.name = a.person",
            [{"city": "Paris", "total": 9}],
        ),
        ("SELECT name FROM people UNION SELECT city FROM people ORDER BY name LIMIT 2", [{"name": "Ann"}, {"name": "Bob"}]),
        ("SELECT count(*) AS n, max(due) IS NULL AS none FROM important_data", [{"n": 4, "none": False}]),
        ("SELECT title, row_number() OVER (ORDER BY qty DESC) AS place FROM important_data ORDER BY place LIMIT 1",
         [{"title": "x", "place": 1}]),
        ("SELECT CASE WHEN qty > 3 THEN 'many' ELSE lower('FEW') END AS word FROM important_data WHERE qty >= 3 ORDER BY qty",
         [{"word": "few"}, {"word": "many"}]),
        ("SELECT date_trunc('week', '2026-03-05'::timestamp) AS w", [{"w": "2026-03-02T00:00:00+00:00"}]),
        ("SELECT title FROM (SELECT * FROM important_data) t ORDER BY person NULLS FIRST LIMIT 1", [{"title": "Été"}]),
        ("SELECT string_agg(name, ', ') AS names FROM people", [{"names": "Ann, Bob"}]),
        ("SELECT avg(qty) AS a, round(avg(qty), 1) AS r FROM important_data", [{"a": 2.5, "r": 2.5}]),
    ],
)  # fmt: skip
def test_shapes_of_queries(ask, sql, expected):
    assert ask(sql) == expected


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM people", "Only SELECT"),
        ("DROP TABLE people", "Only SELECT"),
        ("INSERT INTO people (name) VALUES ('x')", "Only SELECT"),
        ("UPDATE people SET name = 'x'", "Only SELECT"),
        ("COPY people TO '/tmp/x'", "Only SELECT"),
        ("EXPLAIN SELECT 1", "Only SELECT"),
        ("VALUES (1)", "Only SELECT"),
        ("", "exactly one SELECT"),
        ("SELECT 1; SELECT 2", "exactly one SELECT"),
        ("SELECT 1; DROP TABLE people", "exactly one SELECT"),
        ("SELEC * FRM people", "Only SELECT|cannot be read"),
        ("SELECT * FROM people WHERE (", "cannot be read"),
        ("SELECT * FROM people FOR UPDATE", "cannot be used"),
        ("SELECT * INTO x FROM people", "cannot be used"),
        ("WITH d AS (DELETE FROM people RETURNING *) SELECT * FROM d", "cannot be used"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r", "cannot be used"),
        ("SELECT pg_sleep(1)", r"pg_sleep\(\) cannot be used"),
        ("SELECT pg_read_file('/etc/passwd')", "cannot be used"),
        ("SELECT set_config('flowapp.organization', 'system', false)", "cannot be used"),
        ("SELECT current_setting('x')", "cannot be used"),
        ("SELECT lo_import('/etc/passwd')", "cannot be used"),
        ("SELECT * FROM dblink('x', 'y') AS t(a int)", "cannot be used"),
        ("SELECT * FROM generate_series(1, 1000000000)", "cannot be used"),
        ("SELECT repeat('x', 1000000000)", "cannot be used"),
        ("SELECT load_extension('x')", "cannot be used"),
        ("SELECT current_user", "cannot be used"),
        ("SELECT 'x'::regclass", "cannot be used"),
        ("SELECT E'a\\'b'", "cannot be used"),
        ("SELECT * FROM people, LATERAL (SELECT 1) x", "cannot be used"),
        ("SELECT * FROM people TABLESAMPLE SYSTEM (1)", "cannot be used"),
        ("SELECT * FROM pg_catalog.pg_user", "cannot be used"),
        ("SELECT * FROM pg_user", "no data table “pg_user”"),
        ("SELECT * FROM sqlite_master", "no data table “sqlite_master”"),
        ("SELECT * FROM users", "no data table “users”"),
        ("SELECT * FROM peple", "no data table “peple”.*Did you mean “people”"),
        ("SELECT x.* FROM users, (WITH users AS (SELECT 1 AS a) SELECT * FROM users) x", "refused|understood|column"),
        ("SELECT naem FROM people", "no column “naem” in people.*Did you mean “name”"),
        ("SELECT source_key FROM people", "no column “source_key”"),
        ("SELECT organization_id FROM people", "no column “organization_id”"),
        ("SELECT ctid FROM people", "no column “ctid”"),
        ("SELECT p.* FROM people p, people q WHERE q.rowid = 1", "no column “rowid”"),
        ("SELECT name, name FROM people", "Two columns"),
        ("SELECT * FROM people WHERE name = :who", "asks for :who"),
        ("SELECT * FROM people LIMIT :bad", "LIMIT must be"),
        ("SELECT * FROM people LIMIT 1 + 1", "LIMIT must be"),
        ("SELECT now() - INTERVAL 'soon'", "is not supported"),
        ("SELECT * FROM people WHERE name = :many", "single value"),
        ("SELECT name FROM people WHERE created_at > 'soon'", "refused"),
        (
            "SELECT title FROM important_data WHERE qty < :huge",
            "“huge” is too large: a whole number can have at most 64 bits",
        ),
        ("SELECT title FROM important_data WHERE qty IN (:tiny)", "“tiny” is too large"),
    ],
)
def test_what_cannot_be_asked_is_said(ask, session, sql, message):
    with pytest.raises(StepError, match=message) as caught:
        ask(sql, bad="x", many=[1, 2], huge=2**63, tiny=[1, -(2**63) - 1])
    assert caught.value.permanent
    assert len(ask("SELECT name FROM people")) == 2  # the transaction goes on


def test_no_answer_is_longer_than_the_limit(ask):
    assert len(ask("SELECT title FROM important_data", limit=2)) == 2
    assert len(ask("SELECT title FROM important_data LIMIT 3", limit=2)) == 2
    assert len(ask("SELECT title FROM important_data LIMIT :n OFFSET 3", n=3)) == 1


def test_a_query_that_takes_too_long_is_ended(ask, session, orders):
    records.insert(session, orders, [{"title": f"t{n}", "qty": n} for n in range(300)])
    session.commit()
    cross = ", ".join(f"important_data t{n}" for n in range(4))
    with pytest.raises(StepError, match=r"took longer than 0\.2 seconds"):
        ask(f"SELECT count(*) AS n FROM {cross} WHERE t0.qty + t1.qty + t2.qty + t3.qty = -1", timeout=0.2)
    assert ask("SELECT count(*) AS n FROM important_data") == [{"n": 304}]


def test_another_projects_table_is_not_found(session, project, ask):
    other = Project(name="Other", slug="other")
    session.add(other)
    session.flush()
    secret = tables.create(session, {"name": "Secret", "columns": [{"label": "a"}]}, project_id=other.id)
    with pytest.raises(StepError, match="no data table “secret”"):
        ask("SELECT * FROM secret")
    with pytest.raises(StepError, match="no data table"):
        ask(f"SELECT * FROM {secret.physical_name}")


def test_a_later_cte_never_uncovers_a_system_table(ask):
    """PostgreSQL finds no such relation; SQLite lets an earlier CTE see a later one."""
    try:
        rows = ask("WITH a AS (SELECT * FROM pg_user), pg_user AS (SELECT 1 AS x) SELECT * FROM a")
    except StepError:
        return
    assert rows == [{"x": 1}]
