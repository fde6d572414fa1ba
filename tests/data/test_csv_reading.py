"""CSV files as people have them (tests/corpus/csv_files.toml), read as they were meant or refused with the reason."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from flowapp.config import MAX_FILE
from flowapp.data import csv_reading
from flowapp.errors import InvalidError
from tests.corpus import entries


@pytest.mark.parametrize("row", entries("csv_files"), ids=lambda row: row["from"][:50])
def test_files(row: dict[str, Any]) -> None:
    content = row["text"].encode(row.get("as", "utf-8"))
    chosen = row.get("encoding", ""), row.get("separator", "")
    if "refused" in row:
        where, said = row["refused"]
        with pytest.raises(InvalidError) as caught:
            csv_reading.read(content, *chosen)
        (problem,) = caught.value.problems
        assert problem.path == where and said in problem.message
        return
    sheet = csv_reading.read(content, *chosen)
    assert [sheet.header, *(cells for _, cells in sheet.rows)] == row["table"]
    assert sheet.titles == row.get("titles", [])


def test_lines_are_those_of_the_file() -> None:
    sheet = csv_reading.read(b'sep=,\nReport\n\nname,note\nAnn,"two\nlines"\n\nBob,x\n')
    assert (sheet.titles, sheet.header) == (["Report"], ["name", "note"])
    assert [line for line, _ in sheet.rows] == [6, 8]


@pytest.mark.parametrize(
    "content",
    [b"a,b\n" * 60_000, b"x" * 200_000 + b",y\n1,2\n", b'"' * 100_000, b"a,b\n1,\x00\n", b"a,b\n" + b"1," * 20_000],
)
def test_what_cannot_be_imported_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidError):
        csv_reading.read(content)


def test_empty_cells_at_the_end_of_a_row_cost_nothing() -> None:
    header, rows = b"name,note,\n", b"Ann,x\n" * 60
    began = time.process_time()
    sheet = csv_reading.read(header + b"Bob" + b"," * (MAX_FILE - 1000) + b"\n" + rows + b"Eve" + b"," * 40 + b"\n")
    assert time.process_time() - began < 2
    assert sheet.header == ["name", "note", ""]  # what stands in its column belongs somewhere
    assert len(sheet.rows[0][1]) == csv_reading.WIDEST and set(sheet.rows[0][1]) == {"Bob", ""}
    assert sheet.rows[-1] == (63, ["Eve"])


@pytest.mark.parametrize("line", [b"name,note,amount,more\n", b'"a","b","c"\n', b"x" * 1000 + b"\n", b"\n", b'""'])
def test_a_file_of_the_largest_size_is_read_or_refused_soon(line: bytes) -> None:
    content = line * (MAX_FILE // len(line))
    began = time.process_time()
    with contextlib.suppress(InvalidError):
        csv_reading.read(content)
    assert time.process_time() - began < 5
