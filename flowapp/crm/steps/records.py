"""What a step may do with the organization's records: catalog.Crm over sessions. Every fault is a StepError."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from flowapp.catalog import Found, KeptRecord
from flowapp.crm import contacts, links, lists, tags
from flowapp.crm.steps import members
from flowapp.crm.steps.nouns import named, read_data
from flowapp.crm.steps.search import find
from flowapp.data.step_tables import for_steps
from flowapp.engine.runtime.visit import Visit
from flowapp.models.crm.base import Sourced

T = TypeVar("T")
Names = list[str]


class Run(Protocol):
    """Runs `work` in a session of the organization: it is committed at the end, or in a simulation taken back."""

    def __call__(self, work: Callable[[Session], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class StepOf:
    """One visit of a step; `key` is its idempotency key."""

    visit: Visit
    step_id: str
    key: str


class StepCrm:
    """The records, on behalf of one visit of a step."""

    def __init__(self, run: Run, step: StepOf) -> None:
        self._run, self._step = run, step
        self._cause = step.visit.cause(step.step_id)

    def on(self, run: Run) -> StepCrm:
        """The same, with sessions that `run` gives."""
        return StepCrm(run, self._step)

    @for_steps
    def subject(self, noun: str) -> str:
        return self._run(lambda session: members.subject(session, self._step.visit, noun))

    @for_steps
    def create(self, noun: str, data: Mapping[str, object]) -> KeptRecord:
        def work(session: Session) -> KeptRecord:
            one, read = named(noun), read_data(session, noun, data)
            row = one.create(session, read, cause=self._cause, source_key=self._step.key)
            return KeptRecord(one.view(row), created=True, changed=True)

        return self._run(work)

    @for_steps
    def save_contact(self, data: Mapping[str, object]) -> KeptRecord:
        def work(session: Session) -> KeptRecord:
            read = read_data(session, contacts.NOUN, data)
            known = contacts.by_email(session, str(read.get("email") or ""), trashed=True)
            if known is None:
                made = contacts.create(session, read, cause=self._cause, source_key=self._step.key)
                return KeptRecord(contacts.view(made), created=True, changed=True)
            contacts.restore(session, known, cause=self._cause)
            # It is found by any of its addresses: the primary one stays what it is.
            given = {name: value for name, value in read.items() if value not in (None, "") and name != "email"}
            return self._change(session, contacts.NOUN, known, given)

        return self._run(work)

    @for_steps
    def update(self, noun: str, reference: str, data: Mapping[str, object]) -> KeptRecord:
        def work(session: Session) -> KeptRecord:
            row = named(noun).find(session, reference)
            return self._change(session, noun, row, read_data(session, noun, data))

        return self._run(work)

    @for_steps
    def add_score(self, reference: str, points: int) -> KeptRecord:
        def work(session: Session) -> KeptRecord:
            contact, cause = contacts.find(session, reference), replace(self._cause, origin=f"visit:{self._step.key}")
            if members.was_told(session, contact, cause):
                return KeptRecord(contacts.view(contact))
            before = contact.score
            contacts.add_score(session, contact, points, cause=cause)
            return KeptRecord(contacts.view(contact), changed=contact.score != before)

        return self._run(work)

    @for_steps
    def tag(self, noun: str, reference: str, names: Sequence[str], *, remove: bool = False) -> Names:
        change = tags.take if remove else tags.add
        return self._run(lambda s: change(s, links.find(s, noun, reference), names, cause=self._cause))

    @for_steps
    def list(self, name: str, reference: str, *, remove: bool = False) -> bool:
        change = lists.take if remove else lists.add
        return self._run(lambda s: change(s, lists.find(s, name), contacts.find(s, reference), cause=self._cause))

    @for_steps
    def find(self, noun: str, where: Mapping[str, object], *, limit: int = 1) -> Found:
        def work(session: Session) -> Found:
            rows, count = find(session, noun, where, limit)
            return Found([named(noun).view(row) for row in rows], count)

        return self._run(work)

    @for_steps
    def member(self, wanted: str, among: Sequence[str] = ()) -> str:
        return self._run(lambda session: members.member(session, self._step.visit, wanted, among))

    def _change(self, session: Session, noun: str, row: Sourced, data: Mapping[str, object]) -> KeptRecord:
        one = named(noun)
        before = one.view(row)
        one.update(session, row, data, self._cause)
        after = one.view(row)
        return KeptRecord(after, changed=after != before)
