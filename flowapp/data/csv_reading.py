"""A CSV file as a table of texts: whatever a spreadsheet, a bank or a database saved, and whoever chose how to read it.

What the file does not say is found by trying: each separator on the first records, the encoding on all bytes. The
preview shows what was found, and both can be chosen there.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.security import charsets
from flowapp.texts import say

MAX_ROWS = 50_000
MAX_LINES = 20 * MAX_ROWS  # empty ones, and those inside of quotes, too
WIDEST = 16_384  # cells of a row: no spreadsheet has more columns
SAMPLE = 64 * 1024  # characters in which the separator is looked for
SAMPLED = 50  # records
SEPARATORS = {"\t": N_("Tab"), ";": N_("Semicolon"), "|": N_("Vertical bar"), ",": N_("Comma")}
ENCODINGS = {
    "utf-8": N_("Unicode (UTF-8)"),
    "utf-16": N_("Unicode (UTF-16)"),
    "cp1252": N_("Western Europe (Windows)"),
    "iso8859-15": N_("Western Europe (ISO 8859-15)"),
    "mac-roman": N_("Western Europe (Mac)"),
    "cp850": N_("Western Europe (DOS)"),
    "cp1250": N_("Central Europe (Windows)"),
    "iso8859-2": N_("Central Europe (ISO 8859-2)"),
    "cp1251": N_("Cyrillic (Windows)"),
    "koi8-r": N_("Cyrillic (KOI8-R)"),
    "cp1253": N_("Greek (Windows)"),
    "cp1254": N_("Turkish (Windows)"),
    "cp1255": N_("Hebrew (Windows)"),
    "cp1256": N_("Arabic (Windows)"),
    "cp932": N_("Japanese (Shift-JIS)"),
    "euc_jp": N_("Japanese (EUC)"),
    "gb18030": N_("Chinese (GB 18030)"),
    "big5": N_("Chinese (Big5)"),
    "cp949": N_("Korean (Windows)"),
}
Row = tuple[int, list[str]]  # its line, its cells
_NAMED = re.compile(r"\"?sep=([^\w\s\"]|\t)\"?[ \t;,]*(?:\r\n|\r|\n|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: the header, and (line number, cells) of each row that is not empty.

    `titles` are the lines above the header, such as a report's name. A workbook has `sheets`, of which one was read.
    """

    header: list[str]
    rows: list[Row]
    encoding: str
    separator: str
    titles: list[str]
    sheets: tuple[str, ...] = ()
    sheet: str = ""


def read(content: bytes, encoding: str = "", separator: str = "") -> Sheet:
    """The rows of a file, in the encoding and with the separator that were chosen, else as found.

    InvalidError at `file`, or at `encoding` where the file is not in it.
    """
    encoding = encoding or _encoding_of(content)
    text = _decoded(content, encoding)
    if "\x00" in text:
        raise InvalidError.at("file", say("This is not a CSV file: it contains bytes that are not text."))
    lines = 0
    if named := _NAMED.match(text):
        separator, text, lines = separator or named[1], text[named.end() :], 1
    separator = separator or _separator_of(text)
    rows = [(line + lines, cells) for line, cells in _rows(text, separator)]
    titles, table = apart(rows)
    return Sheet(table[0][1], table[1:], encoding, separator, [cells[0] for _, cells in titles])


def apart(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The titles above a table, and its rows, the column names first. InvalidError at `file` where no row follows them."""
    titles = _titles(rows)
    table = rows[len(titles) :]
    if len(table) < 2:
        raise InvalidError.at("file", say("The file needs a row of column names and at least one row of data."))
    return titles, table


def _encoding_of(content: bytes) -> str:
    """By the byte order mark, else UTF-8, else as Windows saves it in the West."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _decoded(content: bytes, encoding: str) -> str:
    if encoding not in ENCODINGS:
        raise InvalidError.at("encoding", say("Choose an encoding from the list."))
    if encoding == "cp1252":  # a few bytes are open in it
        return charsets.decoded(content, encoding)
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError as error:
        before = content[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        message = say(
            "The file is not in this encoding: line %(line)s cannot be read. Choose another.",
            line=str(before.count(b"\n") + 1),
        )
        raise InvalidError.at("encoding", message) from None


def _separator_of(text: str) -> str:
    """The one that gives most records the same number of cells, and of those the most cells.

    Where several do, a semicolon is meant rather than a comma: commas stand in prices and sentences.
    """

    def fit(separator: str) -> tuple[float, int]:
        records = [cells for cells in islice(_sampled(text, separator), SAMPLED) if any(cells)]
        (width, count), *_ = Counter(map(len, records)).most_common(1) or [(0, 0)]
        return (count / len(records), width) if width > 1 else (0, 0)

    return max(SEPARATORS, key=fit) if any(fit(one)[0] for one in SEPARATORS) else ","


def _sampled(text: str, separator: str) -> Iterator[list[str]]:
    """The records of the sample; the last may be cut, and is left out where the text goes on."""
    try:
        records = list(csv.reader(io.StringIO(text[:SAMPLE], newline=""), delimiter=separator))
    except csv.Error:
        return
    yield from records[:-1] if len(text) > SAMPLE else records


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(the line where it ends, cells) of each row that is not empty."""
    held: list[str] = []  # the lines of the record that is being read

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            held.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=separator)
    count = 0
    try:
        for cells in reader:
            if filled := _filled(cells):
                count += 1
                if len(filled) > WIDEST:
                    raise InvalidError.at("file", say("A row can have at most %(limit)s cells.", limit=WIDEST))
                named = [""] * (min(len(cells), WIDEST) - len(filled)) if count <= SAMPLED else []
                yield (
                    reader.line_num,
                    filled + named,
                )  # among the first are the names of the columns, some of them empty
            if len(held) > 1:
                _refuse_open(held, separator, reader.line_num)
            if count > MAX_ROWS + 1 or reader.line_num > MAX_LINES:
                raise InvalidError.at("file", say("A file can have at most %(limit)s rows.", limit=MAX_ROWS))
            last = held.copy()
            held.clear()
    except csv.Error as error:
        begins = reader.line_num - len(held) + 1
        message = say("Line %(line)s cannot be read as CSV: %(error)s.", line=str(begins), error=str(error))
        raise InvalidError.at("file", message) from None
    if count:
        _refuse_open(last, separator, reader.line_num)


def _filled(cells: list[str]) -> list[str]:
    """The cells up to the last one that holds something: a line may end with millions of separators."""
    width = len(cells)
    while width and not cells[width - 1].strip():
        width -= 1
    return [cell.strip() for cell in cells[:width]]


def _refuse_open(lines: list[str], separator: str, ends: int) -> None:
    """Refuses a record of several lines, or the last one, whose quotes do not match: what follows was read inside out."""
    try:
        list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        if len(lines) == 1 and "end of data" not in str(error):
            return  # quotes beside a text, on a line of its own: nothing is swallowed
        message = say(
            "Line %(line)s: a quotation mark is never closed. Close it, or double it if it is part of the text.",
            line=str(ends - len(lines) + 1),
        )
        raise InvalidError.at("file", message) from None


def _titles(rows: list[Row]) -> list[Row]:
    """The rows above the column names: of a table of several columns, those that fill the first cell only."""
    if max((len(cells) for _, cells in rows[:SAMPLED]), default=0) < 2:
        return []
    names = (at for at, (_, cells) in enumerate(rows[:SAMPLED]) if not cells[0] or any(cells[1:]))
    return rows[: next(names, 0)]
