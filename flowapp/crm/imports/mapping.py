"""The cells of a row as the data that upsert takes, by where its columns go; and problems by the names of the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from flowapp.crm.imports import targets
from flowapp.crm.imports.rows import Row, split
from flowapp.crm.imports.targets import LISTED, OWN
from flowapp.crm.imports.upsert import Upsert
from flowapp.errors import InvalidError, Problem
from flowapp.texts import join, labelled, say

_WIDE = say("There are more cells than column names. Put values with separators in quotes.")
FULL_NAME = "name"  # of a contact: its first word is the first name


class Columns:
    """Where the columns of a file go. InvalidError at `mapping.<column>` for what is not there, or comes twice."""

    def __init__(self, session: Session, noun: str, header: Sequence[str], mapping: Mapping[int, str]) -> None:
        self._noun, self._header = noun, header
        self._targets = {target.name: target for target in targets.of(session, noun)}
        self._mapping = dict(mapping)
        problems = []
        taken: set[str] = set()
        for at, name in mapping.items():
            if name not in self._targets or not 0 <= at < len(header):
                problems.append(Problem(f"mapping.{at}", say("There is no such field.")))
            elif name in taken:
                twice = say(
                    "Another column of the file goes into “%(column)s” already.", column=self._targets[name].label
                )
                problems.append(Problem(f"mapping.{at}", twice))
            taken.add(name)
        if not mapping:
            problems.append(Problem("mapping", say("Choose where at least one column of the file goes.")))
        if problems:
            raise InvalidError(problems)

    def write(self, upsert: Upsert, lines: Sequence[tuple[int, Sequence[str]]]) -> list[Row]:
        """What became of each line. One with more cells than there are columns has its values in the wrong ones: it fails."""
        wide = [any(cells[len(self._header) :]) for _, cells in lines]
        rows = upsert.write(
            {} if is_wide else self.data(cells) for is_wide, (_, cells) in zip(wide, lines, strict=True)
        )
        for is_wide, row in zip(wide, rows, strict=True):
            if is_wide:
                row.problems.clear()
                row.fail(Problem("columns", _WIDE))
        return rows

    def data(self, cells: Sequence[str]) -> dict[str, object]:
        """What a row says; blank cells say nothing."""
        data: dict[str, object] = {}
        own: dict[str, object] = {}
        for at, name in self._mapping.items():
            cell = cells[at].strip() if at < len(cells) else ""
            if not cell:
                continue
            if name.startswith(OWN):
                several = self._targets[name].type == "multiple_choice"
                own[name.removeprefix(OWN)] = split(cell) if several else cell
            elif name == FULL_NAME and self._noun == "contact":
                first, _, last = cell.partition(" ")
                data |= {"first_name": first, "last_name": last.strip()}
            else:
                data[name] = split(cell) if name in LISTED else cell
        return {**data, "fields": own} if own else data

    def column_of(self, path: str) -> str:
        """The name of the file's column that a problem is about; the field's own name where none goes there."""
        names = (path, path.partition(".")[0], FULL_NAME if path in ("first_name", "last_name") else path)
        for name in names:
            at = next((at for at, known in self._mapping.items() if known == name), None)
            if at is not None:
                return self._header[at]
        target = self._targets.get(path)
        return say(target.label) if target and not target.own else target.label if target else ""

    def reason(self, row: Row) -> str:
        """Why a row failed, by its columns."""
        return join("; ", (labelled(self.column_of(one.path), one.message) for one in row.problems))
