"""database_save and database_query."""

from __future__ import annotations

import pytest

from flowapp.catalog import Done
from flowapp.catalog.sql_expressions import replace_expressions
from tests.support.cost import processor_seconds


def test_saving_one_record_gives_its_columns(run) -> None:
    outcome = run("database_save", {"form_data": {"name": "Ada"}}, table="contacts", data="{{ form_data }}")
    assert outcome == Done({"count": 1, "created": 1, "updated": 0, "id": "id-1", "name": "Ada"})
    assert run.tables.calls == [("save", "contacts", [{"name": "Ada"}], "insert", [])]


def test_a_mapping_is_rendered_column_by_column(run) -> None:
    run("database_save", {"n": 4, "who": "Ada"}, table="t", data={"name": "Dr {{ input.who }}", "n": "{{ input.n }}"})
    assert run.tables.calls[0][2] == [{"name": "Dr Ada", "n": 4}]


def test_saving_a_list_gives_the_records(run) -> None:
    rows = [{"a": 1}, {"a": 2}]
    outcome = run("database_save", {"rows": rows}, table="t", data="{{ input.rows }}", mode="upsert", match="a, b")
    assert outcome.result["count"] == 2
    assert outcome.result["updated"] == 2
    assert [record["id"] for record in outcome.result["records"]] == ["id-1", "id-2"]
    assert run.tables.calls == [("save", "t", rows, "upsert", ["a", "b"])]
    assert run.lines == [("info", "“t”: 0 added, 2 changed.")]
    assert run("database_save", {}, table="t", data=[]).result == {
        "count": 0,
        "created": 0,
        "updated": 0,
        "records": [],
    }


def test_an_update_that_matches_nothing_is_said_in_the_log(run) -> None:
    run.tables.matching = False
    outcome = run("database_save", {}, table="t", data={"a": 1}, mode="update", match=["a"])
    assert outcome.result == {"count": 0, "created": 0, "updated": 0, "records": []}
    assert run.lines == [("warning", "No record of “t” matched, so nothing was changed.")]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"data": "{{ input.text }}"}, "data"),
        ({"data": {"a": 1}, "mode": "update"}, "match"),
        ({"data": {"a": 1}, "mode": "replace"}, "mode"),
        ({"data": {"a": 1}, "table": ""}, "table"),
        ({"data": {"a": 1}, "tabel": "x"}, "tabel"),
        ({"data": "{{ input.rows }}"}, "10,000"),
    ],
)
def test_what_cannot_be_saved_is_refused(run, refused, params, told) -> None:
    rows = [{}] * 10_001 if told == "10,000" else []
    error = refused("database_save", {"text": "hello", "rows": rows}, **{"table": "t", **params})
    assert error.permanent
    assert told in error.message
    assert run.tables.calls == []


def test_finding_records_by_a_form(run) -> None:
    run.tables.found = [{"id": "1"}, {"id": "2"}]
    outcome = run(
        "database_query", {"city": "Rome"}, table="contacts", where={"city": "{{ input.city }}"}, order_by="name",
        descending=True, columns="id, name", limit="5",
    )  # fmt: skip
    assert outcome == Done(
        {"results": [{"id": "1"}, {"id": "2"}], "count": 2, "truncated": False, "first": {"id": "1"}}
    )
    options = {"where": {"city": "Rome"}, "columns": ["id", "name"], "order_by": "name", "descending": True, "limit": 5}
    assert run.tables.calls == [("select", "contacts", options)]


def test_nothing_found(run) -> None:
    assert run("database_query", {}, table="t").result == {"results": [], "count": 0, "truncated": False, "first": None}


def test_a_cut_result_says_how_many_there_are(run) -> None:
    run.tables.found, run.tables.matched = [{"id": "1"}, {"id": "2"}], 1520
    found = run("database_query", {}, table="t", limit=2).result
    assert (len(found["results"]), found["count"], found["truncated"]) == (2, 1520, True)
    assert run.lines == [
        ("warning", "1,520 records match; these are the first 2. Raise the limit, or narrow the search.")
    ]


