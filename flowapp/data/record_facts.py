"""What became of records of data tables, as facts (table.record.created and so on), where somebody hears of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.data import tables
from flowapp.data.columns import plain
from flowapp.engine.store.event_matching.listeners import somebody_listens
from flowapp.events import Cause
from flowapp.models import DataTable

Row = dict[str, object]
Item = TypeVar("Item")
BATCH = 200


class RecordFacts:
    """Of one write: looked at before it (`ids`: the records as they are), told after it.

    What a person does is always told; what steps and imports write, only where somebody listens.
    """

    def __init__(self, session: Session, table: DataTable, verb: str, cause: Cause, ids: Sequence[str] = ()) -> None:
        self.session, self.table, self.verb, self.cause = session, table, verb, cause
        by_person = cause.actor_id is not None and not cause.bulk
        self.wanted = by_person or somebody_listens(session, f"table.record.{verb}")
        self.before = self._rows(ids) if self.wanted and ids else {}

    def tell(self, ids: Sequence[str]) -> None:
        """Records what was written; of what did not change nothing."""
        if not self.wanted:
            return
        after = self.before if self.verb == "deleted" else self._rows(ids)
        for record_id, record in after.items():
            changes = _changes(self.before.get(record_id, {}), record) if self.verb == "updated" else {}
            if changes or self.verb != "updated":
                self._tell(record_id, record, changes)

    def _tell(self, record_id: str, record: Row, changes: Row) -> None:
        payload = {
            "table": self.table.slug,
            "table_id": self.table.id,
            "table_name": self.table.name,
            "project_id": self.table.project_id,
            "record_id": record_id,
            "record": record,
            "changes": changes,
        }
        kind = f"table.record.{self.verb}"
        events.record(self.session, kind, entity=("record", record_id), payload=payload, cause=self.cause)

    def _rows(self, ids: Sequence[str]) -> dict[str, Row]:
        physical = tables.sql_table(self.table)
        keys = ["id", *(column.key for column in tables.columns_of(self.table)), "created_at", "updated_at"]
        found: dict[str, Row] = {}
        for batch in batches(ids):
            query = (
                sa.select(*(physical.c[key] for key in keys)).where(physical.c.id.in_(batch)).order_by(physical.c.id)
            )
            for row in self.session.execute(query).mappings():
                found[row["id"]] = {str(name): plain(value) for name, value in row.items()}
        return found


def _changes(before: Row, after: Row) -> Row:
    names = [name for name in after if name != "updated_at" and before.get(name) != after[name]]
    return {name: {"old": before.get(name), "new": after[name]} for name in names}


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Pieces small enough for one statement's parameters."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
