"""Has the CRM's services write the made-up year. Every row has a key of its own, so that it is there once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, lists, notes, pipelines, tags, tasks
from flowapp.errors import FlowError
from flowapp.events import Cause
from flowapp.models import Company, Contact, ContactList, Deal, FieldDef, Member, Note, Stage, Task
from flowapp.models.base import as_of
from flowapp.models.crm.base import Sourced
from flowapp.template_library.demo_year.entries import Entry

Data = dict[str, object]
Row = TypeVar("Row", Company, Contact, Deal, Task, Note)
_MODELS: Mapping[str, type[Sourced]] = {
    "company": Company, "contact": Contact, "deal": Deal, "task": Task, "note": Note,
}  # fmt: skip
_OWN = {"company": ("industry", "employees"), "contact": ("source",), "deal": ("products",)}


@dataclass
class Writer:
    """Writes entries in a session of the organization; the caller commits. Events start no workflow and notify nobody."""

    session: Session
    name: str  # what the keys begin with
    ids: dict[str, str | None] = field(default_factory=dict)  # by key, as far as they are known

    def write(self, entries: Sequence[Entry]) -> list[tuple[Entry, str]]:
        """What could not be written, and why: a person may have taken an address meanwhile, or deleted a record.

        All together; only where something fails each by itself, with a savepoint that costs time.
        """
        try:
            with self.session.begin_nested():
                for one in entries:
                    self._write(one)
        except FlowError:
            return [(one, why) for one in entries if (why := self._fault(one))]
        return []

    def _fault(self, one: Entry) -> str:
        try:
            with self.session.begin_nested():
                self._write(one)
        except FlowError as error:
            return error.message
        return ""

    def _write(self, one: Entry) -> None:
        with as_of(one.at):
            _VERBS[one.verb](self, one)
            self.session.flush()

    @cached_property
    def members(self) -> list[str]:
        return list(self.session.scalars(select(Member.user_id).order_by(Member.id)))

    @cached_property
    def stages(self) -> Mapping[str, Stage]:
        """Those of the default pipeline: the open ones by their place, and the first in which a deal is won or lost."""
        there = pipelines.default(self.session).stages
        ends = {stage.kind: stage for stage in reversed(there) if stage.kind != "open"}
        return {str(at): stage for at, stage in enumerate(one for one in there if one.kind == "open")} | ends

    def key(self, one: str) -> str:
        return f"{self.name}:{one}"

    def find(self, key: str, model: type[Row]) -> Row | None:
        """The row of a key, None where somebody deleted it."""
        known = self.id_of(key)
        row = self.session.get(model, known) if known else None
        return None if row is None or row.deleted_at else row

    def cause(self) -> Cause:
        return Cause(self.members[0] if self.members else None, bulk=True, silent=True)

    def data(self, one: Entry) -> Data:
        """The data with members and links as ids, own fields apart."""
        noun = one.key.partition(":")[0]
        own = _OWN.get(noun, ())
        read: Data = {name: value for name, value in one.data.items() if name not in own}
        if own:
            read["fields"] = {name: one.data[name] for name in own}
        for name in ("owner_id", "assignee_id"):
            if read.get(name):
                read[name] = self.members[int(str(read[name])) % len(self.members)] if self.members else None
        for name, key in one.links.items():
            read[name] = self.id_of(key)
        return read

    def id_of(self, key: str) -> str | None:
        if key not in self.ids:
            model = _MODELS[key.partition(":")[0]]
            self.ids[key] = self.session.scalar(select(model.id).where(model.source_key == self.key(key)))
        return self.ids[key]


def _define(writer: Writer, one: Entry) -> None:
    known = select(FieldDef.id).filter_by(noun=one.data["object"], key=one.data["key"])
    if writer.session.scalar(known) is None:
        fields.create(writer.session, one.data)


def _list(writer: Writer, one: Entry) -> None:
    if writer.session.scalar(select(ContactList.id).filter_by(name=one.data["name"])) is None:
        lists.create(writer.session, one.data)


def _company(writer: Writer, one: Entry) -> None:
    data = writer.data(one)
    stage = writer.stages.get(str(data.pop("stage")))
    data["pipeline_stage"] = stage.name if stage else ""
    companies.create(writer.session, data, cause=writer.cause(), source_key=writer.key(one.key))


def _contact(writer: Writer, one: Entry) -> None:
    contacts.create(writer.session, writer.data(one), cause=writer.cause(), source_key=writer.key(one.key))


def _deal(writer: Writer, one: Entry) -> None:
    deals.create(writer.session, writer.data(one), cause=writer.cause(), source_key=writer.key(one.key))


def _task(writer: Writer, one: Entry) -> None:
    tasks.create(writer.session, writer.data(one), cause=writer.cause(), source_key=writer.key(one.key))


def _note(writer: Writer, one: Entry) -> None:
    notes.create(writer.session, writer.data(one), cause=writer.cause(), source_key=writer.key(one.key))


def _move(writer: Writer, one: Entry) -> None:
    stage, deal = writer.stages.get(str(one.data["stage"])), writer.find(one.key, Deal)
    if stage is not None and deal is not None and deal.status == "open":
        reason = str(one.data.get("lost_reason", ""))
        deals.move(writer.session, deal, stage.id, cause=writer.cause(), lost_reason=reason)


def _complete(writer: Writer, one: Entry) -> None:
    if (task := writer.find(one.key, Task)) is not None:
        tasks.complete(writer.session, task, cause=writer.cause())


def _tag(writer: Writer, one: Entry) -> None:
    is_contact = one.key.startswith("contact:")
    record = writer.find(one.key, Contact) if is_contact else writer.find(one.key, Company)
    if record is not None:
        tags.add(writer.session, record, [one.data["tag"]], cause=writer.cause())


def _enlist(writer: Writer, one: Entry) -> None:
    row = writer.session.scalar(select(ContactList).filter_by(name=one.data["list"]).limit(1))
    contact = writer.find(one.key, Contact)
    if row is not None and contact is not None:
        lists.add(writer.session, row, contact, cause=writer.cause())


def _change(writer: Writer, one: Entry) -> None:
    if (contact := writer.find(one.key, Contact)) is not None:
        contacts.update(writer.session, contact, one.data, cause=writer.cause())


_VERBS: Mapping[str, Callable[[Writer, Entry], None]] = {
    "define": _define, "list": _list, "company": _company, "contact": _contact, "deal": _deal, "task": _task, "note": _note,
    "move": _move, "complete": _complete, "tag": _tag, "enlist": _enlist, "change": _change,
}  # fmt: skip
