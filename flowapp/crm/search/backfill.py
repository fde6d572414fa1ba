"""Takes up what was there before the index of words, or what the release before has written: from the newest back.

Writing a row's `search` has the database put its words into the index, also where it stays as it was.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, tasks
from flowapp.models import Company, Contact, Deal, InstallationSetting
from flowapp.models.crm.nouns import MODELS, Listed

AT_ONCE = 500
_DONE = "done"


def take_up(session: Session) -> int:
    """Takes up the next rows: how many. The caller commits; the session sees all organizations."""
    for model in MODELS.values():
        name = f"{model.__tablename__}_words"
        mark = session.get(InstallationSetting, name)
        if mark is None or mark.value != _DONE:
            rows = _rows(session, model, mark.value if mark else "")
            _write(session, model, rows)
            last = rows[-1].id if len(rows) == AT_ONCE else _DONE
            session.merge(InstallationSetting(name=name, value=last))
            return len(rows) or 1
    return 0


def _rows(session: Session, model: type[Listed], before: str) -> list[Listed]:
    statement = select(model).order_by(model.id.desc()).limit(AT_ONCE)
    found = session.scalars(statement.where(model.id < before) if before else statement).unique()
    return cast(list[Listed], found.all())


def _write(session: Session, model: type[Listed], rows: list[Listed]) -> None:
    """What somebody has written meanwhile stays."""
    table = cast(Table, model.__table__)
    statement = update(table).where(table.c.id == bindparam("row"), table.c.search == bindparam("old"))
    changes = [{"row": row.id, "old": row.search, "new": _search_of(row)} for row in rows]
    session.expunge_all()
    if changes:
        session.execute(statement.values(search=bindparam("new"), updated_at=table.c.updated_at), changes)


def _search_of(row: Listed) -> str:
    if isinstance(row, Contact):
        return contacts.search_of(row)
    if isinstance(row, Company):
        return companies.search_of(row)
    return deals.search_of(row) if isinstance(row, Deal) else tasks.search_of(row)
