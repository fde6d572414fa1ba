"""Creates and changes many contacts, companies or deals at once, as their services do one by one: the same values are
refused, the same events recorded.

Rows are looked up and written together, in the caller's transaction. What one row cannot do fails that row alone. Two
rows about the same record are written one after the other, so that the second changes what the first made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.crm.imports import keys, labels, records
from flowapp.crm.imports.rows import SKIPPED, UPDATED, Data, Reader, Row
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError, Problem
from flowapp.events import Cause
from flowapp.texts import say

MODES = ("both", "create", "update")


@dataclass(frozen=True, slots=True)
class Rules:
    """`match`: by which field an existing record is recognized first, empty: by what is usual; `mode`: one of MODES.

    `missing_companies`: companies that rows name and that are not there are made.
    """

    noun: str
    match: str = ""
    mode: str = "both"
    missing_companies: bool = False


class Upsert:
    """Writes rows by `rules`, because of `cause`; `dry`: only says what would become of them."""

    def __init__(self, session: Session, rules: Rules, *, cause: Cause, dry: bool = False) -> None:
        if rules.mode not in MODES:
            raise InvalidError.at("mode", say("Choose one of: %(options)s.", options=", ".join(MODES)))
        names = keys.order(session, rules.noun, rules.match)
        self._session, self._rules, self._cause, self._dry = session, rules, cause, dry
        self._reader = Reader(session, rules.noun, names, missing_companies=rules.missing_companies)
        self._seen: set[keys.Key] = set()  # of rows that would have been written

    def write(self, rows: Iterable[Data]) -> list[Row]:
        """What became of each row. The session's rows are flushed, not committed."""
        given = list(rows)
        self._make_companies(self._reader.look_up(given))
        read = [self._reader.read(one) for one in given]
        waiting = [row for row in read if not row.outcome]
        while waiting:
            now, waiting = _apart(waiting)
            self._write(now)
        return read

    def _make_companies(self, names: Sequence[str]) -> None:
        """Those that rows name and that are not there. One that cannot be made is told where a row names it."""
        new = Upsert(self._session, Rules("company"), cause=self._cause, dry=self._dry)
        for name, row in zip(names, new.write({"name": name} for name in names) if names else (), strict=True):
            if not row.problems:
                self._reader.made(name, row.record.id if row.record is not None else None)

    def _write(self, rows: Sequence[Row]) -> None:
        """Rows about different records."""
        found = keys.find(self._session, self._rules.noun, [key for row in rows for key in row.keys])
        for row in rows:
            self._recognize(row, found)
        some = [row for row in rows if not row.outcome]
        records.write(self._session, self._rules.noun, some, cause=self._cause, dry=self._dry)
        if not self._dry:
            labels.add(self._session, [row for row in some if row.record is not None], cause=self._cause)

    def _recognize(self, row: Row, found: dict[keys.Key, list[Record]]) -> None:
        for key in row.keys:
            known = found.get(key, [])
            if len(known) > 1:
                several = say("There are several records with this value: add a column with their numbers.")
                row.fail(Problem(key[0], several, code="ambiguous"))
                return
            if known:
                row.record = known[0]
                break
        again = self._dry and not self._seen.isdisjoint(row.keys)
        self._seen.update(row.keys if self._dry else ())
        exists = row.record is not None or again
        unwanted = {"create": exists, "update": not exists}.get(self._rules.mode, False)
        if row.record is not None and row.record.deleted_at:
            in_trash = say("A contact with this e-mail address is in the trash: restore it.")
            row.fail(Problem(row.keys[0][0], in_trash, code="taken"))
        elif unwanted:
            row.outcome = SKIPPED
        elif again and row.record is None:
            row.outcome = UPDATED


def _apart(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows that share no key with one before them, and the others."""
    taken: set[keys.Key] = set()
    now: list[Row] = []
    later: list[Row] = []
    for row in rows:
        (now if taken.isdisjoint(row.keys) else later).append(row)
        taken.update(row.keys)
    return now, later
