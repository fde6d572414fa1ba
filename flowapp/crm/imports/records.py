"""Writes the contacts, companies and deals of many rows, in a few statements, and records what happened to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import delete, inspect, select, update
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import companies, contacts, deals, fields
from flowapp.crm.field_types import identity
from flowapp.crm.imports import people
from flowapp.crm.imports.rows import CREATED, SERVICES, UNCHANGED, UPDATED, Row, read_fields
from flowapp.crm.writing import Record, View, changed
from flowapp.errors import InvalidError, Problem
from flowapp.events import Cause
from flowapp.models import FieldValue, new_id
from flowapp.models.crm.nouns import RECORDS
from flowapp.models.numbers import take
from flowapp.texts import say


def write(session: Session, noun: str, rows: Sequence[Row], *, cause: Cause, dry: bool) -> None:
    """Creates the record of each row, or changes what differs in the one it has; `dry`: only says which of both."""
    if noun == deals.NOUN:
        for row in rows:
            _write_deal(session, row, cause, dry=dry)
        return
    if not dry:
        _hold(session, noun, rows)
    for row in rows:
        _compare(session, noun, row)
    _refuse_taken(session, noun, [row for row in rows if row.outcome in (CREATED, UPDATED)])
    some = [row for row in rows if row.outcome in (CREATED, UPDATED)]
    if some and not dry:
        _put(session, noun, some)
        _tell(session, noun, some, cause)


def _hold(session: Session, noun: str, rows: Sequence[Row]) -> None:
    """Keeps others from changing the records until the transaction ends, and reads them as they are now."""
    model = RECORDS[noun]
    ids = [row.record.id for row in rows if row.record is not None]
    if not ids:
        return
    mine = model.id.in_(ids)
    session.execute(
        update(model).where(mine).values(updated_at=model.updated_at).execution_options(synchronize_session=False)
    )
    session.scalars(select(model).where(mine).execution_options(populate_existing=True)).all()


def _compare(session: Session, noun: str, row: Row) -> None:
    """What the row changes; its fields are read over those of its record."""
    row.data = {name: value for name, value in row.data.items() if name in SERVICES[noun].READERS}
    if noun == contacts.NOUN:
        people.arrange(row)
    if row.record is None:
        if noun == companies.NOUN and not row.data.get("name"):
            row.fail(Problem("name", say("This field is required."), code="required"))
        row.own = read_fields(session, noun, row, {}, new=True)
        row.outcome = row.outcome or CREATED
        return
    row.held = row.record.fields
    row.own = read_fields(session, noun, row, row.held, new=False) if row.own else row.held
    row.data = {name: value for name, value in row.data.items() if value != getattr(row.record, name)}
    row.outcome = row.outcome or (UPDATED if row.data or row.own != row.held else UNCHANGED)


def _refuse_taken(session: Session, noun: str, rows: Sequence[Row]) -> None:
    """Fails the rows that would take an address, or the value of a unique field, of another record."""
    if noun == contacts.NOUN:
        people.refuse_taken(session, rows)
    for field in fields.of(session, noun):
        if field.unique:
            _refuse_held(session, field.id, field.key, rows)


def _refuse_held(session: Session, field_id: str, key: str, rows: Sequence[Row]) -> None:
    wanted = [(identity(row.own[key]), row) for row in rows if row.own.get(key) not in (None, row.held.get(key))]
    held = select(FieldValue.value, FieldValue.record_id).where(
        FieldValue.field_id == field_id, FieldValue.value.in_([value for value, _ in wanted])
    )
    theirs = {row[0]: row[1] for row in session.execute(held)}
    for value, row in wanted:
        if value in theirs and theirs[value] != row.id:
            row.fail(Problem(f"fields.{key}", say("Another record has this value."), code="taken"))
        else:
            theirs[value] = row.id


def _put(session: Session, noun: str, rows: Sequence[Row]) -> None:
    model, service = RECORDS[noun], SERVICES[noun]
    new = [row for row in rows if row.record is None]
    last = _numbers(session, model, len(new))
    for at, row in enumerate(new, 1):
        row.record = model()
        row.record.id, row.record.number, row.record.fields = new_id(), last - len(new) + at, {}
        session.add(row.record)
    for row in rows:
        record = cast(Record, row.record)
        if row.outcome == UPDATED:
            row.before = service.view(record)
        for name, value in row.data.items():
            setattr(record, name, value)
        record.fields = dict(row.own)
        service.index(record)
    session.flush()
    if noun == contacts.NOUN:
        people.write(session, rows)
    _claim(session, noun, rows)


def _numbers(session: Session, model: type[Record], count: int) -> int:
    table = inspect(model).local_table.name
    return take(session.connection(), session.info["organization_id"], table, count) if count else 0


def _claim(session: Session, noun: str, rows: Sequence[Row]) -> None:
    """Holds the values of unique fields for the records."""
    for field in fields.of(session, noun):
        if not field.unique:
            continue
        differing = [row for row in rows if row.held.get(field.key) != row.own.get(field.key)]
        ids = [cast(Record, row.record).id for row in differing if row.outcome == UPDATED]
        if ids:
            session.execute(delete(FieldValue).where(FieldValue.field_id == field.id, FieldValue.record_id.in_(ids)))
        session.add_all(
            FieldValue(field_id=field.id, value=identity(row.own[field.key]), record_id=cast(Record, row.record).id)
            for row in differing
            if row.own.get(field.key) is not None
        )


def _tell(session: Session, noun: str, rows: Sequence[Row], cause: Cause) -> None:
    service = SERVICES[noun]
    for row in rows:
        record = cast(Record, row.record)
        changes: Mapping[str, object] = changed(row.before, service.view(record)) if row.before is not None else {}
        told = {**service.payload(record), "changes": changes}
        events.record(session, f"{noun}.{row.outcome}", entity=(noun, record.id), payload=told, cause=cause)
    session.flush()


def _write_deal(session: Session, row: Row, cause: Cause, *, dry: bool) -> None:
    """A deal by its service: a stage, a loss, its contacts mean more than their columns."""
    data = {name: value for name, value in row.data.items() if name != "number"}
    if row.own:
        data["fields"] = row.own
    before: View = {}
    try:
        with session.begin_nested() as savepoint:
            if row.record is None:
                row.record = deals.create(session, data, cause=cause)
                row.outcome = CREATED
            else:
                deal = deals.get(session, row.record.id)
                before = deals.view(deal)
                after = deals.view(deals.update(session, deal, data, cause=cause))
                row.outcome = UPDATED if changed(before, after) else UNCHANGED
            if dry:
                savepoint.rollback()
    except InvalidError as error:
        row.fail(*error.problems)
