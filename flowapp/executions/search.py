"""Executions found by what they are about: their words (executions.subjects), in an index that is written afterwards.

Who starts an execution writes nothing here. The scheduler takes up what has come since, in order of the ids, and a second
time some minutes later for those whose transaction was long; what there was before the index, it takes up from the newest
to the oldest. Until then an execution is found all the same: the newest are looked through one by one.

A search gives at most FOUND executions, the newest: no search costs more, whatever it asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from sqlalchemy import ColumnElement, Insert, Select, Table, Text, case, exists, func, null, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from flowapp.executions.subjects import LEAST, asked_words, fits, words_of
from flowapp.models import Base, Contact, Execution, ExecutionWord, InstallationSetting, first_id

FOUND = 1000  # executions that a search gives at most
AT_ONCE = 500  # executions that are taken up together
LOOKED_THROUGH = 500  # of those that are not taken up yet, by one search
_RARE = 2000  # matches up to which the words of a search are counted
_LARGE = 65_536  # characters of an input that is not read for the index
_FIRST, _LAST = first_id(datetime.fromtimestamp(0).astimezone()), "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12
# By name of a mark: how long ago an execution must have come. What is older than that was committed, or nearly always was.
_FORWARD = {"words_new": timedelta(seconds=2), "words_late": timedelta(minutes=10)}
_BACKWARD = "words_old"


class _Input(NamedTuple):
    """What is read of an execution."""

    id: str
    organization_id: str
    contact_id: str | None
    input_data: object


def find_ids(
    session: Session, text: str, *, since: datetime | None = None, until: datetime | None = None
) -> list[str] | None:
    """The newest executions that hold every word of the text, FOUND at most; None where it has no word."""
    asked = asked_words(text)
    if not asked:
        return None
    low = first_id(since) if since else _FIRST
    high = first_id(until) if until else _LAST
    word = ExecutionWord
    rarest, *others = _by_rarity(session, asked)
    wanted = select(word.execution_id).where(
        word.execution_id >= low, word.execution_id < high, *(_also(word, other) for other in others)
    )
    newest = wanted.distinct().order_by(word.execution_id.desc()).limit(FOUND)
    # A whole word lies in the index in order of the executions; the beginning of one has to be sorted.
    known = list(session.scalars(newest.where(word.word == rarest)))
    if len(known) < FOUND:
        known = list(session.scalars(newest.where(_matches(word, rarest))))
    fresh = [execution_id for execution_id in _fresh(session, asked) if low <= execution_id < high]
    return sorted({*known, *fresh}, reverse=True)[:FOUND]


def _by_rarity(session: Session, asked: Sequence[str]) -> list[str]:
    """The words of a search, the rarest first: the others are only looked up for what it finds."""
    if len(asked) == 1:
        return list(asked)
    counts = {}
    for wanted in asked:
        some = select(ExecutionWord.execution_id).where(_matches(ExecutionWord, wanted)).limit(_RARE).subquery()
        counts[wanted] = session.scalar(select(func.count()).select_from(some)) or 0
    return sorted(asked, key=counts.__getitem__)


def _matches(word: type[ExecutionWord], wanted: str) -> ColumnElement[bool]:
    if len(wanted) < LEAST:
        return word.word == wanted
    return (word.word >= wanted) & (word.word < wanted + "\U0010ffff")


def _also(word: type[ExecutionWord], wanted: str) -> ColumnElement[bool]:
    other = aliased(ExecutionWord)
    return exists().where(other.execution_id == word.execution_id, _matches(other, wanted))


def _fresh(session: Session, asked: Sequence[str]) -> list[str]:
    """Those that are not in the index yet."""
    taken_up = session.scalar(select(InstallationSetting.value).where(InstallationSetting.name == "words_new"))
    statement = _inputs().where(Execution.id > (taken_up or _FIRST)).order_by(Execution.id.desc()).limit(LOOKED_THROUGH)
    rows = _read(session, statement)
    contacts = contacts_of(session, [row.contact_id for row in rows])
    return [row.id for row in rows if fits(words_of(row.input_data, contacts.get(row.contact_id)), asked)]


def contacts_of(session: Session, ids: Sequence[str | None]) -> dict[str | None, tuple[str, str]]:
    """Name and e-mail address of contacts, by id."""
    wanted = {contact_id for contact_id in ids if contact_id}
    if not wanted:
        return {}
    columns = select(Contact.id, Contact.first_name, Contact.last_name, Contact.email)
    return {
        row.id: (f"{row.first_name} {row.last_name}".strip(), row.email)
        for row in session.execute(columns.where(Contact.id.in_(wanted)))
    }


# --- the index


def take_up(session: Session, now: datetime) -> int:
    """Puts the next executions into the index: how many. The caller commits; the session sees all organizations."""
    return sum(_forward(session, name, now - age) for name, age in _FORWARD.items()) + _backward(session, now)


def _forward(session: Session, name: str, until: datetime) -> int:
    mark = _mark(session, name, first_id(until))
    which = _inputs().where(Execution.id > mark, Execution.id < first_id(until)).order_by(Execution.id)
    if name != "words_new":
        which = which.where(~exists().where(ExecutionWord.execution_id == Execution.id))
    rows = _read(session, which.limit(AT_ONCE))
    _index(session, rows)
    _move(session, name, mark, rows[-1].id if len(rows) == AT_ONCE else max(mark, first_id(until)))
    return len(rows)


def _backward(session: Session, now: datetime) -> int:
    mark = _mark(session, _BACKWARD, first_id(now))
    if mark == _FIRST:
        return 0
    rows = _read(session, _inputs().where(Execution.id < mark).order_by(Execution.id.desc()).limit(AT_ONCE))
    _index(session, rows)
    _move(session, _BACKWARD, mark, rows[-1].id if len(rows) == AT_ONCE else _FIRST)
    return len(rows)


def _inputs() -> Select[str, str, str | None, object]:
    """What is read of an execution; not an input that is large."""
    small = func.length(sql_cast(Execution.input_data, Text)) <= _LARGE
    given = case((small, Execution.input_data), else_=null()).label("input_data")
    return select(Execution.id, Execution.organization_id, Execution.contact_id, given)


def _read(session: Session, statement: Select[str, str, str | None, object]) -> list[_Input]:
    return [_Input(*row) for row in session.execute(statement)]


def _index(session: Session, rows: Sequence[_Input]) -> None:
    contacts = contacts_of(session, [row.contact_id for row in rows])
    words = [
        {"organization_id": row.organization_id, "word": word, "execution_id": row.id}
        for row in rows
        for word in words_of(row.input_data, contacts.get(row.contact_id))
    ]
    if words:
        session.execute(_missing(session, ExecutionWord), words)


def _mark(session: Session, name: str, first: str) -> str:
    """The id up to which executions were taken up; the first time it is set to `first`."""
    mark = session.scalar(select(InstallationSetting.value).where(InstallationSetting.name == name))
    if mark is None:
        session.execute(_missing(session, InstallationSetting), {"name": name, "value": first})
    return mark or first


def _move(session: Session, name: str, old: str, new: str) -> None:
    if new != old:
        table = cast(Table, InstallationSetting.__table__)
        session.execute(table.update().where(table.c.name == name, table.c.value == old).values(value=new))


def _missing(session: Session, model: type[Base]) -> Insert:
    """Inserts the rows that are not there yet."""
    table = cast(Table, model.__table__)
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