def test_a_query_alone_is_sql(run) -> None:
    run("database_query", {"n": 3}, query="SELECT * FROM t WHERE n > :n", params={"n": "{{ input.n }}"})
    assert run.tables.calls == [("query", "SELECT * FROM t WHERE n > :n", {"n": 3}, 1000)]


@pytest.mark.parametrize(
    ("query", "sql", "bound"),
    [
        ("SELECT {{ input.n }}", "SELECT :value_1", {"value_1": 3}),
        ("WHERE a = '{{ input.evil }}'", "WHERE a = :value_1", {"value_1": "x' OR '1'='1"}),
        ("WHERE a LIKE '%{{ input.n }}%' AND b = {{ input.n }}", "WHERE a LIKE :value_1 AND b = :value_2",
         {"value_1": "%3%", "value_2": 3}),
        ("WHERE a = '{{ input['n'] }}' AND b = 'it''s'", "WHERE a = :value_1 AND b = 'it''s'", {"value_1": "3"}),
        ("SELECT 1 -- it's {{ input.n }}\n, {{ input.n }}", "SELECT 1 -- it's {{ input.n }}\n, :value_1", {"value_1": 3}),
        ('SELECT "it\'s" /* \' */ , {{ input.n }}', 'SELECT "it\'s" /* \' */ , :value_1', {"value_1": 3}),
        ("WHERE a IN {{ input.list }}", "WHERE a IN :value_1", {"value_1": [1, 2]}),
        ("SELECT '{{' AS a, {{ input.n }}", "SELECT '{{' AS a, :value_1", {"value_1": 3}),
        ("SELECT {{{'a': input.n}.a}}", "SELECT :value_1", {"value_1": 3}),
        ("SELECT '''{{ input.n }}'''", "SELECT :value_1", {"value_1": "'3'"}),
        ("SELECT '' || {{ input.n }} --", "SELECT '' || :value_1 --", {"value_1": 3}),
        ("/* {{ input.n }} */ SELECT {{ input.n }}", "/* {{ input.n }} */ SELECT :value_1", {"value_1": 3}),
        ("SELECT 5 - -{{ input.n }} / 2 * 3", "SELECT 5 - -:value_1 / 2 * 3", {"value_1": 3}),
        ("SELECT 'open {{ input.n }}", "SELECT 'open {{ input.n }}", {}),
        ("SELECT /* {{ input.n }}", "SELECT /* {{ input.n }}", {}),
    ],
)  # fmt: skip
def test_expressions_become_parameters_never_sql(run, query, sql, bound) -> None:
    data = {"n": 3, "evil": "x' OR '1'='1", "list": [1, 2]}
    run("database_query", data, query=query)
    assert run.tables.calls[0][1:3] == (sql, bound)


def test_names_of_parameters_do_not_collide(run) -> None:
    run("database_query", {}, query="SELECT :value_2, {{ 7 }}", params={"value_2": 1})
    assert run.tables.calls[0][1:3] == ("SELECT :value_2, :value_2_", {"value_2": 1, "value_2_": 7})


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "Choose the table"),
        ({"mode": "sql"}, "Enter the query"),
        ({"table": "t", "limit": 0}, "limit"),
        ({"query": "SELECT {{ input }}"}, "not a single value"),
    ],
)
def test_queries_that_cannot_be_run_are_refused(refused, params, told) -> None:
    error = refused("database_query", {}, **params)
    assert error.permanent
    assert told in error.message


@pytest.mark.parametrize(
    "piece", ["'{{}}", "'{{", "{{", "{{}}", "''", "'", '"', "/*", "--", "'{{}}''", "}}{{'", "'a{{b}}"]
)
def test_finding_the_expressions_takes_time_in_proportion_to_the_query(piece) -> None:
    """It took twice as long for each piece more: half a minute for a short query."""

    def seconds(count: int) -> float:
        return processor_seconds(lambda: replace_expressions("SELECT " + piece * count, {}))

    short = seconds(20_000)
    assert short < 2  # about 0.03
    assert seconds(40_000) < 2.5 * max(short, 0.1)
