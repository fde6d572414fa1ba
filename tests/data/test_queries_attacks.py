"""Queries that are written, or fed, to hold a worker or the web process: each ends soon, costs little, and says why."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import select

from flowapp.data import records, tables
from flowapp.data.sql import queries
from flowapp.data.sql.like import ilike, like
from flowapp.data.step_tables import ProjectTables
from flowapp.errors import StepError
from flowapp.models import DataTable
from flowapp.security import helpers
from flowapp.security.helpers import limits, pool
from tests.support.cost import at_most, processor_seconds, promptly
from tests.support.processes import wait_until


@pytest.fixture
def table(session, project):
    columns = [{"label": "Name"}, {"label": "Qty", "type": "number"}, {"label": "Text", "type": "long_text"}]
    made = tables.create(session, {"name": "People", "columns": columns})
    rows = [{"name": f"name {at}", "qty": at, "text": "x" * 10_000} for at in range(1000)]
    records.insert(session, made, [*rows, {"name": "e" * 10_000 + "z", "qty": -1, "text": ""}])
    session.commit()
    return made


@pytest.fixture
def ask(session, table, monkeypatch):
    monkeypatch.setattr(pool._helpers, "seconds", 2)
    available = session.scalars(select(DataTable)).all()
    queries.run(session, available, "SELECT 1 AS warm", {})  # the helpers are there

    def run(sql, limit=1000, timeout=5.0, **params):
        return queries.run(session, available, sql, params, limit=limit, timeout=timeout)

    return run


def refused(ask, sql, message, **options):
    with pytest.raises(StepError, match=message) as caught:
        ask(sql, **options)
    assert caught.value.permanent
    assert ask("SELECT count(*) AS n FROM people") == [{"n": 1001}]


def test_a_pattern_of_many_wildcards(ask) -> None:
    with at_most(seconds=30, memory=50):  # about 0.3
        found = ask("SELECT name FROM people WHERE name ILIKE :q", q=f"%{'e%' * 300}zq%")
        assert found == []
        assert len(ask("SELECT name FROM people WHERE name LIKE :q", q=f"%{'e%_' * 300}z")) == 1


def test_a_query_without_an_end(ask) -> None:
    cross = ", ".join(f"people t{n}" for n in range(6))
    with at_most(seconds=30, memory=50):  # the timeout
        refused(ask, f"SELECT count(*) AS n FROM {cross}", r"took longer than 1 seconds", timeout=1.0)


def test_sorting_more_than_memory_holds(ask) -> None:
    sql = "SELECT a.text || b.text || c.text AS t FROM people a, people b, people c ORDER BY t LIMIT 1"
    with at_most(seconds=60, memory=50):
        refused(ask, sql, r"took longer than|processor time|MiB of memory|out of memory", timeout=3.0)


def test_names_that_double_each_other(ask) -> None:
    doubled = ", ".join(f"a{at} || a{at} AS a{at + 1}" for at in range(40))
    with at_most(seconds=60, memory=50):  # the helper's budget
        refused(
            ask,
            f"SELECT name AS a0, {doubled} FROM people",
            "of processor time|MiB of memory|no column|not a column|larger than|took longer",
        )


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {'(' * 20_000}1{')' * 20_000} AS n",
        f"SELECT {'1 + ' * 12_000}1 AS n",
        f"SELECT {'- ' * 20_000}1 AS n",
        f"SELECT {'NOT ' * 10_000}TRUE AS n",
        f"SELECT {'CASE WHEN ' * 4_000}1 AS n",
        f"SELECT count(*) AS n FROM people WHERE {'name = :a OR ' * 3_500} name = :a",
        f"SELECT count(*) AS n FROM people WHERE name IN ({', '.join([':a'] * 12_000)})",
        f"SELECT count(*) AS n FROM people WHERE created_at IN ({', '.join(['DATE ' + repr('2026-01-01')] * 2_500)})",
        f"{'SELECT * FROM (' * 3_000}SELECT 1 AS n{') t' * 3_000}",
        " UNION ALL ".join(["SELECT 1 AS n"] * 3_000),
        f"SELECT count(*) AS n FROM people t, {', '.join(f'people t{at}' for at in range(3_000))}",
    ],
    ids=lambda sql: sql[:30],
)
def test_a_query_of_fifty_thousand_characters(ask, sql) -> None:
    """Whether it can be answered or not: nobody waits long, and the process lives."""
    with at_most(seconds=90, memory=80):  # the helper's five seconds of processor time on a busy machine
        try:
            ask(sql, a="x", timeout=1.0)
        except StepError as error:
            assert error.permanent
        assert ask("SELECT count(*) AS n FROM people") == [{"n": 1001}]


def test_a_long_list_takes_time_in_proportion(ask) -> None:
    """10,000 ids took 13 seconds."""

    def seconds(count: int) -> float:
        began = time.monotonic()
        assert ask("SELECT count(*) AS n FROM people WHERE qty IN (:ids)", ids=list(range(count))) == [{"n": 1000}]
        return time.monotonic() - began

    with at_most(seconds=40, memory=80):
        once = min(seconds(10_000) for _ in range(3))  # about 0.1
        assert once < 5
        assert min(seconds(20_000) for _ in range(3)) < 2.5 * max(once, 0.15)
    refused(ask, "SELECT name FROM people WHERE qty IN (:ids)", "at most 30,000", ids=list(range(30_001)))


def test_a_list_stands_beside_times_and_other_values(ask) -> None:
    times = [ask("SELECT max(created_at) AS t FROM people")[0]["t"], "2020-01-01"]
    assert len(ask("SELECT name FROM people WHERE created_at IN (:times)", times=times)) == 1000
    assert len(ask("SELECT name FROM people WHERE qty IN (1, :more, 3) OR qty IN (:more)", more=[2, 5])) == 4
    assert ask("SELECT count(*) AS n FROM people WHERE name IN (:names)", names=["name 1", "%s", ":x"]) == [{"n": 1}]


def test_a_value_that_grows(ask) -> None:
    grown = "name"
    for _ in range(12):
        grown = f"replace({grown}, 'e', 'eeeeeeeeee')"
    with at_most(seconds=60, memory=100):
        refused(ask, f"SELECT {grown} AS big FROM people WHERE qty = -1", "larger than 8 MiB|took longer")


def test_rows_with_too_many_bytes(ask) -> None:
    with at_most(seconds=30, memory=100):
        refused(ask, "SELECT text FROM people", "larger than 8 MiB")
        assert len(ask("SELECT text FROM people", limit=700)) == 700
        refused(
            ask, "SELECT string_agg(a.text, '') AS t FROM people a, people b WHERE b.qty < 200", "larger than 8 MiB",
        )  # fmt: skip


def test_records_found_by_a_form_with_too_many_bytes(session, project, table) -> None:
    found = ProjectTables(session, project.id, "key")
    with at_most(seconds=30, memory=60):
        with pytest.raises(StepError, match="larger than 8 MiB") as caught:
            found.select("people", limit=10_000)
        assert caught.value.permanent
        assert len(found.select("people", limit=700).records) == 700
        assert len(found.select("people", columns=["name"], limit=10_000).records) == 1001


def test_another_thread_ends_a_query(ask, database_url) -> None:
    """As a cancel does: within two seconds."""
    told = []
    cross = ", ".join(f"people t{n}" for n in range(6))

    def work() -> None:
        with helpers.within(60):
            try:
                ask(f"SELECT count(*) AS n FROM {cross}", timeout=60.0)
            except StepError as error:
                told.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: thread.ident in limits._limits and limits._limits[thread.ident].stops, message="no query began")
    with promptly():
        assert helpers.stop_thread(thread.ident)
        thread.join()
    assert told == ["The step was stopped: it was cancelled or timed out."]


@pytest.mark.parametrize(
    ("text", "pattern", "exact", "any_case"),
    [
        ("", "", 1, 1), ("", "%", 1, 1), ("", "_", 0, 0), ("a", "", 0, 0), ("Été", "été", 0, 1), ("ab", "a%b", 1, 1),
        ("ab", "ab%b", 0, 0), ("abab", "ab%ab", 1, 1), ("aba", "ab%ba", 0, 0), ("a\nb", "a_b", 1, 1), ("a\nb", "a%b", 1, 1),
        ("100%", "100\\%", 1, 1), ("100x", "100\\%", 0, 0), ("a_b", "a\\_b", 1, 1), ("axb", "a\\_b", 0, 0),
        ("a.b", "a.b", 1, 1), ("axb", "a.b", 0, 0), ("abcabd", "%ab_%d", 1, 1), ("xayazb", "%a_a%b", 1, 1),
        ("a\\b", "a\\\\b", 1, 1), ("ABC", "%b%", 0, 1), ("abc", "%%%", 1, 1), ("ab", "%_%_%", 1, 1), ("a", "%_%_%", 0, 0),
    ],
)  # fmt: skip
def test_like(text, pattern, exact, any_case) -> None:
    assert (like(text, pattern), ilike(text, pattern)) == (exact, any_case)
    assert like(None, pattern) is ilike(text, None) is None


@pytest.mark.parametrize("pattern", ["%e%e%e%e%e%e%e%e%e%zq", "%e_e%e_e%zq%", "%" * 1000 + "zq", "%ez%" * 200])
def test_matching_takes_time_in_proportion_to_the_text(pattern) -> None:
    def seconds(length: int) -> float:
        text = "e" * length + "z"
        assert ilike(text, pattern) == 0
        return processor_seconds(lambda: ilike(text, pattern))

    assert seconds(100_000) < 1  # about 0.003
    assert seconds(600_000) < 2.5 * max(seconds(300_000), 0.02)
