"""The file of a backup: gzip, a JSON value on each line, written and read as a stream.

    {"flowapp": "backup", "format": 1, "schema": "0009", …}     what it is (Head)
    {"table": "users", "columns": {"id": "uuid", …}}            for each table
    ["0192…", …]                                                each row, in the order of the columns
    {"end": "users", "rows": 3}
    {"complete": true, "rows": {"users": 3, …}, "keys": […]}    what it must have held (Tail)

A file that was cut short has no last line; gzip's checksum finds what was changed.
"""

from __future__ import annotations

import base64
import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flowapp import exact_json
from flowapp.data.columns import Number
from flowapp.errors import InvalidError
from flowapp.models.base import AnyJson, Id, UtcDateTime
from flowapp.texts import say

FORMAT = 1
Row = list[Any]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a backup comes from. `secret_key` and `encryption_keys`: fingerprints of those that were set."""

    release: str
    schema: str
    made_at: str
    database: str
    secret_key: str
    encryption_keys: list[str]
    flowapp: str = "backup"
    format: int = FORMAT


@dataclass(slots=True)
class Tail:
    """Rows by table; `keys`: fingerprints of the encryption keys that its secrets need; `unopened`: secrets that none of
    the keys opened when it was made."""

    rows: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    unopened: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """How a type of column stands in the file, and the type that takes it up again."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    type: Any


def _same(value: Any) -> Any:
    return value


KINDS = {
    "plain": ColumnKind(_same, _same, sa.types.NullType()),
    "uuid": ColumnKind(str, _same, Id),
    "json": ColumnKind(_same, _same, AnyJson),
    "time": ColumnKind(datetime.isoformat, datetime.fromisoformat, UtcDateTime()),
    "date": ColumnKind(date.isoformat, date.fromisoformat, sa.Date()),
    "number": ColumnKind(str, Decimal, Number()),
    "bytes": ColumnKind(lambda value: base64.b64encode(value).decode(), base64.b64decode, sa.LargeBinary()),
}
_BY_TYPE = (
    (sa.Uuid, "uuid"), (UtcDateTime, "time"), (sa.Date, "date"), (Number, "number"), (sa.LargeBinary, "bytes"), (sa.JSON, "json"),
)  # fmt: skip


def kind_of(type_: Any) -> str:
    """The kind of a column's type."""
    return next((kind for known, kind in _BY_TYPE if isinstance(type_, known)), "plain")


class Writer:
    """Writes the lines. `rows` counts those of each table."""

    def __init__(self, stream: Any, head: Head) -> None:
        self._stream, self.rows = stream, dict[str, int]()
        self._line(asdict(head))

    def table(
        self, name: str, columns: Mapping[str, str], rows: Iterator[Row], seen: Callable[[Row, bytes], None]
    ) -> None:
        """All rows of a table, by the kinds of its columns; `seen` is shown each, and its line."""
        writers = [KINDS[kind].write for kind in columns.values()]
        self._line({"table": name, "columns": columns})
        self.rows[name] = 0
        for row in rows:
            plain = [None if value is None else write(value) for write, value in zip(writers, row, strict=True)]
            seen(row, self._line(plain))
            self.rows[name] += 1
        self._line({"end": name, "rows": self.rows[name]})

    def end(self, tail: Tail) -> None:
        """The last line."""
        self._line(asdict(tail))

    def _line(self, value: Any) -> bytes:
        line = exact_json.dumps(value) + b"\n"
        self._stream.write(line)
        return line


@contextmanager
def created(path: Path) -> Iterator[Any]:
    """A stream into a new file that is there only once it is complete, readable by its owner alone.

    InvalidError where there is one already.
    """
    if path.exists():
        raise InvalidError.at("FILE", say("The file “%(path)s” already exists: choose another name.", path=path))
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=5, filename="") as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def lines(path: Path) -> Iterator[Any]:
    """The values of a file's lines. InvalidError where it is no backup, or damaged."""
    try:
        with gzip.open(path, "rb") as stream:
            for line in stream:
                yield exact_json.loads(line)
    except FileNotFoundError:
        raise InvalidError.at("FILE", say("There is no file “%(path)s”.", path=path)) from None
    except (OSError, EOFError, zlib.error, ValueError):
        raise InvalidError.at("FILE", say("“%(path)s” is not a Flowapp backup, or is damaged.", path=path)) from None


def inspect(path: Path) -> tuple[Head, Tail]:
    """Reads a file to its end, without loading anything. InvalidError where it is no whole backup of a known format."""
    every = lines(path)
    head = next(every, None)
    if not isinstance(head, dict) or head.get("flowapp") != "backup":
        raise InvalidError.at("FILE", say("“%(path)s” is not a Flowapp backup, or is damaged.", path=path))
    if head.get("format") != FORMAT:
        raise InvalidError.at(
            "FILE", say("“%(path)s” was made by a newer release. Restore it with that release.", path=path)
        )
    counted: dict[str, int] = {}
    name, last = "", None
    for last in every:
        if isinstance(last, list):
            counted[name] += 1
        elif "table" in last:
            name = last["table"]
            counted[name] = 0
    if not isinstance(last, dict) or not last.get("complete") or last["rows"] != counted:
        raise InvalidError.at("FILE", say("“%(path)s” is incomplete: the file was cut off.", path=path))
    return Head(**head), Tail(**last)
