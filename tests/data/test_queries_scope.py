"""Users' SQL sees the columns that users see: no way of naming a row, or all of it, leads to ours."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from flowapp.data import records, tables
from flowapp.data.sql import queries
from flowapp.data.sql import text as sql_text
from flowapp.errors import StepError
from flowapp.models import DataTable

WHOLE_ROWS = (
    "SELECT people FROM people",
    'SELECT "people" FROM people',
    "SELECT p FROM people p",
    "SELECT p::text AS t FROM people p",
    "SELECT (p.*)::text AS t FROM people p",
    "SELECT count(people) AS n FROM people",
    "SELECT count(p.*) AS n FROM people p",
    "SELECT count(DISTINCT people) AS n FROM people",
    "SELECT max(p) AS m FROM people p",
    "SELECT string_agg(p::text, ',') AS t FROM people p",
    "SELECT lower(p) AS t FROM people p",
    "SELECT (p, 1) AS t FROM people p",
    "SELECT x FROM (SELECT * FROM people) x",
    "SELECT t.n FROM (SELECT p FROM people p) AS t(n)",
    "WITH w AS (SELECT * FROM people) SELECT w FROM w",
    "SELECT j FROM (people p JOIN orders o ON TRUE) AS j",
    "SELECT (SELECT p) AS t FROM people p",
    "SELECT (SELECT p FROM orders o LIMIT 1) AS t FROM people p",
    "SELECT name FROM people WHERE people IS NOT NULL",
    "SELECT name FROM people p WHERE p::text LIKE '%key of Ann%'",
    "SELECT name FROM people ORDER BY people",
    "SELECT name AS people FROM people ORDER BY people || ''",
    "SELECT count(*) AS n FROM people GROUP BY people",
    "SELECT DISTINCT ON (people) name FROM people",
    "SELECT row_number() OVER (ORDER BY p) AS t FROM people p",
    "SELECT name FROM people p WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = p::text)",
    "SELECT name FROM people UNION SELECT city FROM people ORDER BY people",
    "SELECT name.organization_id FROM people",
)
OTHER_WAYS = (
    ("SELECT row_to_json(people) AS j FROM people", r"row_to_json\(\) cannot be used"),
    ("SELECT to_jsonb(p) AS j FROM people p", r"to_jsonb\(\) cannot be used"),
    ("SELECT ROW(p) AS j FROM people p", r"row\(\) cannot be used"),
    ("SELECT ARRAY[p] AS j FROM people p", r"array\(\) cannot be used"),
    ("SELECT (p).source_key FROM people p", "cannot be used"),
    ("SELECT p::people AS x FROM people p", "cannot be used"),
    ("SELECT a.b.c FROM people", "cannot be used"),
    ("SELECT t.b FROM people AS t(a, b, c, d, e)", "cannot be used"),
    ("WITH w AS (SELECT * FROM people) SELECT t.b FROM w AS t(a, b, c, d, e)", "cannot be used"),
    ("SELECT pg_get_viewdef('x') AS v", "cannot be used"),
    ("SELECT p.name FROM people p JOIN orders o USING (source_key)", "Cannot automatically join: source_key"),
    ("SELECT p.name FROM people p JOIN orders o USING (organization_id)", "automatically join: organization_id"),
    ("SELECT p.xmin FROM people p", "no column “xmin”"),
    ("SELECT name FROM people ORDER BY source_key", "no column “source_key”"),
    ("SELECT x.organization_id FROM (SELECT * FROM people) x", "no column “organization_id”"),
    ("SELECT (SELECT people.organization_id) AS x FROM people", "no column “organization_id”"),
    ("SELECT title FROM orders WHERE person IN (SELECT organization_id FROM people)", "no column “organization_id”"),
)


@pytest.fixture
def ask(session, project):
    people = tables.create(session, {"name": "People", "columns": [{"label": "Name"}, {"label": "City"}]})
    orders = tables.create(session, {"name": "Orders", "columns": [{"label": "Title"}, {"label": "Person"}]})
    records.create(session, people, {"name": "Ann", "city": "Paris"})
    records.create(session, people, {"name": "Bob", "city": "Lyon"})
    records.create(session, orders, {"title": "Tea", "person": "Ann"})
    session.execute(text(f"UPDATE {people.physical_name} SET source_key = 'key of ' || name"))
    session.commit()
    available = session.scalars(select(DataTable)).all()
    return lambda sql, **params: queries.run(session, available, sql, params)


def test_a_whole_row_is_no_value(ask):
    for sql in WHOLE_ROWS:
        with pytest.raises(StepError, match="is not a column here") as caught:
            ask(sql)
        assert caught.value.permanent


def test_no_other_way_leads_to_our_columns(ask):
    for sql, message in OTHER_WAYS:
        with pytest.raises(StepError, match=message):
            ask(sql)


def test_what_users_may_see_is_still_named_as_they_like(ask):
    assert list(ask("SELECT people.* FROM people ORDER BY name")[0]) == [
        "id",
        "name",
        "city",
        "created_at",
        "updated_at",
    ]
    assert ask("SELECT name AS people FROM people ORDER BY people") == [{"people": "Ann"}, {"people": "Bob"}]
    assert ask("SELECT count(*) AS n, city AS p FROM people GROUP BY p ORDER BY p") == [
        {"n": 1, "p": "Lyon"}, {"n": 1, "p": "Paris"},
    ]  # fmt: skip
    assert ask("SELECT t.b FROM (SELECT name, city FROM people) AS t(a, b) ORDER BY t.b LIMIT 1") == [{"b": "Lyon"}]
    nested = "SELECT p.city FROM (people p JOIN orders o ON o.person = p.name) JOIN people q ON q.id = p.id"
    assert ask(nested) == [{"city": "Paris"}]
    left = "SELECT p.name, o.title FROM people p LEFT JOIN orders o ON o.person = p.name ORDER BY p.name"
    assert ask(left) == [{"name": "Ann", "title": "Tea"}, {"name": "Bob", "title": None}]


def test_a_natural_join_does_not_compare_our_columns(ask):
    """It would tell whether a guess is right."""
    assert len(ask("SELECT name FROM people NATURAL JOIN (SELECT 'key of Ann' AS source_key) guess")) == 2
    assert len(ask("SELECT name FROM people NATURAL JOIN (SELECT 'Ann' AS name) known")) == 1


def test_a_way_that_nobody_thought_of_leads_to_visible_columns_only(ask, session, monkeypatch):
    """The table that the database reads has no others, whatever gets past the checks."""
    monkeypatch.setattr(sql_text, "refuse_whole_rows", lambda _tree: None)
    monkeypatch.setattr(queries.helpers, "call", lambda function, *arguments: function(*arguments))
    rows = str(ask("SELECT people FROM people"))
    assert "key of" not in rows
    if session.get_bind().dialect.name == "postgresql":
        assert "Ann" in rows
