"""A list as a file: CSV is written while it is sent; a workbook of a bounded size is written first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flask import Response, g
from sqlalchemy import Engine

from flowapp.crm.exports import table
from flowapp.crm.finding import Search
from flowapp.crm.imports.targets import Target
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from flowapp.records.table_files import CSV, MEDIA_TYPES, XLSX, csv_pieces, write_xlsx
from flowapp.texts import say
from flowapp.web.crm.saved_files import attached

MOST = 20_000  # rows of a workbook: it is written before it is sent


def list_file(
    noun: str, search: Search, kind: str, columns: Sequence[Target], header: Callable[[Target], str]
) -> Response:
    """The list as CSV or XLSX. InvalidError at `format` for another, and for a workbook with too many rows."""
    if kind not in MEDIA_TYPES:
        raise InvalidError.at("format", say("Choose one of: %(options)s.", options=f"{CSV}, {XLSX}"))
    names = [header(column) for column in columns]
    if kind == CSV:
        pieces = _pieces(db.engine, g.organization.id, noun, search, columns, names)
        response = Response(pieces, mimetype=MEDIA_TYPES[CSV])
    else:
        response = Response(_workbook(noun, search, columns, names), mimetype=MEDIA_TYPES[XLSX])
    return attached(response, f"{noun}s.{kind}" if noun != "company" else f"companies.{kind}")


def _pieces(
    engine: Engine, organization_id: str, noun: str, search: Search, columns: Sequence[Target], names: list[str]
) -> Iterator[str]:
    """In a session of its own: the request's ends before the first piece is sent."""
    with tenant_session(engine, organization_id) as session:
        yield from csv_pieces(names, table.rows(session, noun, search, columns))


def _workbook(noun: str, search: Search, columns: Sequence[Target], names: list[str]) -> bytes:
    if table.count(db.session(), noun, search) > MOST:
        many = say("A workbook can have at most %(limit)s rows. Narrow the list down, or choose CSV.", limit=MOST)
        raise InvalidError.at("format", many)
    with tempfile.TemporaryDirectory() as folder, tenant_session(db.engine, g.organization.id) as session:
        path = Path(folder) / "list.xlsx"
        write_xlsx(path, names, table.rows(session, noun, search, columns))
        return path.read_bytes()
