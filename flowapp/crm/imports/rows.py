"""Reads many rows as the services of contacts, companies and deals take them. What is looked up for one row (an owner, a
company) is kept for the others."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import cast

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, lists, reading, tags
from flowapp.crm.imports.keys import Key, keys_of
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError, NotFoundError, Problem
from flowapp.models import Company, ContactList, Organization, read_id, read_number
from flowapp.models.folding import folded as folded_column
from flowapp.texts import say
from flowapp.values.text import folded

Data = Mapping[str, object]
SERVICES: Mapping[str, ModuleType] = {"contact": contacts, "company": companies, "deal": deals}
_NOBODY = say("This row has nothing by which its record is recognized: an address, a number, a name.")
_AT_ONCE = 500  # of a question to the database
_LOOKED_UP = ("owner_id", "company_id", "pipeline_stage")
CREATED, UPDATED, UNCHANGED, SKIPPED, FAILED = "created", "updated", "unchanged", "skipped", "failed"


@dataclass(slots=True)
class Row:
    """A row on its way: what was read of it, and what became of it (`outcome`, empty until that is known)."""

    data: dict[str, object] = field(default_factory=dict)
    own: Data = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    lists: list[ContactList] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    record: Record | None = None
    before: dict[str, object] | None = None  # what an existing record was
    held: Data = field(default_factory=dict)  # its custom fields then
    outcome: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its record's, or one of its own."""
        return self.record.id if self.record is not None else f"new {id(self)}"

    def fail(self, *problems: Problem) -> None:
        """It cannot be taken."""
        self.outcome = FAILED
        self.problems += problems


class Reader:
    """Reads rows of a noun. `keys`: by what their records are recognized. `missing_companies`: companies that are named
    and not there are made, for `cause`."""

    def __init__(self, session: Session, noun: str, keys: Sequence[str], *, missing_companies: bool = False) -> None:
        self._session, self._noun, self._keys, self._missing = session, noun, keys, missing_companies
        self._service = SERVICES[noun]
        # Every number and date asks for it: the session would read it for each anew, holding on to nothing itself.
        self._organization = session.get(Organization, session.info["organization_id"])
        self._known: dict[tuple[str, str], object] = {}

    def look_up(self, rows: Sequence[Data]) -> list[str]:
        """Finds the companies that rows name, all at once: by domain, else by name. Those that are to be made."""
        asked = {str(value).strip() for row in rows if (value := self._service.named(row).get("company_id"))}
        named = {folded(one): one for one in sorted(asked) if ("company_id", folded(one)) not in self._known}
        unknown = list(named)
        for start in range(0, len(unknown), _AT_ONCE):
            self._learn(unknown[start : start + _AT_ONCE])
        missing = [one for key, one in named.items() if ("company_id", key) not in self._known]
        return [one for one in missing if not (read_number(one) or read_id(one))] if self._missing else []

    def _learn(self, some: Sequence[str]) -> None:
        name = folded_column(Company.name)
        wanted = select(Company.id, Company.domain, name).where(
            or_(Company.domain.in_(some), name.in_(some)), Company.deleted_at.is_(None)
        )
        found = self._session.execute(wanted.order_by(Company.id)).all()
        for at in (1, 2):
            for row in found:
                if row[at] in some and read_number(row[at]) is None:
                    self._known.setdefault(("company_id", row[at]), row[0])

    def made(self, company: str, company_id: str | None) -> None:
        """A company that was to be made; its id, none in a trial."""
        self._known["company_id", folded(company)] = company_id

    def read(self, given: Data) -> Row:
        """The row, failed where something of it cannot be read; every fault names its field. What is blank is left out."""
        row = Row()
        data = {name: value for name, value in self._service.named(given).items() if value not in (None, "", [])}
        own = data.pop("fields", None) or {}
        row.own = own if isinstance(own, Mapping) else {}
        for name, value in data.items():
            try:
                self._take(row, name, value)
            except InvalidError as error:
                row.fail(*error.problems)
        row.keys = keys_of(self._session, self._noun, self._keys, {**row.data, "fields": row.own})
        if not row.keys and not row.outcome:
            row.fail(Problem(self._keys[0], _NOBODY, code="required"))
        return row

    def _take(self, row: Row, name: str, value: object) -> None:
        if name == "tags":
            row.tags = list(
                {tags.key_of(tag): tag for one in _several(value) if (tag := tags.clean(one, name))}.values()
            )
        elif name == "lists" and self._noun == contacts.NOUN:
            row.lists = [self._list(one) for one in _several(value)]
        elif name in self._service.READERS:
            row.data[name] = self._looked_up(name, value) if name in _LOOKED_UP else self._read(name, value)
        else:
            row.data[name] = value

    def _read(self, name: str, value: object) -> object:
        reader: reading.Reader = self._service.READERS[name]
        return reader(self._session, value, name)

    def _looked_up(self, name: str, value: object) -> object:
        asked = (name, folded(str(value)))
        if asked not in self._known:
            self._known[asked] = self._read(name, value)
        return self._known[asked]

    def _list(self, name: str) -> ContactList:
        asked = ("lists", folded(name))
        if asked not in self._known:
            try:
                self._known[asked] = lists.find(self._session, name)
            except NotFoundError as error:
                raise InvalidError.at("lists", error.message + say(" Make it first, or correct its name.")) from None
        return cast(ContactList, self._known[asked])


def read_fields(session: Session, noun: str, row: Row, current: Data, *, new: bool) -> dict[str, object]:
    """The custom fields of the record after the row; its faults are the row's."""
    try:
        return fields.read(session, noun, row.own, current, new=new)
    except InvalidError as error:
        row.fail(*error.problems)
        return dict(current)


def _several(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else split(str(value))


def split(cell: str) -> list[str]:
    """The values of a cell that holds several: with semicolons or lines between them, else commas; one that has any of these
    stands in quotes."""
    line = ";".join(cell.splitlines())
    separator = ";" if ";" in line else ","
    try:
        values = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # one of its values is longer than any tag or choice
        values = line.split(separator)
    return [text for value in values if (text := value.strip())]


def joined(values: Sequence[str]) -> str:
    """The same the other way round."""
    return "; ".join(
        '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ';,\n"') else value for value in values
    )
