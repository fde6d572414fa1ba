"""Workbooks as people have them, read or refused with the reason."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter

from flowapp.data import xlsx_reading
from flowapp.errors import InvalidError


def workbook(*sheets: list[list[Any]], merge: tuple[Any, ...] = ()) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for rows in sheets:
            sheet = book.add_worksheet()
            for line, row in enumerate(rows):
                for at, value in enumerate(row):
                    if isinstance(value, date):
                        sheet.write_datetime(line, at, value, day)
                    else:
                        sheet.write(line, at, value)
            if merge:
                sheet.merge_range(*merge)
    return file.getvalue()


def test_values_are_texts_that_every_locale_reads_back() -> None:
    rows = [
        ["a", "b", "c", "d", "e"],
        [1.234, 5, True, date(2024, 2, 1), datetime(2024, 2, 1, 10, 30)],
        [33123456789, 0.1, False],
    ]
    sheet = xlsx_reading.read(workbook([], rows))
    assert sheet.sheet == "Sheet2"
    assert [cells for _, cells in sheet.rows] == [
        ["1.2340", "5", "true", "2024-02-01", "2024-02-01T10:30:00"], ["33123456789", "0.1", "false"],
    ]  # fmt: skip


def test_headings_over_several_columns_are_left_out_and_what_is_merged_downwards_holds_for_each_row() -> None:
    rows = [
        ["Person", "", "Firm"],
        ["First", "Last", "Name"],
        ["Ann", "Lee", "Acme"],
        ["Bob", "Ray"],
        [],
        ["Cid", "Day", "Bolt"],
    ]
    content = workbook(rows, merge=(0, 0, 0, 1, "Person"))
    sheet = xlsx_reading.read(content)
    assert sheet.header == ["First", "Last", "Name"]
    assert [(line, cells) for line, cells in sheet.rows] == [
        (3, ["Ann", "Lee", "Acme"]),
        (4, ["Bob", "Ray"]),
        (6, ["Cid", "Day", "Bolt"]),
    ]
    tall = xlsx_reading.read(workbook(rows[1:], merge=(1, 2, 2, 2, "Acme")))
    assert [cells for _, cells in tall.rows][:2] == [["Ann", "Lee", "Acme"], ["Bob", "Ray", "Acme"]]


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for at in range(16):
            packed.writestr(f"xl/worksheets/sheet{at}.xml", b" " * 10 * 2**20)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 no workbook", "cannot be read"),
        (b"\xd0\xcf\x11\xe0 no workbook", "cannot be read"),
        (workbook([]), "at least one row of data"),
        (workbook([["a"]]), "at least one row of data"),
        (workbook([[f"c{at}" for at in range(501)], ["x"] * 501]), "at most 500 columns"),
        (bomb(), "larger than 150 MiB when it is unpacked"),
    ],
    ids=["zip", "ole", "empty", "head", "wide", "bomb"],
)
def test_what_cannot_be_read_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        xlsx_reading.read(content)
    assert words in refused.value.problems[0].message


def test_a_cell_at_the_far_end_does_not_take_the_memory_of_all_before_it() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write(1_048_575, 16_383, "far")
    with pytest.raises(InvalidError) as refused:
        xlsx_reading.read(file.getvalue())
    assert refused.value.problems[0].path == "file"
