"""Values of a wrong kind in every field of the connectors for databases and for S3: told in words, never a fault of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import ACTIONS, open_integration
from flowapp.errors import FlowError, StepError
from flowapp.security.addresses import Guard
from flowapp.security.database_files import DatabaseFiles
from tests.actions.conftest import Bench
from tests.connectors.odd import ODD
from tests.support.servers.s3 import KEYS, Storage, emptied, serving

SHORT = ("nothing", "a list", "a huge number", "a NUL", "half a character", "long for its bytes", "a control", "-1")
RIGHT: dict[str, dict[str, Any]] = {
    "database_run_query": {"query": "SELECT :a AS a", "params": {"a": 1}},
    "database_run_statement": {"query": "UPDATE t SET a = :a", "params": {"a": 1}},
    "database_insert_rows": {"table": "t", "rows": [{"a": 1}]},
    "database_upsert_rows": {"table": "t", "rows": [{"id": 1, "a": 1}], "match": ["id"]},
    "aws_s3_put_object": {"bucket": "backups", "key": "k", "data": "x", "content_type": "text/plain"},
    "aws_s3_get_object": {"bucket": "backups", "key": "k", "format": "auto"},
    "aws_s3_list_objects": {"bucket": "backups", "prefix": "k", "most": 1},
    "aws_s3_copy_object": {"source_bucket": "backups", "source_key": "k", "bucket": "backups", "key": "c"},
    "aws_s3_head_object": {"bucket": "backups", "key": "k"},
    "aws_s3_delete_object": {"bucket": "backups", "key": "k"},
    "aws_s3_presign_url": {"bucket": "backups", "key": "k", "use": "upload", "minutes": 1},
}


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with serving() as url:
        emptied()
        made = Storage(url)
        made.bucket("backups")
        yield made


@pytest.fixture
def run(storage: Storage, tmp_path: Path) -> Bench:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    connection.close()
    config = {"kind": "sqlite", "database": "shop.db", "allow_changes": True}
    database = open_integration("database", id="1", name="Shop", config=config, credentials={})
    s3 = open_integration("aws_s3", id="2", name="S3", config={"endpoint": storage.url}, credentials=KEYS)
    storage.put("backups", "k", b"x")
    guard = Guard(files=DatabaseFiles(str(tmp_path)))
    return Bench(integrations={"database": database, "aws_s3": s3}, database_file=guard.database_file)


def test_every_action_is_tried() -> None:
    assert set(RIGHT) == {
        name for name, spec in ACTIONS.items() if spec.home.rpartition(".")[2] in ("database", "aws_s3")
    }


@pytest.mark.parametrize("name", [f"{action} {field}" for action, fields in RIGHT.items() for field in fields])
def test_a_wrong_kind_is_told_in_words(run: Bench, name: str) -> None:
    action, field = name.split()
    run(action, **RIGHT[action])
    for kind in ODD if action.startswith("database") else SHORT:
        for given in (ODD[kind], *([[ODD[kind]], {"a": ODD[kind]}] if field in ("params", "rows") else [])):
            try:
                run(action, **{**RIGHT[action], field: given})
            except FlowError as error:
                assert error.message, kind
                assert "object at 0x" not in error.message
            except Exception as error:
                raise AssertionError(f"{kind} in {field}: {error!r}") from error


@pytest.mark.parametrize(
    ("action", "params", "told"),
    [
        ("database_run_query", {"params": {"a": "a\ud800"}}, "“a” holds half a character"),
        ("database_run_query", {"params": {"a": 2**64}}, "“a” has more than 64 bits"),
        ("database_insert_rows", {"rows": {"a": [{"b": "\udfff"}]}}, "“a” holds half a character"),
        ("database_insert_rows", {"rows": [1]}, "Rows must be an object"),
        ("database_insert_rows", {"rows": {"": 1}}, "A name of a table or column is empty"),
        ("aws_s3_get_object", {"key": "é" * 513}, "at most 1,024 bytes; this one has 1,026"),
        ("aws_s3_get_object", {"key": "a\0"}, "NUL"),
        ("aws_s3_put_object", {"content_type": "text/\r\nX: 1"}, "“Content type” is none"),
        ("aws_s3_put_object", {"data": {"a": "\ud800"}}, "cannot be sent as JSON"),
        ("aws_s3_put_object", {"data": "\ud800"}, "half a character"),
    ],
)
def test_the_words(run: Bench, action: str, params: dict[str, Any], told: str) -> None:
    with pytest.raises(StepError, match=told) as caught:
        run(action, **{**RIGHT[action], **params})
    assert caught.value.permanent
